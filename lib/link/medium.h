/* Medium: air that several links share, in one place. A station is the sender of one direction of a link; its
 * packets leave one at a time, and what it sends occupies its channel for
 *
 *   air time = overhead + bits / PHY rate of the station       (rounded up to whole nanoseconds)
 *
 * On each channel there is one transmission at a time. Who has waited longest with a packet at the head of
 * its queue is next, so stations that always have something to send alternate packet by packet, and the slow
 * one takes the time of the fast ones: 802.11's distributed coordination gives the same chances in the mean
 * (Heusse et al., INFOCOM 2003); its collisions and its luck are not here, the mean of its back-off is to be
 * part of the overhead.
 *
 * Several links may share one radio, which is on one of their channels at a time, as a client with one
 * interface and two access points is: Trilogy2 Deliverable D1.2, section 3.2. It takes the channels in turn,
 * stays `dwell` (T there) on each, leaves earlier when nothing was sent there for `idle` (Tw there), finishes
 * what is being sent, and then is nowhere for `switching`. It cannot know what waits elsewhere. The timers
 * stay what they are set to: section 3.2.2 moves them from visit to visit, and waits for what the access
 * point has buffered (Tws).
 *
 * Pure: time goes in with each call; no clock, no packet, no draw. */
#ifndef LIQUIDNET_LINK_MEDIUM_H
#define LIQUIDNET_LINK_MEDIUM_H

#include "lib/link/shape.h"
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
	int64_t switching_ns, dwell_ns, idle_ns;
	uint32_t *channels; /* rising */
	uint32_t count, at; /* so many; the one that it is on, or switches to */
	int64_t from_ns;    /* it is there from now on; INT64_MIN: nobody has asked for it yet */
	int64_t last_ns;    /* end of the last transmission of this visit; INT64_MIN: none */
	uint64_t switches;  /* since the last medium_forget, as far as anybody had to know */
	uint32_t worked_on; /* the channel of its last transmission; 0: none */
};

/* The head of its queue may go at `start_ns`: it is either sent (medium_transmit) or dropped; then the
 * station asks again, or withdraws. */
typedef void medium_serve(void *context, int64_t start_ns);

struct station {
	struct station *next;
	struct medium *medium;
	struct medium_channel *channel;
	struct medium_radio *radio; /* NULL: its own, which is always there */
	uint64_t phy_rate_bps;
	int64_t overhead_ns;
	bool asks;
	int64_t asked_ns;
	medium_serve *serve;
	void *context;
	/* Since the last medium_forget. */
	uint64_t packets, waits;
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

/* A new station, the medium's own. NULL: no memory. All that join with one radio must say the same of it. */
struct station *medium_join(
	struct medium *medium, const struct shape_medium *settings, medium_serve *serve, void *context);
/* Its PHY rate and overhead from the next packet on. */
void medium_tune(struct station *station, const struct shape_medium *settings);
/* It has a packet that may go from `at_ns` on. Asking again replaces the time. */
void medium_ask(struct station *station, int64_t at_ns);
void medium_withdraw(struct station *station);
/* Serves whoever is to be served up to `now_ns`, in order of time. A time in the past does nothing. */
void medium_advance(struct medium *medium, int64_t now_ns);
/* What a station that is being served sends. Returns when its last bit is in the air. */
int64_t medium_transmit(struct station *station, int64_t start_ns, uint32_t bytes);
/* When the station will be served, as far as is known: other stations may come first. MEDIUM_NEVER: it does
 * not ask. */
int64_t medium_next(const struct station *station);
/* Counters start again. */
void medium_forget(struct medium *medium);

#endif
