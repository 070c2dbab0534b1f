/* Visits: one radio, several channels. This module decides when the radio leaves its channel, and how long it may stay on the
 * next. Trilogy2 Deliverable D1.2, section 3.2 (2015): a client with one WiFi interface has an access point on each channel
 * and visits them in turn. While it is away, each access point buffers packets for it.
 *
 * A visit lasts at most T (`dwell`). It ends earlier when nothing passed in either direction for Tw (`idle`). A transmission in
 * the air is finished. The switch to the next channel takes `switching`.
 *
 * The fixed policy leaves T and Tw as they are. The dynamic policy (section 3.2.2) sets them at the end of each visit:
 *
 * - m, the mean time between packets from the access point in that visit, is not defined when there were fewer than VISITS_LEAST. Then the
 *   channel underperforms, and the next visit has Tw = T. Otherwise the next visit has Tw = c times the least m of all channels (`idle_factor`).
 *
 * - T of a channel grows by `dwell_step` from visit to visit, up to `dwell_most`, as long as its throughput is `boost_above` or more and that of
 *   every other channel was zero in its last visit. Otherwise it is `dwell`.
 *
 * - When this visit and the one before it lasted for their whole T, the access point may have packets left that it buffered while the radio was
 *   away. The client then sends no more, and stays until nothing has come from the access point for Tws (`flush`).
 *
 * D1.2 publishes neither c, nor how few packets are too few, nor from which throughput on T grows.
 *
 * Pure: the caller passes the time with each call; no clock, no packet, no draw. A struct visits may be copied, to look
 * ahead. */
#ifndef LIQUIDNET_LINK_VISITS_H
#define LIQUIDNET_LINK_VISITS_H

#include <stdbool.h>
#include <stdint.h>

#define VISITS_CHANNELS 16 /* of one radio, at most */
#define VISITS_LEAST 3     /* with fewer packets in a visit there is no mean time between them */

enum visits_policy { VISITS_FIXED, VISITS_DYNAMIC };
/* What ended a visit: Tw, T, Tws. */
enum visits_end { VISITS_IDLE, VISITS_WHOLE, VISITS_FLUSHED, VISITS_ENDS };

struct visits_settings {
	enum visits_policy policy;
	int64_t switching_ns;
	int64_t dwell_ns; /* T; above 0 */
	int64_t idle_ns;  /* Tw, of the dynamic policy for the first visit; 0: it never leaves early */
	/* Of the dynamic policy. */
	int64_t dwell_step_ns, dwell_most_ns;
	uint64_t boost_above_bps;
	double idle_factor; /* c; 1 or more */
	int64_t flush_ns;   /* Tws; 0: it never waits for what is buffered */
};

struct visits_channel {
	/* Of its last visit. */
	int64_t left_ns;   /* its end; INT64_MIN: there was none */
	bool flushed;      /* it ended by Tws: the access point has nothing left that it buffered */
	int64_t mean_ns;   /* m; 0: not defined */
	uint64_t rate_bps; /* bits of packets that passed, of both directions, by the time of the visit */
	/* Of its present visit, or its next. */
	int64_t dwell_ns; /* T */
	/* Since visits_forget. */
	int64_t there_ns;
	uint64_t bytes;
};

struct visits {
	struct visits_settings settings;
	uint32_t count, at; /* channels; the one that it is on, or switches to */
	uint64_t number;    /* of visits that have ended; never forgotten */
	int64_t from_ns;    /* it is there from now on; INT64_MIN: nobody has asked for it yet */
	int64_t idle_ns;    /* Tw of this visit; 0: none */
	int64_t last_ns;    /* end of the last packet that passed in this visit; INT64_MIN: none */
	int64_t busy_ns;    /* end of the last try, whether it passed or not; INT64_MIN: none */
	int64_t first_down_ns, last_down_ns; /* ends of packets from the access point */
	uint64_t downs, bytes;
	bool whole_before;           /* the visit before this one lasted for its whole T */
	uint64_t quiet;              /* visits without a try, one after the other, that have just ended */
	uint64_t ended[VISITS_ENDS]; /* since visits_forget */
	struct visits_channel channels[VISITS_CHANNELS];
};

/* A radio that nobody has asked for yet, with one channel. */
void visits_init(struct visits *visits, const struct visits_settings *settings);
/* One channel more. -1: it has VISITS_CHANNELS. Only before visits_begin. */
int visits_add_channel(struct visits *visits);
/* It is on its first channel from now on; nothing when it has begun already. */
void visits_begin(struct visits *visits, int64_t at_ns);
/* When the present visit ends if nothing more is sent in it. */
int64_t visits_end(const struct visits *visits);
/* Whether a packet may be sent in the present visit at that time, which is not before from_ns. `buffered`: the access point had it before the visit
 * began. */
bool visits_admit(const struct visits *visits, int64_t at_ns, bool buffered);
/* Ends the present visit, and begins the next. */
void visits_next(struct visits *visits);
/* Skips whole rounds in which nothing is sent, up to `at_ns`, once such rounds repeat themselves. */
void visits_skip(struct visits *visits, int64_t at_ns);
/* A station tried to send until `end_ns`, and failed. */
void visits_tried(struct visits *visits, int64_t end_ns);
/* A packet has passed by `end_ns`. `down`: it came from the access point. */
void visits_passed(struct visits *visits, int64_t end_ns, uint32_t bytes, bool down);
/* Counters start again. */
void visits_forget(struct visits *visits);

#endif
