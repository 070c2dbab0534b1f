/* State: what the analysis keeps of a file: flows (one TCP connection as the wire shows it), connections (one
 * MPTCP connection with its subflows, or one plain TCP flow that carried data), and the tracker that owns both.
 *
 * Sequence numbers are kept as 64-bit positions: ORIGIN is the first payload byte after the SYN (or the first
 * seen), wrap is unfolded against the newest position known. Data sequence numbers are kept alike, ORIGIN
 * being the connection's first byte. Times are nanoseconds since the file's first packet; a clock that steps
 * back makes them negative; NEVER is not seen.
 *
 * A flow of one packet costs `struct flow` and its slot. Everything else is made when it is first needed: the
 * connection with the first byte of data or MPTCP option, round trips with the first data segment, the rest
 * (struct cold) with the first event that is not of every flow. */
#ifndef LIQUIDNET_ANALYSIS_STATE_H
#define LIQUIDNET_ANALYSIS_STATE_H

#include "analysis/analysis.h"
#include "analysis/flows/measures.h"
#include "analysis/flows/ranges.h"
#include "analysis/flows/samples.h"
#include "analysis/input/decode.h"
#include "lib/mptcp/options.h"
#include <stddef.h>

/* A multiple of 2^32, so that the lower half of a position is the wire's number less the base; far from 0, so
 * that what lies before the first byte is still positive. */
#define ORIGIN ((uint64_t)1 << 32)
#define NEVER INT64_MIN

enum { MAPPINGS = 32, EVENTS_LIMIT = 256, FORWARD = 0, REVERSE = 1, NO_SCALE = 255 };
enum { SIGNATURES = 3, AGAIN_LOG = 16 };

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

/* A retransmission whose need is not judged yet. */
struct again {
	uint64_t start, end;
	uint32_t stamp;
	bool stamped, pending, waits_for_ack;
};

/* What most directions of most flows never have. */
struct cold {
	uint64_t sacked; /* highest position that the other side's SACK blocks named; 0: none */
	uint64_t retransmitted_bytes, reinjected_bytes, discarded_bytes, below_bytes;
	uint64_t recovery_end;
	uint64_t floor; /* lowest position seen, when the capture began in mid-connection */
	struct mapping
		*older; /* ring of MAPPINGS, made with the second mapping that does not extend the first */
	struct ranges *unmapped; /* bytes that came before their mapping */
	uint64_t unmapped_bytes, mapped_high;
	uint64_t probe; /* position of a window probe that was not accepted yet; 0: none */
	struct series bytes_series, data_series;
	struct curve *bytes_curve, *data_curve; /* for figures; NULL without them */
	struct delays rtt_stamp;
	uint64_t retransmitted_packets, recovered_packets, out_of_order_packets;
	uint64_t spurious_acked, spurious_dsack, spurious_timestamp;
	uint64_t kind[RECOVERY_KINDS]; /* retransmitted and recovered packets by kind */
	uint64_t duplicate_acks, sack_packets, dsack_packets, zero_windows, keepalives, empty_keepalives;
	uint64_t syn_packets; /* beyond 255 */
	uint64_t zero_window_probes, fin_packets, reset_packets, resets_ignored;
	uint64_t stray_packets, duplicate_packets;
	uint64_t malformed_options, cut_options, join_packets, malformed_mappings;
	uint64_t ect_packets, ce_packets, ece_packets, cwr_packets;
	struct again *again; /* ring of AGAIN_LOG */
	uint64_t reset_high; /* beyond what had been sent when a reset came */
	uint32_t older_next, again_next;
	uint32_t suspect; /* a wire number far from all others, seen once */
	bool suspected;
};

/* What in struct cold, or beyond `seen`, waits for a segment or an acknowledgement; without a bit there is no need to
 * look there. */
enum heed {
	HEED_SACK = 1,     /* `sacked` may lie above `acked` */
	HEED_PROBE = 2,    /* `probe` is set */
	HEED_AGAIN = 4,    /* some of `again` wait for an acknowledgement */
	HEED_UNMAPPED = 8, /* `unmapped` may hold bytes */
	HEED_HOLES = 16,   /* `seen` has entries beyond holes */
};

/* One direction of a flow: what its sender sent, and how the other side acknowledged it. Ordered by who
 * touches it, a cache line each, since waiting for memory is much of the work. */
struct flow_direction {
	/* With every packet of the other side, and with payload. */
	uint64_t acked; /* highest position acknowledged by the other side */
	struct ranges seen;
	struct samples *samples; /* round trips under way; made with the first segment that has payload */
	int64_t last_ack_ns;     /* last advance of `acked` */
	uint32_t base;           /* wire sequence number of ORIGIN */
	uint32_t
		mapping_base; /* subflow sequence number of ORIGIN in DSS mappings: 1 when the SYN was seen */
	uint32_t newest_stamp;            /* timestamp of the segment with the highest position */
	uint16_t last_window, window_max; /* as sent; window_max: of segments without SYN */
	uint16_t duplicate_run;           /* duplicate ACKs since `acked` moved */
	bool started : 1;                 /* base is known */
	bool syn : 1;                     /* base is known from a SYN */
	bool fin : 1, reset : 1;
	uint8_t window_scale; /* NO_SCALE: none sent */
	uint8_t recovery;     /* of enum recovery: the sender's, as far as seen */
	uint8_t heed;         /* of enum heed */

	/* With every packet of this side. */
	uint64_t packets __attribute__((aligned(64)));
	uint64_t header_bytes, payload_bytes;
	int64_t last_ns;
	uint32_t signature[SIGNATURES]; /* of the last packets, to know a mirror port's duplicates */
	uint32_t dss_packets;
	uint64_t option_bytes, mptcp_bytes;

	/* With payload. */
	struct mapping mapping __attribute__((aligned(64))); /* the newest */
	struct cold *cold;
	int64_t newest_ns; /* time of the segment with the highest position */
	int64_t last_data_ns;
	uint32_t payload_packets;
	uint16_t mss;        /* 0: none sent */
	uint8_t syn_packets; /* up to 255; more are counted in cold */
	uint8_t sack_permitted : 1, timestamps : 1;
	int64_t first_ns;
};
_Static_assert(sizeof(struct flow_direction) == 192, "three cache lines");

/* Header and both directions. */
enum { FLOW_BYTES = 512 };

struct connection;

/* A join, and how it went. */
struct join {
	uint32_t token, nonce[2]; /* nonce: of who opens, of who answers */
	uint8_t address_id, reset_reason;
	bool backup, has_token, answered, completed, has_reset_reason, has_hmac[2], has_nonce[2];
	uint8_t hmac[2][20];  /* of the answer 8 bytes, of the third packet 20 */
	struct flow *copy_of; /* the same subflow seen on the other side of a NAT, in the same file */
};

struct flow {
	/* With every packet. */
	struct flow_key key;
	struct connection *connection; /* NULL: no data, no MPTCP option so far */
	uint32_t index;                /* in the file, by first packet */
	bool client_is_second;         /* the client is the key's second endpoint */
	bool flipped; /* the client is the connection's server: a subflow opened by the server */
	bool copied;  /* its join says of which flow it is a copy */
	bool settled; /* the handshake is over and nothing else was on these endpoints: numbers decide alone */
	bool has_mptcp[2];
	uint16_t syn_data; /* bytes of payload in the SYN that the other side has not taken */

	struct join *join;     /* by MP_JOIN, or a copy */
	struct flow *previous; /* on the same endpoints, before; packets may still be its own */
	int64_t syn_ns, syn_ack_ns, established_ns, ended_ns; /* NEVER: not seen */
	uint32_t syn_sequence;
	uint32_t other_base; /* of the SYN/ACK before the last, when they differ */
	bool joined;
	bool closed_by_server; /* who ended it first */
	bool syn_seen, syn_ack_seen, syn_ack_changed;
	uint8_t ecn_setup; /* bits: 1 asked for by the client's SYN, 2 agreed by the server's */

	struct flow_direction direction[2]; /* FORWARD: from the flow's client */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow) == FLOW_BYTES, "what a flow of one packet costs, but for its slot");

struct data_direction {
	/* With every packet: one cache line. */
	struct ranges seen;
	uint64_t base; /* data sequence number of ORIGIN */
	uint64_t acked;
	uint64_t delivered; /* bytes in order; holes that a data ACK passed are in it, and in uncaptured */
	int64_t first_ns, last_ns;
	uint32_t first_bytes; /* of the first arrival: they took no time that the capture shows */
	bool numbered : 1;    /* base is known: by the keys, or from the first mapping seen */
	bool based : 1;       /* ORIGIN is the connection's first byte, not only the first seen */
	bool started : 1, finished : 1;
	bool holes; /* seen has entries beyond holes */

	uint64_t floor __attribute__((aligned(64))); /* where seen began */
	uint64_t reinjected_bytes, uncaptured_bytes, before_bytes;
	uint64_t *window_bytes; /* one a window; NULL without windows */
	struct series series;   /* of bytes delivered */
	struct curve *curve;    /* likewise, for figures */
};

enum { DATA_HOT_BYTES = 64 };

enum event_kind {
	/* 0 to 15: an MPTCP option's subtype; MPTCP_DSS: an infinite mapping. */
	EVENT_FALLBACK = 16,
	EVENTS,
};

struct event {
	int64_t time_ns;
	uint32_t flow;
	uint8_t direction; /* of the connection */
	uint8_t kind;      /* of enum mptcp_subtype or event_kind */
	uint8_t flag;      /* echo, backup, MP_TCPRST's reason, the fallback's reason */
	struct option_address address;
	uint64_t value; /* MP_FAIL: data sequence number */
	uint8_t ids[8], id_count;
};

enum fallback {
	FALLBACK_NONE,
	FALLBACK_NO_REPLY,
	FALLBACK_NO_MAPPING,
	FALLBACK_INFINITE,
	FALLBACK_FAIL,
	FALLBACK_OPTIONS_STOPPED
};

struct connection {
	bool mptcp;        /* negotiated, or options seen that only a negotiated one has */
	bool requested;    /* the client's SYN carried MP_CAPABLE */
	bool option_seen;  /* any MPTCP option, on any packet */
	bool initial_seen; /* MP_CAPABLE: its first subflow is in this file */
	int8_t version;    /* -1: not seen */
	bool checksum, fastclosed;
	uint8_t fallback; /* of enum fallback */
	bool has_key[2], has_token[2];
	bool tied;           /* its data sequence space is in the table of spaces */
	struct flow *one;    /* while it is the only one */
	struct flow **flows; /* NULL while there is one */
	uint32_t flow_count, flow_capacity;
	uint32_t space[2]; /* where it stands in the table of spaces */
	uint64_t key[2];   /* FORWARD: the client's */
	uint32_t token[2];
	struct data_direction data[2] __attribute__((aligned(64)));
	int64_t fallback_ns;
	struct event *events;
	uint32_t event_count, events_dropped;
	struct connection *next; /* of all that were made, for their end */
};

/* A table of connections by some number of theirs: open addressing. */
struct token {
	uint64_t number;
	uint8_t side; /* whose it is */
	struct connection *connection;
};

struct token_table {
	struct token *tokens;
	uint32_t count, mask;
};

struct flow_slot {
	uint32_t number; /* of the flow, plus one; 0: free */
	uint32_t hash;
};

struct counters {
	uint64_t malformed_options, cut_options, duplicate_packets, stray_packets;
};

struct tracker;

/* Whoever looks at single segments: gets each, and takes it in by tcp_segment. */
struct watcher {
	void (*segment)(struct watcher *watcher, struct tracker *tracker, struct flow *flow,
		const struct segment *segment);
};

struct tracker {
	const struct analysis_options *options;
	int64_t step_ns;
	int64_t window_ns[ANALYSIS_WINDOWS][2];
	struct counters counters;
	struct series_budget budget;
	struct flow **blocks; /* of FLOW_BLOCK flows: they never move */
	uint32_t flow_count, block_count;
	struct flow_slot *slots;
	uint32_t slot_mask;
	struct token_table tokens;      /* by token */
	struct token_table spaces;      /* by data sequence number, where tokens are not known */
	struct arena arena;             /* what lives as long as this: rare parts, samples, connections */
	struct connection *connections; /* all that were made, the last one first */
	struct watcher *watcher;        /* NULL: nobody */
	bool plain;   /* no series and no figures are wanted: bytes change nothing but counters */
	bool windows; /* windows are wanted */
	bool out_of_memory;
};

enum { FLOW_BLOCK = 1024 };

static inline struct flow *tracker_flow(const struct tracker *tracker, uint32_t index)
{
	return &tracker->blocks[index / FLOW_BLOCK][index % FLOW_BLOCK];
}

static inline struct flow *connection_flow(const struct connection *connection, uint32_t index)
{
	return connection->flows ? connection->flows[index] : connection->one;
}

/* tracker.c: the tables. */
struct tracker *tracker_new(const struct analysis_options *options);
void tracker_free(struct tracker *tracker);
/* The flow of a segment, made when it is new; NULL without memory. */
struct flow *tracker_find(struct tracker *tracker, const struct segment *segment);
/* The flow's connection, made when it has none; NULL without memory. */
struct connection *connection_for(struct tracker *tracker, struct flow *flow);
/* Puts the flow into the connection, and out of the one that it was in. */
void connection_add(struct tracker *tracker, struct connection *connection, struct flow *flow);
/* The direction's rare part, made when it has none. Without memory, one that nobody reads. */
struct cold *cold_of(struct tracker *tracker, struct flow_direction *direction);
struct token *token_find(const struct token_table *table, uint64_t number);
void token_set(struct tracker *tracker, struct token_table *table, uint64_t number,
	struct connection *connection, uint8_t side);

/* take.c: segments find their flows and change them, in order. */
void take_segments(struct tracker *tracker, const struct segment *segments, size_t count);
/* quick.c: does what tcp_segment would do, for what nearly every segment is: the next bytes or an acknowledgement,
 * where nothing is open. False: it is something else, and nothing was changed. */
bool quick_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment);
/* tcp.c: a segment changes its flow. */
void tcp_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment);
/* After each change of `seen`. */
static inline void direction_note_holes(struct flow_direction *direction)
{
	direction->heed &= (uint8_t)~HEED_HOLES;
	direction->heed |= ranges_count(&direction->seen) ? HEED_HOLES : 0;
}

/* handshake.c: who belongs to the flow, where its sequence numbers start, how it ends. Each returns whether
 * the segment is the flow's own and goes on. */
bool handshake_syn(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment);
bool handshake_accepts(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment);
void handshake_ending(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment);
/* The flow itself, or the one before on its endpoints where the segment fits that better. */
struct flow *handshake_owner(struct flow *flow, const struct segment *segment);
bool handshake_opens_new_flow(const struct flow *flow, const struct segment *segment);
void direction_start(struct flow_direction *direction, uint32_t base);
void direction_reset(struct tracker *tracker, struct flow *flow, unsigned side, uint32_t base);

/* again.c: why bytes come again, and whether that was needed. */
void again_below_highest(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, uint64_t start, uint64_t end, uint64_t high, uint64_t fresh_bytes);
void again_sack(struct tracker *tracker, struct flow_direction *from, struct flow_direction *data,
	const struct segment *segment, uint64_t ack);
void again_acknowledged(struct flow_direction *data, const struct segment *segment, uint64_t before);

/* mptcp.c: what a segment's MPTCP options say; before its payload is taken in, so that mappings are known. */
void mptcp_options(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment);
void mptcp_event(struct connection *connection, const struct event *event);
/* joins.c: MP_CAPABLE and MP_JOIN: which flows make one connection. */
void mptcp_capable(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const uint8_t *option);
void mptcp_join(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment,
	const uint8_t *option);
void mptcp_become(struct connection *connection);
/* Ties a flow whose tokens were not seen to the connection whose data it carries. */
void mptcp_tie(struct tracker *tracker, struct flow *flow, unsigned direction, const struct dss *dss);
/* 1: the keys confirm both sides' HMACs that were seen, 0: they contradict one, -1: not known. */
int mptcp_join_is_authentic(const struct connection *connection, const struct flow *flow);

/* data.c: bytes of a subflow seen for the first time, at a time relative to the file. `segment` (may be NULL)
 * carried them. */
void data_fresh(struct tracker *tracker, struct flow *flow, unsigned direction, uint64_t start, uint64_t end,
	const struct segment *segment, int64_t now_ns);
void data_map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct mapping *mapping,
	int64_t now_ns);
void data_acknowledged(
	struct tracker *tracker, struct data_direction *data, uint64_t position, int64_t now_ns);
/* Bytes [start, end) of the subflow, seen for the first time, lie within the mapping. */
void data_mapped(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct mapping *mapping, uint64_t start, uint64_t end, int64_t now_ns);
void data_reset(struct data_direction *data);
/* The SYN's payload was taken (TCP Fast Open, RFC 7413): `taken` bytes of it. */
void data_syn(struct tracker *tracker, struct flow *flow, uint64_t taken, int64_t now_ns);
/* After a segment's payload: whether bytes that wait for a mapping will ever have one. */
void data_check_mappings(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment);
/* The connection goes on as plain TCP from now on, in both directions. */
void data_fall_back(struct flow *flow, unsigned direction, enum fallback reason, int64_t now_ns);

/* The 64-bit position of a wire number: the one nearest to `near`. */
static inline uint64_t unwrap(uint32_t base, uint32_t wire, uint64_t near)
{
	return near + (uint64_t)(int64_t)(int32_t)(wire - base - (uint32_t)near);
}

static inline unsigned connection_direction(const struct flow *flow, unsigned direction)
{
	return direction ^ flow->flipped;
}

static inline bool flow_is_copy(const struct flow *flow)
{
	return __builtin_expect(flow->copied, 0);
}

/* The round trips that an acknowledgement up to `ack` ends, of the direction that sent; `waited`: for a hole, not only
 * for the path. */
static inline void flow_sample(struct tracker *tracker, struct flow_direction *data,
	const struct segment *segment, uint64_t ack, bool waited)
{
	struct samples *samples = data->samples;
	const struct sample *oldest, *last = samples_acknowledged(samples, ack, &oldest);
	if (!oldest)
		return;
	if (last && !waited)
		samples_measured(samples, segment->time_ns - last->time_ns);
	if ((segment->parsed.present & OPTION_TIMESTAMP) && oldest->stamp &&
		segment->parsed.echo == oldest->stamp && segment->time_ns >= oldest->time_ns &&
		samples->stamped++ % 8 == 0)
		delays_add(&cold_of(tracker, data)->rtt_stamp, segment->time_ns - oldest->time_ns);
}

/* Whether subflow bytes become the connection's by DSS mappings, and not as they are. */
static inline bool connection_is_mapped(const struct connection *connection)
{
	return connection->mptcp && connection->fallback != FALLBACK_NO_REPLY;
}

#endif
