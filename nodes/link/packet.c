/* Packets' bytes; see the header. */
#include "nodes/link/packet.h"
#include "lib/ndp/ndp_wire.h"

#include <stddef.h>
#include <string.h>

#define ETHERNET 14
#define TAG 4
#define CE 3 /* congestion experienced */

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The IP header, 4 or 6 in *version; NULL: none, or cut off before its ECN field is whole. */
static uint8_t *ip_header(const void *frame, uint32_t bytes, unsigned *version)
{
	uint8_t *at = (uint8_t *)frame;
	uint32_t offset = ETHERNET;
	unsigned type = bytes >= ETHERNET ? get16(at + 12) : 0;
	while ((type == 0x8100 || type == 0x88a8) && bytes >= offset + TAG) {
		type = get16(at + offset + 2);
		offset += TAG;
	}
	*version = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
	uint32_t least = *version == 4 ? 20 : 40;
	if (*version == 0 || bytes < offset + least || at[offset] >> 4 != *version)
		return NULL;
	return at + offset;
}

bool packet_is_ecn(const void *frame, uint32_t bytes)
{
	unsigned version;
	const uint8_t *ip = ip_header(frame, bytes, &version);
	if (!ip)
		return false;
	return version == 4 ? (ip[1] & CE) != 0 : (ip[1] >> 4 & CE) != 0;
}

/* RFC 1624: the checksum of a header of which one 16-bit word changes. */
static void update_checksum(uint8_t *checksum, unsigned before, unsigned after)
{
	uint32_t sum = (~get16(checksum) & 0xffff) + (~before & 0xffff) + after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	checksum[0] = (uint8_t)(sum >> 8);
	checksum[1] = (uint8_t)sum;
}

void packet_mark(void *frame, uint32_t bytes)
{
	unsigned version;
	uint8_t *ip = ip_header(frame, bytes, &version);
	if (!ip)
		return;
	if (version == 6) {
		ip[1] |= CE << 4;
		return;
	}
	unsigned before = get16(ip);
	ip[1] |= CE;
	update_checksum(ip + 10, before, get16(ip));
}

void packet_corrupt(void *frame, uint32_t bytes, uint64_t draw)
{
	if (bytes <= ETHERNET)
		return;
	uint64_t bit = draw % ((uint64_t)(bytes - ETHERNET) * 8);
	((uint8_t *)frame)[ETHERNET + bit / 8] ^= (uint8_t)(1U << (bit % 8));
}

/* ---- NDP */

#define UDP_HEADER 8
#define UDP 17
#define NDP_TYPE_AT 1 /* behind the version */

/* The UDP header of an IPv4 datagram in one piece; NULL: it is none. */
static uint8_t *udp_header(const void *frame, uint32_t bytes, uint8_t **ip)
{
	unsigned version;
	uint8_t *at = ip_header(frame, bytes, &version);

	if (!at || version != 4 || at[9] != UDP || (get16(at + 6) & 0x3fff) != 0)
		return NULL;
	uint32_t left = bytes - (uint32_t)(at - (const uint8_t *)frame), length = (at[0] & 15U) * 4;
	if (length < 20 || left < length + UDP_HEADER)
		return NULL;
	*ip = at;
	return at + length;
}

enum trim_class packet_trim_class(const void *frame, uint32_t bytes, uint16_t port, uint16_t *header_bytes)
{
	struct ndp_message message;
	uint8_t *ip, *udp = udp_header(frame, bytes, &ip);

	*header_bytes = 0;
	if (!udp || (get16(udp) != port && get16(udp + 2) != port))
		return TRIM_OTHER;
	const uint8_t *start = frame, *ndp = udp + UDP_HEADER;
	uint32_t length = get16(udp + 4), before = (uint32_t)(ndp - start);
	if (length < UDP_HEADER || length - UDP_HEADER > bytes - before ||
		ndp_decode(ndp, length - UDP_HEADER, &message) != NDP_GOOD)
		return TRIM_CONTROL; /* short, and of no concern here */
	*header_bytes = (uint16_t)(before + NDP_WIRE_SIZE);
	return message.type == NDP_DATA ? TRIM_DATA : message.type == NDP_HEADER ? TRIM_HEADER : TRIM_CONTROL;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void packet_trim(void *frame)
{
	uint8_t *ip, *udp = udp_header(frame, UINT16_MAX, &ip);
	unsigned before = get16(ip + 2), after = (unsigned)(udp - ip) + UDP_HEADER + NDP_WIRE_SIZE;

	put16(ip + 2, after);
	update_checksum(ip + 10, before, after);
	put16(udp + 4, UDP_HEADER + NDP_WIRE_SIZE);
	put16(udp + 6, 0);
	udp[UDP_HEADER + NDP_TYPE_AT] = NDP_HEADER;
}

static void change_over(uint8_t *a, uint8_t *b, size_t bytes)
{
	uint8_t kept[4];

	memcpy(kept, a, bytes);
	memcpy(a, b, bytes);
	memcpy(b, kept, bytes);
}

void packet_bounce(void *frame, const uint8_t to[6])
{
	uint8_t *ip, *udp = udp_header(frame, UINT16_MAX, &ip);

	memcpy(frame, to, 6);
	change_over(ip + 12, ip + 16, 4); /* whose sum stays the same */
	change_over(udp, udp + 2, 2);
	put16(udp + 6, 0);
	udp[UDP_HEADER + NDP_TYPE_AT] = NDP_RTS;
}
