/* Tunnel: a plain substring search in the captured part of each large datagram of the port. */
#include "harness/trial/tunnel.h"

#include "lib/base/error.h"
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <string.h>

#define ETHERNET 14
#define DATA_BYTES 600

static unsigned be16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void look_at(const struct pcap_pkthdr *header, const unsigned char *bytes, int port,
	const char *pattern, struct tunnel_sight *sight)
{
	if (header->caplen < ETHERNET + 20 || be16(bytes + 12) != 0x0800 ||
		bytes[ETHERNET + 9] != IPPROTO_UDP)
		return;
	/* Only the first fragment has ports. */
	if (be16(bytes + ETHERNET + 6) & 0x1fff)
		return;
	size_t udp = ETHERNET + (size_t)(bytes[ETHERNET] & 15) * 4;
	if (header->caplen < udp + 8 || be16(bytes + udp + 4) < 8 + DATA_BYTES)
		return;
	if ((int)be16(bytes + udp) != port && (int)be16(bytes + udp + 2) != port)
		return;
	sight->data++;
	if (memmem(bytes + udp + 8, header->caplen - udp - 8, pattern, strlen(pattern)))
		sight->readable++;
}

int tunnel_look(const char *capture, int port, const char *pattern, struct tunnel_sight *sight, char **error)
{
	char fault[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const unsigned char *bytes;
	*sight = (struct tunnel_sight){0};
	pcap_t *pcap = pcap_open_offline(capture, fault);
	if (!pcap)
		return error_set(error, "%s: %s", capture, fault);
	int result = pcap_datalink(pcap) == DLT_EN10MB
			     ? 0
			     : error_set(error, "%s: not a capture of Ethernet", capture);
	int more = 0;
	while (result == 0 && (more = pcap_next_ex(pcap, &header, &bytes)) == 1)
		look_at(header, bytes, port, pattern, sight);
	if (more == PCAP_ERROR)
		result = error_set(error, "%s: %s", capture, pcap_geterr(pcap));
	pcap_close(pcap);
	return result;
}
