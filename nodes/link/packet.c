/* Packets' bytes; see the header. */
#include "nodes/link/packet.h"

#include <stddef.h>

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
