/* Datagrams: see the header. */
#include "harness/trial/datagrams.h"

#include "lib/base/error.h"
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdbool.h>

#define ETHERNET 14
#define IPV6 40

static unsigned be16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Where UDP's header begins, 0: it is none. */
static size_t udp_at(const struct pcap_pkthdr *header, const unsigned char *bytes)
{
	const unsigned char *ip = bytes + ETHERNET;
	size_t captured = header->caplen < ETHERNET ? 0 : header->caplen - ETHERNET;
	if (captured >= 20 && be16(bytes + 12) == 0x0800 && ip[9] == IPPROTO_UDP && !(be16(ip + 6) & 0x1fff))
		return ETHERNET + (size_t)(ip[0] & 15) * 4; /* only the first fragment has ports */
	if (captured >= IPV6 && be16(bytes + 12) == 0x86dd && ip[6] == IPPROTO_UDP)
		return ETHERNET + IPV6;
	return 0;
}

static bool take(const struct pcap_pkthdr *header, const unsigned char *bytes, struct datagram *d)
{
	size_t udp = udp_at(header, bytes);
	if (!udp || header->caplen < udp + 8 || be16(bytes + udp + 4) < 8)
		return false;
	*d = (struct datagram){.at_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
		.from = be16(bytes + udp),
		.to = be16(bytes + udp + 2),
		.length = be16(bytes + udp + 4) - 8,
		.data = bytes + udp + 8,
		.size = header->caplen - udp - 8};
	return true;
}

int datagrams_read(const char *capture, void (*each)(void *context, const struct datagram *datagram),
	void *context, char **error)
{
	char fault[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const unsigned char *bytes;
	struct datagram d;
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(capture, PCAP_TSTAMP_PRECISION_NANO, fault);
	if (!pcap)
		return error_set(error, "%s: %s", capture, fault);
	int result = pcap_datalink(pcap) == DLT_EN10MB
			     ? 0
			     : error_set(error, "%s: not a capture of Ethernet", capture);
	int more = 0;
	while (result == 0 && (more = pcap_next_ex(pcap, &header, &bytes)) == 1)
		if (take(header, bytes, &d))
			each(context, &d);
	if (more == PCAP_ERROR)
		result = error_set(error, "%s: %s", capture, pcap_geterr(pcap));
	pcap_close(pcap);
	return result;
}
