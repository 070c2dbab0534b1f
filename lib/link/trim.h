/* Trimming port: the two queues of a switch port. When a data packet does not fit, the port cuts a packet to its header
 * instead of dropping it; headers and control overtake data. From NDP: Trilogy2 D1.4, section 3.6.1.2; Handley et al.,
 * SIGCOMM 2017, sections 3.1 and 3.2.4.
 *
 * LOW holds data, and packets that are not NDP's, which are never trimmed. HIGH holds headers and control. Each has a limit
 * in bytes; the packet in service counts until it has left. When a data packet does not fit, one packet is trimmed: a fair
 * coin decides between the arriving packet and the newest one that waits. A header that does not fit goes back to its sender
 * (it is bounced), or is dropped if bouncing is off. When both queues hold packets, HIGH gets `ratio` packets per packet of
 * LOW.
 *
 * Pure: no clock, no memory of its own, no sockets. The caller owns the packets and embeds a trim_packet in each; the port
 * links them while they wait. The same arrivals, services and key give the same outcome on every machine. */
#ifndef LIQUIDNET_LINK_TRIM_H
#define LIQUIDNET_LINK_TRIM_H

#include <stdbool.h>
#include <stdint.h>

enum trim_class {
	TRIM_DATA,    /* LOW, may be trimmed */
	TRIM_OTHER,   /* LOW, never trimmed: dropped when it does not fit */
	TRIM_HEADER,  /* HIGH: a data packet that was trimmed, here or before; bounced when it does not fit */
	TRIM_CONTROL, /* HIGH, never bounced: dropped when it does not fit */
};

struct trim_packet {
	struct trim_packet *next, *previous; /* the port's, while the packet waits; `previous` in LOW only */
	uint32_t bytes;                      /* on the wire; header_bytes once it is trimmed */
	uint16_t header_bytes;               /* what a trim leaves: at most `bytes` */
	uint8_t class;                       /* enum trim_class; TRIM_HEADER once it is trimmed */
};

#define TRIM_FAIR (1U << 31) /* a coin of 2^32 sides */
#define TRIM_RATIO 10        /* SIGCOMM 2017, section 3.1 */

struct trim_limits {
	uint32_t low_bytes, high_bytes;
	uint32_t
		ratio; /* headers served for each packet of LOW when both wait; 0: strict priority, as in D1.4 */
	uint32_t tail_chance; /* of 2^32: that the newest waiting packet is trimmed, not the arriving one */
	bool bounce;          /* headers that do not fit are given back as TRIM_BOUNCED, not TRIM_DROPPED */
	uint32_t other_bytes; /* limit of LOW for packets that are not NDP's; 0: as low_bytes */
};

struct trim_counters {
	uint64_t trimmed;         /* data packets, the following included */
	uint64_t trimmed_tail;    /* of which had been waiting */
	uint64_t bounced;         /* headers given back */
	uint64_t headers_dropped; /* headers and control that found HIGH full */
	uint64_t others_dropped;  /* of TRIM_OTHER */
};

struct trim_queue {
	struct trim_packet *newest;
	uint32_t most_bytes; /* high-water mark */
};

struct trim_port {
	struct trim_packet *serving;
	struct trim_packet *low_oldest, *high_oldest; /* without the one in service */
	uint32_t low_bytes, high_bytes;               /* with it */
	const struct trim_limits *limits;             /* the caller's; many ports may share them */
	struct trim_queue low, high;
	uint32_t turn;
	uint64_t key, coins; /* of the port's coin, and how often it was tossed */
	struct trim_counters counters;
};

enum trim_fate {
	TRIM_KEPT,    /* what arrived waits; nothing leaves */
	TRIM_BOUNCED, /* `packet` (the arriving one, or another) is a header for its sender */
	TRIM_DROPPED, /* `packet` is to be dropped */
};

struct trim_outcome {
	struct trim_packet *packet; /* the one that leaves now, back in the caller's hands; NULL: none */
	enum trim_fate fate;
};

/* An empty port. The limits stay the caller's and where they are. `key` seeds its coin (lib/base/draw.h). */
void trim_init(struct trim_port *port, const struct trim_limits *limits, uint64_t key);
/* A packet arrives. At most one packet is given back. */
struct trim_outcome trim_arrive(struct trim_port *port, struct trim_packet *packet);
/* Takes the next packet into service, or returns NULL when none waits. Nothing may be in service. It counts until trim_done. */
struct trim_packet *trim_serve(struct trim_port *port);
/* What is in service has left: returns it to the caller. */
struct trim_packet *trim_done(struct trim_port *port);

#endif
