/* Decode: a captured frame to its TCP segment, through link headers and tunnels (link.c, tunnel.c), IPv4 or IPv6 with
 * extension headers and fragments, TCP and its options. Lengths come from the headers, so a snap length costs
 * no payload bytes. A segment is all that later stages need, in two cache lines. */
#ifndef LIQUIDNET_ANALYSIS_DECODE_H
#define LIQUIDNET_ANALYSIS_DECODE_H

#include "analysis/input/capture.h"
#include "lib/mptcp/options.h"
#include <stdbool.h>
#include <stdint.h>

/* Both endpoints of a flow, the smaller first, so that both directions give the same key. IPv4: words 0 and 1
 * are address << 16 | port, 2 and 3 are 0. IPv6: words 0..1 and 2..3 are the addresses, word 4 has the ports
 * (port << 16 | port). Word 4 also says what carries the flow: KEY_SIX, the tunnel's kind and its number. */
struct flow_key {
	uint64_t word[5];
};

#define KEY_SIX ((uint64_t)1 << 32)

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	if (((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[4] ^ b->word[4])) != 0)
		return false;
	return __builtin_expect(!(a->word[4] & KEY_SIX), 1) ||
	       ((a->word[2] ^ b->word[2]) | (a->word[3] ^ b->word[3])) == 0;
}

#define KEY_TUNNEL_SHIFT 33 /* 4 bits: of enum tunnel */
#define KEY_NUMBER_SHIFT 37 /* 24 bits: the virtual network's number (VXLAN, Geneve) */

/* What carries a TCP segment besides a plain link. The first of them are only another kind of link, and do
 * not tell flows apart. */
enum tunnel {
	TUNNEL_NONE,
	TUNNEL_PPP,
	TUNNEL_PPPOE,
	TUNNEL_MPLS,
	TUNNEL_SNAP,
	TUNNEL_LINKS_END,
	TUNNEL_IPIP = TUNNEL_LINKS_END, /* IP in IP, of either version in either (RFC 2003, 2473, 4213) */
	TUNNEL_GRE,
	TUNNEL_VXLAN,
	TUNNEL_GENEVE,
	TUNNEL_GTP,
	TUNNELS,
};

/* The name for people and JSON: "ipip". */
const char *tunnel_name(enum tunnel tunnel);

enum tcp_flags {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
	TCP_ECE = 64,
	TCP_CWR = 128
};

struct segment {
	struct flow_key key;
	int64_t time_ns; /* relative to the decoder's start: the file's first packet */
	uint32_t hash;   /* of key */
	uint32_t sequence, acknowledgement;
	uint32_t payload;      /* bytes, from the headers */
	uint16_t header_bytes; /* innermost IP and TCP headers with their options */
	uint16_t window;       /* as sent, unscaled */
	uint16_t ip_id;        /* IPv4; 0: none */
	uint8_t flags;
	uint8_t ecn;          /* RFC 3168: 0 none, 1 ECT(1), 2 ECT(0), 3 CE */
	bool from_second;     /* sent by the second endpoint of the key */
	bool options_cut : 1; /* the snap length cuts the options */
	bool usual : 1; /* an ACK, with data or without, no options but a timestamp and a DSS, no ECN, a window */
	uint8_t options_length; /* bytes at hand */
	uint8_t options_sent;   /* bytes on the wire */
	uint32_t signature; /* of all that a hop leaves alone; 0: the packet cannot be told from the next */
	const uint8_t *options; /* valid as long as the packet */
	struct tcp_options parsed;
};
_Static_assert(sizeof(struct segment) == 128, "two cache lines");

enum decode_result {
	DECODE_TCP,
	DECODE_OTHER,     /* not IP, or IP that carries something else */
	DECODE_FRAGMENT,  /* a fragment of an IP packet that is not whole yet */
	DECODE_CUT,       /* the snap length cuts the headers */
	DECODE_MALFORMED, /* lengths that cannot be */
	DECODE_LINK,      /* a link type that is not known */
	DECODE_RESULTS,
};

struct fragments;

/* What decoding keeps from packet to packet, and counts. All zero is a good start. */
struct decoder {
	struct fragments *fragments; /* made with the first one */
	int64_t start_ns;            /* segments' times are since then */
	uint64_t reassembled;        /* segments out of fragments */
	uint64_t short_frames;       /* shorter than their IP header says: its length counts */
	uint64_t tunnels[TUNNELS];   /* TCP segments by what carries them, innermost */
};

void decoder_free(struct decoder *decoder);

/* Decodes `size` packets into `segments` (room for as many): those that carry TCP, in order; returns how many. Counts
 * what each was. */
size_t decode_packets(struct decoder *decoder, const struct capture_packet *packets, size_t size,
	struct segment *segments, uint64_t results[DECODE_RESULTS]);

/* Where a frame's network layer starts. */
struct network {
	const uint8_t *data;
	uint32_t captured, original; /* bytes at hand, and on the wire */
	enum tunnel tunnel;
	uint32_t number; /* the virtual network's */
};

/* The link header of a frame, with VLAN tags, MPLS labels, PPP and the like. DECODE_OTHER when it carries no
 * IP. (link.c) */
enum decode_result decode_link(const struct capture_packet *packet, struct network *network);
/* The same of an Ethernet frame within something. */
enum decode_result decode_ethernet(struct network *network);
/* What a PPP packet carries; `network` starts at its protocol number. */
enum decode_result decode_ppp(struct network *network);
/* Steps into a tunnel: `network` starts behind the IP header of `protocol`, and then at the inner IP
 * header. DECODE_OTHER when there is none. (tunnel.c) */
enum decode_result decode_tunnel(uint8_t protocol, struct network *network);

static inline uint16_t wire16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t wire32(const uint8_t *p)
{
	uint32_t value;
	__builtin_memcpy(&value, p, sizeof value);
	return __builtin_bswap32(value);
}

static inline uint64_t wire64(const uint8_t *p)
{
	uint64_t value;
	__builtin_memcpy(&value, p, sizeof value);
	return __builtin_bswap64(value);
}

#endif
