/* What the parts of mptcp share. Times are picoseconds, windows packets. */
#ifndef LIQUIDNET_SIM_MPTCP_INTERNAL_H
#define LIQUIDNET_SIM_MPTCP_INTERNAL_H

#include "lib/sim/mptcp.h"

#include <stdlib.h>

#define PS_OF_US 1000000ULL
#define PS_OF_MS 1000000000ULL
#define PS_OF_S 1000000000000ULL
#define UNLIMITED UINT32_MAX
#define BLOCKS 4 /* that a receiver remembers; it tells the newest */

enum { PACKET_DATA, PACKET_ACK, PACKET_HELLO };
/* Timers, in the upper bits of 29. */
enum { TIMER_SENDER, TIMER_DELAYED, TIMER_HELLO, TIMER_JOIN, TIMER_USER };
#define TIMER_SHIFT 24

/* A packet of a subflow, at its sender. */
struct segment {
	uint64_t sent;  /* for the last time */
	uint32_t data;  /* its number in the connection */
	uint32_t order; /* of its last transmission, among all of the subflow */
	bool here;      /* the receiver has said so by a block */
	bool lost;      /* held to be lost, and not known to be here */
	bool again;     /* lost, and under way again */
	bool ever;      /* was sent more than once */
};

enum phase {
	PHASE_OPEN,
	PHASE_CUT,
	PHASE_RECOVERY,
	PHASE_LOSS
}; /* CUT: its own queue was full; LOSS: after a time-out */
enum alarm { ALARM_NONE, ALARM_RTO, ALARM_PROBE, ALARM_REORDER };

struct cubic {
	double last_most, origin, k; /* windows; seconds */
	uint64_t epoch;              /* 0: none */
	double acks, friendly;       /* acknowledged since `friendly` grew; NewReno's window */
	uint64_t delay_least;
	/* HyStart. */
	bool found;
	uint64_t round_start, last_ack, round_delay;
	uint32_t round_end, samples;
};

/* What came out of order, beyond `base`: a ring of bits. */
struct gaps {
	uint32_t base, bits;
	uint64_t *here;
};

struct block {
	uint32_t low, high; /* high is beyond it */
};

struct subflow {
	uint32_t connection, out, back;
	bool established;
	uint64_t hello_began, hello_due; /* SIM_NEVER: no handshake under way */
	uint32_t hello_trips;
	/* The sender: all before `acked` are there, `next` is the first that was never sent, those before `end` are the subflow's. */
	uint32_t acked, next, end;
	struct segment *ring;
	uint32_t mask, room;        /* of the ring; of the send buffer, packets */
	uint32_t here, lost, again; /* segments of these kinds */
	uint32_t retry;             /* no lost segment that is not under way stands before it */
	uint32_t order;             /* of the next transmission */
	enum phase phase;
	uint32_t high;                      /* where the phase ends */
	uint32_t window, threshold, before; /* before: when the phase began */
	uint32_t reduced_here, reduced_out; /* RFC 6937: delivered and sent in the phase */
	double share;                       /* of a packet, by which the window will grow */
	bool limited;                       /* by its window */
	uint32_t most_out;                  /* of packets under way, until `most_end` is acknowledged */
	uint32_t most_end;
	struct cubic cubic;
	uint64_t rtt, deviation, rto, rtt_least; /* 0: not known */
	uint64_t last_send, last_answer;
	double pace; /* the scheduler's mean of rates, packets per second */
	/* RACK: the newest transmission that arrived. */
	uint32_t rack_order;
	uint64_t rack_rtt;
	bool probing, probe_again; /* the tail; with what had been sent before */
	uint32_t probe_end;
	enum alarm alarm;
	uint64_t deadline, timed; /* when its event comes; SIM_NEVER: none is asked for */
	/* The receiver. */
	struct gaps gaps;
	struct block blocks[BLOCKS];
	uint32_t block_count, pending, quick;
	uint64_t delayed_due;
	bool delayed_timed;
};

struct connection {
	uint32_t first, count; /* its subflows */
	bool pulled, opened;
	uint64_t asked; /* bytes that the sender is still to hear of */
	bool endless;
	uint32_t total, given,
		acked; /* data packets: there are, subflows have, the receiver has in order as the sender knows */
	uint32_t tail, tail_bytes; /* the last packet of what was asked for */
	uint64_t short_bytes;      /* what earlier tails had less than full ones */
	struct gaps gaps;
};

/* What an acknowledgement says. */
struct answer {
	uint32_t base, data;
	struct block block; /* empty: none */
	bool duplicate;     /* what it answers was here already */
};

struct sim_mptcp {
	struct sim_network *network;
	struct sim_mptcp_settings settings;
	void (*done)(void *user, uint32_t connection);
	void (*timer)(void *user, uint32_t number);
	void *user;
	struct connection *connections;
	struct subflow *subflows;
	uint32_t connection_count, subflow_count;
	struct answer *answers; /* by number of the packet */
	uint32_t answer_room;
	struct sim_mptcp_counters counters;
};

static inline uint64_t now_of(const struct sim_mptcp *m)
{
	return m->network->events.now;
}
static inline uint32_t number_of(const struct sim_mptcp *m, const struct subflow *s)
{
	return (uint32_t)(s - m->subflows);
}
static inline struct segment *segment_of(const struct subflow *s, uint32_t sequence)
{
	return &s->ring[sequence & s->mask];
}
static inline uint32_t in_flight(const struct subflow *s)
{
	return s->next - s->acked - s->here - s->lost + s->again;
}
static inline void *sim_must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- mptcp.c */

/* A packet of the subflow, not sent yet. */
struct sim_packet *sim_mptcp_packet(
	struct sim_mptcp *m, const struct subflow *s, uint8_t type, uint32_t bytes);
uint32_t sim_mptcp_bytes(const struct sim_mptcp *m, const struct connection *c, uint32_t data);
/* Gives data to subflows, as far as there is any, the receive window goes, and buffers have room. */
void sim_mptcp_schedule(struct sim_mptcp *m, struct connection *c);

/* ---- mptcp_sender.c */

void sim_sender_open(const struct sim_mptcp *m, struct subflow *s);
/* Data for the end of the queue. */
void sim_sender_give(struct subflow *s, uint32_t data);
/* Sends what the window lets go. */
void sim_sender_push(struct sim_mptcp *m, struct subflow *s);
void sim_sender_answer(struct sim_mptcp *m, struct subflow *s, const struct answer *answer);
void sim_sender_timer(struct sim_mptcp *m, struct subflow *s);
/* RFC 6298. */
void sim_sender_rtt(const struct sim_mptcp *m, struct subflow *s, uint64_t sample);

/* ---- mptcp_receiver.c */

void sim_receiver_data(struct sim_mptcp *m, struct subflow *s, const struct sim_packet *packet);
void sim_receiver_timer(struct sim_mptcp *m, struct subflow *s);

/* ---- mptcp_growth.c */

/* `acked` packets were acknowledged outside of reductions; what the newest of them took. */
void sim_growth_acked(const struct sim_mptcp *m, struct subflow *s, uint32_t acked);
void sim_growth_sample(const struct sim_mptcp *m, struct subflow *s, uint64_t rtt);
/* The threshold after a loss; 2 and more. */
uint32_t sim_growth_loss(const struct sim_mptcp *m, struct subflow *s);
void sim_growth_timeout(struct subflow *s);
/* It sends again, after `idle` in which nothing was under way. */
void sim_growth_idle(struct subflow *s, uint64_t idle);
/* Packets per second (tcp_update_pacing_rate). */
double sim_growth_pace(const struct subflow *s);

#endif
