/* Decode: see the header. Every read is behind a check against what was captured. */
#include "analysis/decode.h"
#include <string.h>

enum link_type {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_IPV6 = 0x86dd,
	ETHER_VLAN = 0x8100,
	ETHER_QINQ = 0x88a8,
	ETHER_VLAN_OLD = 0x9100
};
enum { PROTOCOL_TCP = 6, IPV6_HEADER = 40, TCP_HEADER = 20 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t value;
	memcpy(&value, p, sizeof value);
	return __builtin_bswap32(value);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;
	memcpy(&value, p, sizeof value);
	return __builtin_bswap64(value);
}

enum decode_result decode_link(
	const struct capture_packet *packet, const uint8_t **ip, uint32_t *captured, uint32_t *original)
{
	uint32_t header = 0, type_at = 0;
	bool typed = true;
	switch (packet->link_type) {
	case LINK_ETHERNET:
		header = 14;
		type_at = 12;
		break;
	case LINK_SLL:
		header = 16;
		type_at = 14;
		break;
	case LINK_SLL2:
		header = 20;
		type_at = 0;
		break;
	case LINK_NULL:
	case LINK_LOOP:
		header = 4;
		typed = false;
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		typed = false;
		break;
	default:
		return DECODE_LINK;
	}
	if (packet->captured < header)
		return packet->original < header ? DECODE_OTHER : DECODE_CUT;
	if (typed) {
		uint16_t type = get16(packet->data + type_at);
		while (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_VLAN_OLD) {
			header += 4;
			if (packet->captured < header)
				return packet->original < header ? DECODE_MALFORMED : DECODE_CUT;
			type = get16(packet->data + header - 2);
		}
		if (type != ETHER_IPV4 && type != ETHER_IPV6)
			return DECODE_OTHER;
	}
	*ip = packet->data + header;
	*captured = packet->captured - header;
	*original = packet->original - header;
	return DECODE_TCP;
}

static uint32_t mix(uint64_t value)
{
	/* Two multiplications by odd constants (of MurmurHash3's finaliser): enough for addresses and ports.
	 */
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdu;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(value >> 32);
}

static void make_key4(struct segment *segment, const uint8_t *ip, const uint8_t *tcp)
{
	uint64_t source = (uint64_t)get32(ip + 12) << 16 | get16(tcp);
	uint64_t destination = (uint64_t)get32(ip + 16) << 16 | get16(tcp + 2);
	segment->from_second = source > destination;
	segment->key.word[0] = segment->from_second ? destination : source;
	segment->key.word[1] = segment->from_second ? source : destination;
	segment->key.word[2] = segment->key.word[3] = segment->key.word[4] = 0;
	segment->hash = mix(segment->key.word[0] * 0x9e3779b97f4a7c15u + segment->key.word[1]);
}

static void make_key6(struct segment *segment, const uint8_t *ip, const uint8_t *tcp)
{
	uint64_t source[2] = {get64(ip + 8), get64(ip + 16)};
	uint64_t destination[2] = {get64(ip + 24), get64(ip + 32)};
	uint64_t ports[2] = {get16(tcp), get16(tcp + 2)};
	bool swap;
	if (source[0] != destination[0])
		swap = source[0] > destination[0];
	else if (source[1] != destination[1])
		swap = source[1] > destination[1];
	else
		swap = ports[0] > ports[1];
	const uint64_t *first = swap ? destination : source, *second = swap ? source : destination;
	segment->from_second = swap;
	segment->key = (struct flow_key){{first[0], first[1], second[0], second[1],
		(uint64_t)1 << 32 | ports[swap] << 16 | ports[!swap]}};
	uint64_t sum = 0;
	for (unsigned i = 0; i < 5; i++)
		sum = (sum ^ segment->key.word[i]) * 0x9e3779b97f4a7c15u + (sum >> 29);
	segment->hash = mix(sum);
}

/* The TCP header and on: `at_hand` bytes captured, `length` by the IP header. */
static inline enum decode_result decode_tcp(
	const uint8_t *tcp, uint32_t at_hand, uint32_t length, struct segment *segment)
{
	if (length < TCP_HEADER)
		return DECODE_MALFORMED;
	if (at_hand < TCP_HEADER)
		return DECODE_CUT;
	uint32_t header = (tcp[12] >> 4) * 4u;
	if (header < TCP_HEADER || header > length)
		return DECODE_MALFORMED;
	segment->sequence = get32(tcp + 4);
	segment->acknowledgement = get32(tcp + 8);
	segment->flags = tcp[13];
	segment->window = get16(tcp + 14);
	segment->payload = length - header;
	segment->options = tcp + TCP_HEADER;
	segment->options_sent = (uint8_t)(header - TCP_HEADER);
	segment->options_cut = at_hand < header;
	segment->options_length = (uint8_t)((at_hand < header ? at_hand : header) - TCP_HEADER);
	segment->header_bytes += header;
	return DECODE_TCP;
}

static inline enum decode_result decode_ipv4(
	const uint8_t *ip, uint32_t captured, uint32_t original, struct segment *segment)
{
	if (captured < 20)
		return original < 20 ? DECODE_MALFORMED : DECODE_CUT;
	uint32_t header = (ip[0] & 15u) * 4, length = get16(ip + 2);
	/* Segmentation offload beyond 64 KiB leaves 0 here. */
	if (length == 0)
		length = original;
	if (header < 20 || length < header || length > original)
		return DECODE_MALFORMED;
	if (ip[9] != PROTOCOL_TCP)
		return DECODE_OTHER;
	/* More fragments, or an offset. */
	if (get16(ip + 6) & 0x3fff)
		return DECODE_FRAGMENT;
	if (captured < header)
		return DECODE_CUT;
	segment->header_bytes = header;
	uint32_t at_hand = captured < length ? captured : length;
	enum decode_result result = decode_tcp(ip + header, at_hand - header, length - header, segment);
	if (result == DECODE_TCP)
		make_key4(segment, ip, ip + header);
	return result;
}

/* Moves over the extension headers (RFC 8200, section 4). Leaves the upper protocol in *next and its offset
 * in *at. */
static enum decode_result skip_extensions(
	const uint8_t *ip, uint32_t at_hand, uint32_t length, uint8_t *next, uint32_t *at)
{
	for (unsigned depth = 0; depth < 16; depth++) {
		uint32_t size;
		switch (*next) {
		case 0:   /* hop by hop */
		case 43:  /* routing */
		case 60:  /* destination */
		case 135: /* mobility */
		case 51:  /* authentication */
		case 44:  /* fragment */
			break;
		default:
			return DECODE_TCP;
		}
		if (*at + 8 > length)
			return DECODE_MALFORMED;
		if (*at + 8 > at_hand)
			return DECODE_CUT;
		if (*next == 44) {
			/* A whole packet in one fragment (RFC 6946) is as good as none. */
			if (get16(ip + *at + 2) & 0xfff9)
				return DECODE_FRAGMENT;
			size = 8;
		} else if (*next == 51) {
			size = (ip[*at + 1] + 2u) * 4;
		} else {
			size = (ip[*at + 1] + 1u) * 8;
		}
		*next = ip[*at];
		*at += size;
		if (*at > length)
			return DECODE_MALFORMED;
	}
	return DECODE_MALFORMED;
}

static enum decode_result decode_ipv6(
	const uint8_t *ip, uint32_t captured, uint32_t original, struct segment *segment)
{
	if (captured < IPV6_HEADER)
		return original < IPV6_HEADER ? DECODE_MALFORMED : DECODE_CUT;
	uint32_t length = get16(ip + 4) + (uint32_t)IPV6_HEADER, at = IPV6_HEADER;
	/* A jumbogram or segmentation offload beyond 64 KiB. */
	if (length == IPV6_HEADER)
		length = original;
	if (length > original)
		return DECODE_MALFORMED;
	uint32_t at_hand = captured < length ? captured : length;
	uint8_t next = ip[6];
	enum decode_result result = skip_extensions(ip, at_hand, length, &next, &at);
	if (result != DECODE_TCP)
		return result;
	if (next != PROTOCOL_TCP)
		return DECODE_OTHER;
	if (at > at_hand)
		return DECODE_CUT;
	segment->header_bytes = at;
	result = decode_tcp(ip + at, at_hand - at, length - at, segment);
	if (result == DECODE_TCP)
		make_key6(segment, ip, ip + at);
	return result;
}

enum decode_result decode_packet(const struct capture_packet *packet, struct segment *segment)
{
	const uint8_t *ip;
	uint32_t captured, original;
	segment->time_ns = packet->time_ns;
	/* By far the most: IPv4 on Ethernet. */
	if (packet->link_type == LINK_ETHERNET && packet->captured > 14 &&
		get16(packet->data + 12) == ETHER_IPV4 && packet->data[14] >> 4 == 4)
		return decode_ipv4(packet->data + 14, packet->captured - 14, packet->original - 14, segment);
	enum decode_result result = decode_link(packet, &ip, &captured, &original);
	if (result != DECODE_TCP)
		return result;
	if (captured == 0)
		return original ? DECODE_CUT : DECODE_MALFORMED;
	if (ip[0] >> 4 == 4)
		return decode_ipv4(ip, captured, original, segment);
	if (ip[0] >> 4 == 6)
		return decode_ipv6(ip, captured, original, segment);
	return packet->link_type == LINK_NULL || packet->link_type == LINK_LOOP ? DECODE_OTHER
										: DECODE_MALFORMED;
}
