/* Link: the headers below IP: Ethernet and the other link types of captures, VLAN tags, MPLS labels, PPP in
 * its framings, LLC/SNAP. Every step checks what was captured. */
#include "analysis/input/decode.h"

/* Of the pcap registry. */
enum link_type {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPP_ETHER = 51,
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_PPP_PPPD = 166,
	LINK_PPP_DIRECTION = 204,
	LINK_MPLS = 219,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum ether_type {
	ETHER_IPV4 = 0x0800,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_MPLS = 0x8847,
	ETHER_MPLS_MULTICAST = 0x8848,
	ETHER_PPPOE = 0x8864,
	ETHER_QINQ = 0x88a8,
	ETHER_VLAN_OLD = 0x9100,
	ETHER_VLAN_OLDER = 0x9200,
	ETHER_LENGTH_MOST = 1500, /* a length, not a type: IEEE 802.3 */
};

/* Moves over `size` bytes. */
static enum decode_result skip(struct network *network, uint32_t size)
{
	if (network->captured < size)
		return network->original < size ? DECODE_MALFORMED : DECODE_CUT;
	network->data += size;
	network->captured -= size;
	network->original -= size;
	return DECODE_TCP;
}

/* RFC 3032: labels up to the bottom of the stack; IP is told by its first bits. A pseudo-wire (first bits 0)
 * carries Ethernet behind a control word (RFC 4448). */
static enum decode_result decode_mpls(struct network *network)
{
	bool bottom = false;
	network->tunnel = TUNNEL_MPLS;
	while (!bottom) {
		const uint8_t *label = network->data;
		enum decode_result result = skip(network, 4);
		if (result != DECODE_TCP)
			return result;
		bottom = label[2] & 1;
	}
	if (network->captured < 1)
		return DECODE_CUT;
	if (network->data[0] >> 4 != 0)
		return DECODE_TCP;
	enum decode_result result = skip(network, 4);
	return result == DECODE_TCP ? decode_ethernet(network) : result;
}

enum decode_result decode_ppp(struct network *network)
{
	enum { PPP_IPV4 = 0x21, PPP_IPV6 = 0x57, PPP_MPLS = 0x281 };
	network->tunnel = network->tunnel == TUNNEL_NONE ? TUNNEL_PPP : network->tunnel;
	/* RFC 1661, section 2: a protocol number may be compressed to one byte, which is odd then. */
	if (network->captured < 1)
		return DECODE_CUT;
	uint16_t protocol = network->data[0];
	if (!(protocol & 1)) {
		if (network->captured < 2)
			return DECODE_CUT;
		protocol = wire16(network->data);
	}
	enum decode_result result = skip(network, network->data[0] & 1 ? 1 : 2);
	if (result != DECODE_TCP || protocol == PPP_IPV4 || protocol == PPP_IPV6)
		return result;
	return protocol == PPP_MPLS ? decode_mpls(network) : DECODE_OTHER;
}

/* RFC 2516: version and type, code, session, length. */
static enum decode_result decode_pppoe(struct network *network)
{
	const uint8_t *header = network->data;
	enum decode_result result = skip(network, 6);
	if (result != DECODE_TCP)
		return result;
	if (header[0] != 0x11 || header[1] != 0)
		return DECODE_OTHER;
	network->tunnel = TUNNEL_PPPOE;
	return decode_ppp(network);
}

static enum decode_result decode_type(uint16_t type, struct network *network)
{
	enum decode_result result;
	while (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_VLAN_OLD ||
		type == ETHER_VLAN_OLDER) {
		const uint8_t *tag = network->data;
		if ((result = skip(network, 4)) != DECODE_TCP)
			return result;
		type = wire16(tag + 2);
	}
	if (type == ETHER_IPV4 || type == ETHER_IPV6)
		return DECODE_TCP;
	if (type == ETHER_MPLS || type == ETHER_MPLS_MULTICAST)
		return decode_mpls(network);
	if (type == ETHER_PPPOE)
		return decode_pppoe(network);
	if (type > ETHER_LENGTH_MOST || network->captured < 8)
		return DECODE_OTHER;
	/* LLC with SNAP (RFC 1042): the type follows the organisation's number. */
	const uint8_t *llc = network->data;
	if (llc[0] != 0xaa || llc[1] != 0xaa || llc[2] != 3 || llc[3] || llc[4] || llc[5])
		return DECODE_OTHER;
	network->tunnel = TUNNEL_SNAP;
	if ((result = skip(network, 8)) != DECODE_TCP)
		return result;
	type = wire16(llc + 6);
	return type > ETHER_LENGTH_MOST ? decode_type(type, network) : DECODE_OTHER;
}

enum decode_result decode_ethernet(struct network *network)
{
	const uint8_t *header = network->data;
	enum decode_result result = skip(network, 14);
	return result == DECODE_TCP ? decode_type(wire16(header + 12), network) : result;
}

/* A header of `size` bytes with the type at `type_at`. */
static enum decode_result decode_typed(struct network *network, uint32_t size, uint32_t type_at)
{
	const uint8_t *header = network->data;
	enum decode_result result = skip(network, size);
	return result == DECODE_TCP ? decode_type(wire16(header + type_at), network) : result;
}

/* PPP with or without its address and control bytes (RFC 1662). */
static enum decode_result decode_ppp_framed(struct network *network)
{
	if (network->captured >= 2 && network->data[0] == 0xff && network->data[1] == 0x03)
		skip(network, 2);
	return decode_ppp(network);
}

enum decode_result decode_link(const struct capture_packet *packet, struct network *network)
{
	enum decode_result result;
	*network = (struct network){
		.data = packet->data, .captured = packet->captured, .original = packet->original};
	switch (packet->link_type) {
	case LINK_ETHERNET:
		result = decode_ethernet(network);
		break;
	case LINK_SLL:
		result = decode_typed(network, 16, 14);
		break;
	case LINK_SLL2:
		result = decode_typed(network, 20, 0);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		result = skip(network, 4);
		if (result == DECODE_TCP && network->captured && network->data[0] >> 4 != 4 &&
			network->data[0] >> 4 != 6)
			return DECODE_OTHER;
		break;
	case LINK_PPP:
	case LINK_PPP_HDLC:
		return decode_ppp_framed(network);
	case LINK_PPP_PPPD:
	case LINK_PPP_DIRECTION:
		result = skip(network, 1);
		return result == DECODE_TCP ? decode_ppp_framed(network) : result;
	case LINK_PPP_ETHER:
		return decode_pppoe(network);
	case LINK_C_HDLC:
		/* Cisco's framing: address, control, an Ethernet type; PPP's address says PPP. */
		if (network->captured >= 1 && network->data[0] == 0xff)
			return decode_ppp_framed(network);
		result = decode_typed(network, 4, 2);
		network->tunnel = network->tunnel == TUNNEL_NONE ? TUNNEL_PPP : network->tunnel;
		break;
	case LINK_MPLS:
		return decode_mpls(network);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		return DECODE_TCP;
	default:
		return DECODE_LINK;
	}
	/* A frame that is whole and still shorter than its link header carries nothing. */
	return result == DECODE_MALFORMED && packet->captured == packet->original && packet->original < 14
		       ? DECODE_OTHER
		       : result;
}
