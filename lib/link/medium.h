/* Medium: air that several links share, in one place. A station is the sender of one direction of a link. Its packets
 * leave one at a time, and each occupies the station's channel for
 *
 *   air time = overhead + bits / PHY rate of the station       (rounded up to whole nanoseconds)
 *
 * Each channel carries one transmission at a time. The next is that of the station whose packet has waited longest at the
 * head of its queue. So stations that always have something to send alternate packet by packet, and a slow one takes the
 * time of the fast ones. On average 802.11's distributed coordination gives the same chances (Heusse et al., INFOCOM 2003).
 * Its collisions and its randomness are not modelled; the caller includes the mean of its back-off in the overhead.
 *
 * A try may fail (`attempts`). It takes its air time, does not count as activity, and the packet stays at the head of its
 * queue. Before the n-th retry the sender waits 2^n - 1 times the mean back-off: 802.11's window doubles, six times at most,
 * and one back-off is part of the overhead. Meanwhile others may send, and a radio may leave. After the last permitted try
 * the packet is lost. So a weak signal costs air time, and rarely a packet.
 *
 * Several links may share one radio, such as that of a client with one interface and two access points. The radio is on one
 * of their channels at a time; lib/link/visits.h says how long it stays on each. It cannot know what waits on other
 * channels. If an access point still had packets when the radio left, and was not given the time to send them (Tws), it
 * tried to send to nobody and backed off. When the radio is back, it is late by a time from 0 to `stale`, drawn anew for
 * each visit (Trilogy2 Deliverable D1.2, section 3.2.2: "up to several milliseconds").
 *
 * Pure: the caller passes the time with each call; there is no clock and no packet here. Draws are by counter
 * (lib/base/draw.h). */
#ifndef LIQUIDNET_LINK_MEDIUM_H
#define LIQUIDNET_LINK_MEDIUM_H

#include "lib/link/shape_medium.h"
#include "lib/link/visits.h"
#include <stdbool.h>
#include <stdint.h>

#define MEDIUM_NEVER INT64_MAX

struct medium;

struct medium_channel {
	struct medium_channel *next;
	struct medium *medium;
	uint32_t number;
	int64_t free_ns; /* end of the last transmission */
	int64_t busy_ns; /* air time of all, since the last medium_forget */
};

struct medium_radio {
	struct medium_radio *next;
	char name[SHAPE_NAME];
	struct visits visits;
	uint32_t channels[VISITS_CHANNELS]; /* ascending; as many as `visits` has */
	uint64_t switches;  /* since the last medium_forget, up to the last time it was advanced */
	uint32_t worked_on; /* the channel of its last transmission; 0: none */
};

/* The packet at the head of the station's queue may go at `start_ns`. The user either sends it (medium_transmit) or drops
 * it; then the station asks again, or withdraws. */
typedef void medium_serve(void *context, int64_t start_ns);
/* All tries of the packet at the head have failed, the last one at `at_ns`. The user drops it, and the station asks again,
 * or withdraws. */
typedef void medium_lose(void *context, int64_t at_ns);

/* The user of a station: what the station calls. */
struct station_user {
	medium_serve *serve;
	medium_lose *lose;
	void *context;
	uint64_t try_key, late_key; /* of its draws: whether a try fails, how late an access point comes */
};

struct station {
	struct station *next;
	struct medium *medium;
	struct medium_channel *channel;
	struct medium_radio *radio; /* NULL: its own, which is always there */
	struct station_user user;
	uint64_t phy_rate_bps;
	int64_t overhead_ns;
	double success; /* of a try; 1: always */
	uint32_t tries_most;
	int64_t backoff_ns;
	bool access_point; /* the radio's other side */
	int64_t stale_ns;
	/* What it asks for. */
	bool asks;
	int64_t asked_ns, arrived_ns;
	uint32_t bytes;
	uint32_t tries;   /* of its head, in vain */
	int64_t until_ns; /* it backs off until then; INT64_MIN: it does not */
	uint64_t drawn;   /* tries so far, for the draws */
	/* Since the last medium_forget. */
	uint64_t packets, waits, failed, lost;      /* tries that failed; packets of which all did */
	int64_t air_ns, waited_ns, longest_wait_ns; /* from being asked for to the start */
};

struct medium {
	struct medium *next;
	char name[SHAPE_NAME];
	struct station *stations; /* in order of their joining */
	struct medium_channel *channels;
	struct medium_radio *radios;
	/* Told when a shared radio sends on another channel than before; may be NULL. */
	void (*moved)(
		void *context, const struct medium *medium, const struct medium_radio *radio, int64_t at_ns);
	void *context;
};

/* The medium of that name in the list, made where there is none. NULL: no memory. */
struct medium *medium_get(struct medium **list, const char *name);
/* All of the list, with their stations. */
void medium_free(struct medium **list);

/* A new station, which the medium owns. NULL: no memory, or its radio has VISITS_CHANNELS already. All stations that join
 * with one radio must give the same settings of it. */
struct station *medium_join(
	struct medium *medium, const struct shape_medium *settings, const struct station_user *user);
/* Its PHY rate, overhead, attempts and `stale` from the next try on. */
void medium_tune(struct station *station, const struct shape_medium *settings);
/* Other draws from now on. */
void medium_draw(struct station *station, uint64_t try_key, uint64_t late_key);
/* The station has a packet of `bytes` bytes that came at `arrived_ns` and may go from `at_ns` on. Asking again replaces the
 * earlier request. */
void medium_ask(struct station *station, int64_t at_ns, int64_t arrived_ns, uint32_t bytes);
void medium_withdraw(struct station *station);
/* Serves all stations whose turn comes up to `now_ns`, in order of time. A time in the past does nothing. */
void medium_advance(struct medium *medium, int64_t now_ns);
/* What a station that is being served sends. Returns when its last bit is in the air. */
int64_t medium_transmit(struct station *station, int64_t start_ns, uint32_t bytes);
/* When the station's next try begins, by what is known now; other stations may come first. MEDIUM_NEVER: it does not
 * ask. */
int64_t medium_next(const struct station *station);
/* Counters start again. */
void medium_forget(struct medium *medium);

#endif
