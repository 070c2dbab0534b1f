/* Tunnel: what carries IP within IP: IP in IP, GRE, and over UDP VXLAN, Geneve and GTP-U. The flows within are
 * the ones that count; which tunnel carried them is kept. */
#include "analysis/input/decode.h"

enum protocol {
	PROTOCOL_IPV4 = 4,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_GRE = 47,
	PROTOCOL_MPLS = 137,
};

enum port { PORT_GTP = 2152, PORT_VXLAN = 4789, PORT_GENEVE = 6081, PORT_VXLAN_LINUX = 8472 };

static enum decode_result skip(struct network *network, uint32_t size)
{
	if (network->captured < size)
		return network->original < size ? DECODE_MALFORMED : DECODE_CUT;
	network->data += size;
	network->captured -= size;
	network->original -= size;
	return DECODE_TCP;
}

static enum decode_result inner_type(uint16_t type, struct network *network)
{
	enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_BRIDGED = 0x6558, TYPE_PPP = 0x880b };
	enum tunnel outer = network->tunnel;
	enum decode_result result = DECODE_OTHER;
	if (type == TYPE_IPV4 || type == TYPE_IPV6)
		return DECODE_TCP;
	if (type == TYPE_BRIDGED)
		result = decode_ethernet(network);
	else if (type == TYPE_PPP) {
		if (network->captured >= 2 && network->data[0] == 0xff && network->data[1] == 3)
			skip(network, 2);
		result = decode_ppp(network);
	}
	network->tunnel = outer;
	return result;
}

/* RFC 2784 and 2890; version 1 is PPTP's (RFC 2637), with an acknowledgement. */
static enum decode_result decode_gre(struct network *network)
{
	if (network->captured < 4)
		return DECODE_CUT;
	uint16_t flags = wire16(network->data), type = wire16(network->data + 2);
	unsigned version = flags & 7;
	uint32_t header = 4;
	if (version > 1 || (flags & 0x4000))
		return DECODE_OTHER;
	header += (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
	header += version == 1 && (flags & 0x0080) ? 4 : 0;
	network->tunnel = TUNNEL_GRE;
	enum decode_result result = skip(network, header);
	return result == DECODE_TCP ? inner_type(type, network) : result;
}

/* RFC 7348: flags, a network's number of 24 bits, an Ethernet frame. */
static enum decode_result decode_vxlan(struct network *network)
{
	const uint8_t *header = network->data;
	enum decode_result result = skip(network, 8);
	if (result != DECODE_TCP)
		return result;
	if (!(header[0] & 8))
		return DECODE_OTHER;
	result = decode_ethernet(network);
	network->tunnel = TUNNEL_VXLAN;
	network->number = wire32(header + 4) >> 8;
	return result;
}

/* RFC 8926: options of up to 252 bytes behind the header; the type says what follows. */
static enum decode_result decode_geneve(struct network *network)
{
	const uint8_t *header = network->data;
	if (network->captured < 8)
		return DECODE_CUT;
	if (header[0] >> 6)
		return DECODE_OTHER;
	enum decode_result result = skip(network, 8 + (header[0] & 63u) * 4);
	if (result != DECODE_TCP)
		return result;
	network->tunnel = TUNNEL_GENEVE;
	network->number = wire32(header + 4) >> 8;
	return inner_type(wire16(header + 2), network);
}

/* 3GPP TS 29.281, section 5: version 1, a user packet (255), optional fields, extension headers. */
static enum decode_result decode_gtp(struct network *network)
{
	if (network->captured < 8)
		return DECODE_CUT;
	uint8_t flags = network->data[0];
	if (flags >> 5 != 1 || !(flags & 16) || network->data[1] != 255)
		return DECODE_OTHER;
	bool optional = flags & 7;
	if (optional && network->captured < 12)
		return DECODE_CUT;
	uint8_t next = flags & 4 ? network->data[11] : 0;
	enum decode_result result = skip(network, optional ? 12 : 8);
	while (result == DECODE_TCP && next) {
		if (network->captured < 1)
			return DECODE_CUT;
		uint32_t size = network->data[0] * 4u;
		if (size == 0)
			return DECODE_MALFORMED;
		if (network->captured < size)
			return DECODE_CUT;
		next = network->data[size - 1];
		result = skip(network, size);
	}
	network->tunnel = TUNNEL_GTP;
	return result;
}

static enum decode_result decode_udp(struct network *network)
{
	const uint8_t *header = network->data;
	if (network->captured < 8)
		return DECODE_OTHER;
	uint16_t port = wire16(header + 2);
	if (port != PORT_VXLAN && port != PORT_VXLAN_LINUX && port != PORT_GENEVE && port != PORT_GTP)
		return DECODE_OTHER;
	enum decode_result result = skip(network, 8);
	if (result != DECODE_TCP)
		return DECODE_OTHER;
	if (port == PORT_GENEVE)
		result = decode_geneve(network);
	else
		result = port == PORT_GTP ? decode_gtp(network) : decode_vxlan(network);
	/* A port is no proof: what does not fit was something else. */
	return result == DECODE_MALFORMED ? DECODE_OTHER : result;
}

enum decode_result decode_tunnel(uint8_t protocol, struct network *network)
{
	switch (protocol) {
	case PROTOCOL_IPV4:
	case PROTOCOL_IPV6:
		network->tunnel = TUNNEL_IPIP;
		return DECODE_TCP;
	case PROTOCOL_GRE:
		return decode_gre(network);
	case PROTOCOL_MPLS:
		return DECODE_OTHER;
	case PROTOCOL_UDP:
		return decode_udp(network);
	default:
		return DECODE_OTHER;
	}
}

const char *tunnel_name(enum tunnel tunnel)
{
	static const char *const names[TUNNELS] = {[TUNNEL_NONE] = "none",
		[TUNNEL_PPP] = "ppp",
		[TUNNEL_PPPOE] = "pppoe",
		[TUNNEL_MPLS] = "mpls",
		[TUNNEL_SNAP] = "snap",
		[TUNNEL_IPIP] = "ipip",
		[TUNNEL_GRE] = "gre",
		[TUNNEL_VXLAN] = "vxlan",
		[TUNNEL_GENEVE] = "geneve",
		[TUNNEL_GTP] = "gtp"};
	return names[tunnel];
}
