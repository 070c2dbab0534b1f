/* A cellular radio as a state machine: idle, promotion, high power while packets move, tail while the operator's timer
 * runs, and optionally a low-power shared channel. It says when a packet may leave, and adds up time and energy per state.
 * Pure: the caller passes the time with each call, and it never decreases; no clock, no timers, no memory. The link daemon
 * and the Kibbutz simulator use it.
 *
 *   idle --packet--> promotion --promotion_ns--> high --nothing to send--> tail --tail_ns--> low or idle
 *   tail --packet--> high        low --packet--> promotion (low_promotion_ns)        low --low_ns--> idle */
#ifndef LIQUIDNET_RADIO_H
#define LIQUIDNET_RADIO_H

#include <stdbool.h>
#include <stdint.h>

#define RADIO_NEVER INT64_MAX

enum radio_state { RADIO_IDLE, RADIO_PROMOTION, RADIO_HIGH, RADIO_TAIL, RADIO_LOW, RADIO_STATES };

struct radio_profile {
	const char *name;
	const char *source; /* of its numbers, for people */
	int64_t promotion_ns;
	int64_t tail_ns;
	int64_t low_ns; /* 0: no low state, the tail ends in idle */
	int64_t low_promotion_ns;
	/* True: the tail timer starts when a packet asks to leave, so a promotion takes a part of the tail. False: it
	 * starts when the packet has left. The paper's simulator starts it at the request: background traffic (mean
	 * 30 s) keeps the radio up for 33 % of the time, which is 10/30. */
	bool tail_from_request;
	int64_t rtt_hot_ns, rtt_cold_ns; /* of a request that finds the radio up / idle */
	double power_mw[RADIO_STATES];   /* of the radio alone */
};

struct radio {
	struct radio_profile profile;
	enum radio_state state;
	int64_t now;         /* accounted up to here */
	int64_t until;       /* when the state ends by itself; RADIO_NEVER: not by itself */
	int64_t sends_until; /* the last packet will have left by then */
	int64_t tail_from;   /* the last packet asked then */
	bool released;       /* no tail after what is being sent */
	uint64_t promotions; /* from idle or low: the signalling that an operator pays for */
	int64_t time_ns[RADIO_STATES];
	/* Told of each new state (`state`, since `now`); may be NULL. Set after radio_init. */
	void (*changed)(void *context, const struct radio *radio);
	void *context;
};

/* The profile of that name, or NULL. Names and values: radio_profiles, ended by a NULL name. */
const struct radio_profile *radio_profile(const char *name);
extern const struct radio_profile radio_profiles[];

/* An idle radio. The profile is copied, and may be changed in the copy before the first packet. */
void radio_init(struct radio *radio, const struct radio_profile *profile, int64_t now);
/* Goes on to `now` (which may lie in the past: nothing happens then). */
void radio_advance(struct radio *radio, int64_t now);
/* When a packet that asked at `now` could start: `now`, or the end of a promotion. `now` is no later than
 * what radio_advance was told last. Nothing changes. */
int64_t radio_start(const struct radio *radio, int64_t now);
/* A packet asks to leave, or arrives from the base station, at `now`, and occupies the channel for
 * `airtime_ns`
 * (>= 0). Returns when it may start: `now`, or the end of the promotion. Queueing for the channel is the
 * caller's business: `airtime_ns` reaches from that start to the end of its last bit. */
int64_t radio_packet(struct radio *radio, int64_t now, int64_t airtime_ns);
/* The device asks for the idle state at once (fast dormancy); what is being sent still leaves first, and a
 * promotion is finished. */
void radio_release(struct radio *radio, int64_t now);
/* Promotions, times and energy start at zero again at `now`; the state goes on. */
void radio_forget(struct radio *radio, int64_t now);
/* When the state changes by itself; RADIO_NEVER: not before the next packet. */
int64_t radio_deadline(const struct radio *radio);
/* Whether a packet that asks now may leave at once: no promotion is needed or under way. */
bool radio_is_up(const struct radio *radio);
/* Sum over the states of power x time, in millijoule, and the time in any state but idle and low, up to the
 * last call, since the last radio_forget. */
double radio_energy_mj(const struct radio *radio);
int64_t radio_high_ns(const struct radio *radio);
const char *radio_state_name(enum radio_state state);
#endif
