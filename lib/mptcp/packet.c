/* Reading: every read is behind a check against what is at hand. Writing: RFC 791, 8200, 9293; checksums by RFC 1071. */
#include "lib/mptcp/packet.h"
#include <string.h>

enum { PROTOCOL_TCP = 6, IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, HOPS = 64 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static uint32_t get(const uint8_t *p, unsigned bytes)
{
	uint32_t value = 0;
	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

static void put(uint8_t *p, uint32_t value, unsigned bytes)
{
	while (bytes--)
		*p++ = (uint8_t)(value >> (8 * bytes));
}

static enum packet_result read_tcp(const uint8_t *tcp, size_t at_hand, size_t length, struct packet *packet)
{
	if (length < TCP_HEADER)
		return PACKET_MALFORMED;
	if (at_hand < TCP_HEADER)
		return PACKET_CUT;
	size_t header = (tcp[12] >> 4) * 4u;
	if (header < TCP_HEADER || header > length)
		return PACKET_MALFORMED;
	if (header > at_hand)
		return PACKET_CUT;
	packet->source.port = (uint16_t)get(tcp, 2);
	packet->destination.port = (uint16_t)get(tcp + 2, 2);
	packet->sequence = get(tcp + 4, 4);
	packet->acknowledgement = get(tcp + 8, 4);
	packet->flags = tcp[13];
	packet->window = (uint16_t)get(tcp + 14, 2);
	packet->options = tcp + TCP_HEADER;
	packet->options_length = (uint8_t)(header - TCP_HEADER);
	packet->payload = tcp + header;
	packet->payload_length = (uint32_t)(length - header);
	packet->payload_at_hand = (uint32_t)((at_hand < length ? at_hand : length) - header);
	return PACKET_TCP;
}

static enum packet_result read_ipv4(const uint8_t *ip, size_t at_hand, size_t length, struct packet *packet)
{
	if (at_hand < IPV4_HEADER)
		return length < IPV4_HEADER ? PACKET_MALFORMED : PACKET_CUT;
	size_t header = (ip[0] & 15u) * 4u, total = get(ip + 2, 2);
	/* Segmentation offload beyond 64 KiB leaves 0 here. */
	if (total == 0)
		total = length;
	if (header < IPV4_HEADER || total < header || total > length)
		return PACKET_MALFORMED;
	if (ip[9] != PROTOCOL_TCP || (get(ip + 6, 2) & 0x3fff))
		return PACKET_OTHER;
	if (at_hand < header)
		return PACKET_CUT;
	packet->family = 4;
	memcpy(packet->source.address, mapped, sizeof mapped);
	memcpy(packet->source.address + 12, ip + 12, 4);
	memcpy(packet->destination.address, mapped, sizeof mapped);
	memcpy(packet->destination.address + 12, ip + 16, 4);
	return read_tcp(ip + header, at_hand - header, total - header, packet);
}

/* Extension headers that a host may be told to send are passed over by nobody here: what has them is not TCP to us. */
static enum packet_result read_ipv6(const uint8_t *ip, size_t at_hand, size_t length, struct packet *packet)
{
	if (at_hand < IPV6_HEADER)
		return length < IPV6_HEADER ? PACKET_MALFORMED : PACKET_CUT;
	size_t total = get(ip + 4, 2) + (size_t)IPV6_HEADER;
	if (total == IPV6_HEADER)
		total = length;
	if (total > length)
		return PACKET_MALFORMED;
	if (ip[6] != PROTOCOL_TCP)
		return PACKET_OTHER;
	packet->family = 6;
	memcpy(packet->source.address, ip + 8, 16);
	memcpy(packet->destination.address, ip + 24, 16);
	return read_tcp(ip + IPV6_HEADER, at_hand - IPV6_HEADER, total - IPV6_HEADER, packet);
}

enum packet_result packet_read(const uint8_t *bytes, size_t at_hand, size_t length, struct packet *packet)
{
	if (at_hand > length)
		at_hand = length;
	if (at_hand == 0)
		return length ? PACKET_CUT : PACKET_MALFORMED;
	if (bytes[0] >> 4 == 4)
		return read_ipv4(bytes, at_hand, length, packet);
	if (bytes[0] >> 4 == 6)
		return read_ipv6(bytes, at_hand, length, packet);
	return PACKET_OTHER;
}

/* ---- writing */

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t count)
{
	for (; count > 1; bytes += 2, count -= 2)
		sum += get(bytes, 2);
	return count ? sum + ((uint32_t)*bytes << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t write_ip(const struct packet *packet, size_t segment, uint8_t *bytes)
{
	if (packet->family == 6) {
		put(bytes, 0x60000000, 4);
		put(bytes + 4, (uint32_t)segment, 2);
		bytes[6] = PROTOCOL_TCP;
		bytes[7] = HOPS;
		memcpy(bytes + 8, packet->source.address, 16);
		memcpy(bytes + 24, packet->destination.address, 16);
		return IPV6_HEADER;
	}
	memset(bytes, 0, IPV4_HEADER);
	bytes[0] = 0x45;
	put(bytes + 2, (uint32_t)(IPV4_HEADER + segment), 2);
	bytes[6] = 0x40; /* not to be fragmented: then the identification may be 0 (RFC 6864, section 4.1) */
	bytes[8] = HOPS;
	bytes[9] = PROTOCOL_TCP;
	memcpy(bytes + 12, packet->source.address + 12, 4);
	memcpy(bytes + 16, packet->destination.address + 12, 4);
	put(bytes + 10, fold(add(0, bytes, IPV4_HEADER)), 2);
	return IPV4_HEADER;
}

static uint16_t tcp_checksum(const struct packet *packet, const uint8_t *tcp, size_t length)
{
	size_t skip = packet->family == 6 ? 0 : 12; /* the prefix that maps IPv4 */
	uint32_t sum = add(0, packet->source.address + skip, 16 - skip);
	sum = add(sum, packet->destination.address + skip, 16 - skip);
	return fold(add(sum + PROTOCOL_TCP + (uint32_t)length, tcp, length));
}

size_t packet_write(const struct packet *packet, uint8_t *bytes, size_t size)
{
	size_t options = (packet->options_length + 3u) & ~3u, header = TCP_HEADER + options;
	size_t ip_header = packet->family == 6 ? IPV6_HEADER : IPV4_HEADER;
	size_t segment = header + packet->payload_at_hand;
	if (options > OPTIONS_MOST || ip_header + segment > size || ip_header + segment > UINT16_MAX)
		return 0;
	uint8_t *tcp = bytes + write_ip(packet, segment, bytes);
	memset(tcp, 0, TCP_HEADER);
	put(tcp, packet->source.port, 2);
	put(tcp + 2, packet->destination.port, 2);
	put(tcp + 4, packet->sequence, 4);
	put(tcp + 8, packet->acknowledgement, 4);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = packet->flags;
	put(tcp + 14, packet->window, 2);
	memset(tcp + TCP_HEADER, 1, options);
	if (packet->options_length)
		memcpy(tcp + TCP_HEADER, packet->options, packet->options_length);
	if (packet->payload_at_hand)
		memcpy(tcp + header, packet->payload, packet->payload_at_hand);
	put(tcp + 16, tcp_checksum(packet, tcp, segment), 2);
	return ip_header + segment;
}
