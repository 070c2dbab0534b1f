/* Decode: a captured frame to its TCP segment: link header, VLAN tags, IPv4 or IPv6 with extension headers,
 * TCP. Lengths come from the headers, so a snap length costs no payload bytes. */
#ifndef LIQUIDNET_ANALYSIS_DECODE_H
#define LIQUIDNET_ANALYSIS_DECODE_H

#include "analysis/capture.h"
#include <stdbool.h>
#include <stdint.h>

/* Both endpoints of a flow, the smaller first, so that both directions give the same key. IPv4: word 0 and 1
 * are address
 * << 16 | port, the rest 0. IPv6: words 0..1 and 2..3 are the addresses, 4 is 1 << 32 | port << 16 | port. */
struct flow_key {
	uint64_t word[5];
};

enum tcp_flags { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct segment {
	struct flow_key key;
	int64_t time_ns;
	uint32_t hash; /* of key */
	uint32_t sequence, acknowledgement;
	uint32_t payload;      /* bytes, from the headers */
	uint32_t header_bytes; /* IP and TCP headers with their options */
	uint16_t window;       /* as sent, unscaled */
	uint8_t flags;
	bool from_second;       /* sent by the second endpoint of the key */
	bool options_cut;       /* the snap length cuts the options */
	uint8_t options_length; /* bytes at hand */
	const uint8_t *options;
	uint8_t options_sent; /* bytes on the wire */
};

enum decode_result {
	DECODE_TCP,
	DECODE_OTHER,     /* not IP, or IP that carries something else */
	DECODE_FRAGMENT,  /* a fragment of an IP packet: counted, not reassembled */
	DECODE_CUT,       /* the snap length cuts the headers */
	DECODE_MALFORMED, /* lengths that cannot be */
	DECODE_LINK,      /* a link type that is not known */
	DECODE_RESULTS,
};

enum decode_result decode_packet(const struct capture_packet *packet, struct segment *segment);

/* Where the IP header starts, what is at hand of it and what it was on the wire; for whoever wants no TCP.
 * DECODE_OTHER when the frame carries no IP. */
enum decode_result decode_link(
	const struct capture_packet *packet, const uint8_t **ip, uint32_t *captured, uint32_t *original);

#endif
