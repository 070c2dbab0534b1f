/* State: what the analysis keeps of a file: flows (one TCP connection as the wire shows it), connections (one
 * MPTCP connection with its subflows, or one plain TCP flow), and the tracker that owns both.
 *
 * Sequence numbers are kept as 64-bit positions: ORIGIN is the first payload byte after the SYN (or the first
 * seen), wrap is unfolded against the newest position known. Data sequence numbers are kept alike, ORIGIN
 * being the connection's first byte. */
#ifndef LIQUIDNET_ANALYSIS_STATE_H
#define LIQUIDNET_ANALYSIS_STATE_H

#include "analysis/analysis.h"
#include "analysis/decode.h"
#include "analysis/measures.h"
#include "analysis/options.h"
#include "analysis/ranges.h"
#include <stddef.h>

/* A multiple of 2^32, so that the lower half of a position is the wire's number less the base; far from 0, so
 * that what lies before the first byte is still positive. */
#define ORIGIN ((uint64_t)1 << 32)

enum { MAPPINGS = 32, EVENTS_LIMIT = 256, FORWARD = 0, REVERSE = 1 };

/* Bytes [start, end) of a subflow are the connection's bytes from `data` on. */
struct mapping {
	uint64_t start, end, data;
};

enum recovery {
	RECOVERY_NONE,
	RECOVERY_FAST,
	RECOVERY_TIMEOUT,
	RECOVERY_PROBE,
	RECOVERY_UNCLEAR,
	RECOVERY_KINDS
};

/* One direction of a flow: what its sender sent, and how the other side acknowledged it. Ordered by who
 * touches it, a cache line each, since waiting for memory is most of the work. */
struct flow_direction {
	/* With every packet of the other side. */
	uint64_t acked;           /* highest position acknowledged by the other side */
	uint32_t base;            /* wire sequence number of ORIGIN */
	uint32_t stamp;           /* the timestamp whose echo ends the sample under way */
	uint64_t rtt_end;         /* the position whose acknowledgement ends the RTT sample under way */
	int64_t rtt_ns, stamp_ns; /* when the samples under way began */
	int64_t last_ack_ns;      /* last advance of `acked` */
	uint32_t duplicate_run;   /* duplicate ACKs since `acked` moved */
	uint16_t last_window, window_max; /* as sent; window_max: of segments without SYN */
	bool started;                     /* base is known */
	bool rtt_armed, stamp_armed;
	uint8_t recovery; /* of enum recovery: the sender's, as far as seen */
	bool fin, reset;
	uint8_t window_scale; /* 255: none sent */
	bool has_mptcp;

	/* With every packet of this side. */
	uint64_t packets, header_bytes, option_bytes, mptcp_bytes;
	int64_t last_ns;
	int64_t newest_ns; /* time of the segment with the highest position */
	uint32_t dss_packets, payload_packets;
	uint32_t
		mapping_base; /* subflow sequence number of ORIGIN in DSS mappings: 1 when the SYN was seen */
	uint32_t newest_stamp; /* of the segment with the highest position */

	/* With payload. */
	uint64_t payload_bytes;
	int64_t last_data_ns;
	struct ranges seen;
	struct mapping mapping; /* the newest */

	/* Rare. */
	uint64_t sacked; /* highest position that the other side's SACK blocks named */
	uint64_t retransmitted_bytes, reinjected_bytes;
	int64_t smoothed_rtt_ns, least_rtt_ns;
	uint64_t recovery_end;
	struct mapping
		*older; /* ring of MAPPINGS, made with the second mapping that does not extend the first */
	uint32_t older_next;
	struct ranges *unmapped; /* bytes that came before their mapping */
	uint64_t unmapped_bytes, mapped_high;
	struct series bytes_series, data_series;
	struct delays rtt, rtt_stamp;
	uint64_t retransmitted_packets, spurious_packets, recovered_packets, out_of_order_packets;
	uint64_t kind[RECOVERY_KINDS]; /* retransmitted and recovered packets by kind */
	uint64_t duplicate_acks, sack_packets, dsack_packets, zero_windows, keepalives, syn_packets;
	uint64_t malformed_options, cut_options, join_packets, malformed_mappings;
	uint16_t mss; /* 0: none sent */
	bool sack_permitted, timestamps;
	int64_t first_ns, first_data_ns;
} __attribute__((aligned(64)));

/* What tcp_segment touches of a direction in most packets: to be asked for ahead. */
enum { DIRECTION_HOT_BYTES = 192 };
_Static_assert(offsetof(struct flow_direction, sacked) <= DIRECTION_HOT_BYTES, "three cache lines");

struct connection;

struct flow {
	struct flow_key key;
	struct connection *connection;
	uint32_t index; /* in the file, by first packet */
	uint32_t hash;
	bool client_is_second; /* the client is the key's second endpoint */
	bool flipped;          /* the client is the connection's server: a subflow opened by the server */
	bool joined;           /* by MP_JOIN */
	bool backup, has_address_id;
	bool closed_by_server; /* who ended it first */
	uint8_t address_id;
	uint32_t join_token, join_nonce;
	struct flow *copy_of; /* the same subflow seen on the other side of a NAT, in the same file */
	uint32_t syn_sequence;
	int64_t first_ns, last_ns;          /* relative to the file's first packet, as all times here */
	struct flow_direction direction[2]; /* FORWARD: from the flow's client */
	int64_t syn_ns, syn_ack_ns, established_ns, ended_ns; /* -1: not seen */
	bool syn_seen, syn_ack_seen;
};

struct data_direction {
	/* With every packet: one cache line. */
	struct ranges seen;
	uint64_t base; /* data sequence number of ORIGIN */
	uint64_t acked;
	uint64_t delivered; /* bytes in order; holes that a data ACK passed are in it, and in uncaptured */
	int64_t last_ns;
	bool numbered; /* base is known: by the keys, or from the first mapping seen */
	bool based;    /* ORIGIN is the connection's first byte, not only the first seen */
	bool started, finished;

	int64_t first_ns;
	uint64_t reinjected_bytes, uncaptured_bytes, before_bytes;
	uint64_t window_bytes[ANALYSIS_WINDOWS];
	struct series series;
} __attribute__((aligned(64)));

enum { DATA_HOT_BYTES = 64 };

struct event {
	int64_t time_ns;
	uint32_t flow;
	uint8_t direction; /* of the connection */
	uint8_t subtype;   /* of enum mptcp_subtype */
	bool infinite;     /* MPTCP_DSS: an infinite mapping */
	uint8_t flag;      /* echo, backup, or MP_TCPRST's reason */
	struct option_address address;
	uint64_t value; /* MP_FAIL: data sequence number */
	uint8_t ids[8], id_count;
};

enum fallback { FALLBACK_NONE, FALLBACK_NO_REPLY, FALLBACK_NO_MAPPING, FALLBACK_INFINITE, FALLBACK_FAIL };

struct connection {
	struct data_direction data[2];
	bool mptcp;        /* negotiated, or options seen that only a negotiated one has */
	bool requested;    /* the client's SYN carried MP_CAPABLE */
	bool option_seen;  /* any MPTCP option, on any packet */
	bool initial_seen; /* MP_CAPABLE: its first subflow is in this file */
	int8_t version;    /* -1: not seen */
	bool checksum, fastclosed;
	uint8_t fallback; /* of enum fallback */
	bool has_key[2], has_token[2];
	uint64_t key[2]; /* FORWARD: the client's */
	uint32_t token[2];
	struct flow **flows;
	uint32_t flow_count, flow_capacity;
	struct event *events;
	uint32_t event_count;
	uint64_t events_dropped;
	struct connection *next; /* in order of first packet */
	uint32_t index;
	bool merged; /* its flows went to another */
};

struct token {
	uint32_t token;
	uint8_t side; /* whose token it is */
	struct connection *connection;
};

struct flow_slot {
	struct flow *flow; /* NULL: free */
	uint32_t hash;
};

struct counters {
	uint64_t decoded[DECODE_RESULTS]; /* packets by enum decode_result */
	uint64_t malformed_options, cut_options;
	uint64_t link_packets[512]; /* by link type; the last for all above */
};

struct tracker {
	const struct analysis_options *options;
	int64_t step_ns;
	int64_t window_ns[ANALYSIS_WINDOWS][2];
	int64_t start_ns, end_ns; /* absolute; of the file's first and latest packet */
	struct counters counters;
	struct series_budget budget;
	struct flow **blocks; /* of FLOW_BLOCK flows: they never move */
	uint32_t flow_count, block_count;
	struct flow_slot *slots;
	uint32_t slot_mask;
	struct token *tokens;
	uint32_t token_count, token_mask;
	struct connection *first, *last;
	uint32_t connection_count;
	bool out_of_memory;
};

enum { FLOW_BLOCK = 1024 };

static inline struct flow *tracker_flow(const struct tracker *tracker, uint32_t index)
{
	return &tracker->blocks[index / FLOW_BLOCK][index % FLOW_BLOCK];
}

/* tracker.c: the tables. */
struct tracker *tracker_new(const struct analysis_options *options);
void tracker_free(struct tracker *tracker);
/* The flow of a segment, made when it is new; NULL without memory. */
struct flow *tracker_find(struct tracker *tracker, const struct segment *segment);
struct connection *tracker_new_connection(struct tracker *tracker);
/* Puts the flow into the connection, and out of the one that it was in. */
void connection_add(struct tracker *tracker, struct connection *connection, struct flow *flow);
struct token *token_find(struct tracker *tracker, uint32_t token);
void token_set(struct tracker *tracker, uint32_t token, struct connection *connection, uint8_t side);

/* tcp.c: a segment changes its flow. */
void tcp_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment);

/* mptcp.c: what a segment's MPTCP options say; before its payload is taken in, so that mappings are known. */
void mptcp_options(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const struct tcp_options *options);

/* data.c: bytes of a subflow seen for the first time, at a time relative to the file. */
void data_fresh(struct tracker *tracker, struct flow *flow, unsigned direction, uint64_t start, uint64_t end,
	int64_t now_ns);
void data_map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct mapping *mapping,
	int64_t now_ns);
void data_acknowledged(
	struct tracker *tracker, struct data_direction *data, uint64_t position, int64_t now_ns);
void data_reset(struct data_direction *data);

/* The 64-bit position of a wire number: the one nearest to `near`. */
static inline uint64_t unwrap(uint32_t base, uint32_t wire, uint64_t near)
{
	return near + (uint64_t)(int64_t)(int32_t)(wire - base - (uint32_t)near);
}

static inline unsigned connection_direction(const struct flow *flow, unsigned direction)
{
	return direction ^ flow->flipped;
}

/* Whether subflow bytes become the connection's by DSS mappings, and not as they are. */
static inline bool connection_is_mapped(const struct connection *connection)
{
	return connection->mptcp && connection->fallback != FALLBACK_NO_REPLY &&
	       connection->fallback != FALLBACK_NO_MAPPING;
}

/* report.c */
struct capture;
json_t *report_file(const struct tracker *tracker, const struct capture *capture, const char *path);

#endif
