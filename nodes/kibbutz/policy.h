/* The Mobile Kibbutz's policy for one device. It decides when to advertise its cellular link and to whom (tit-for-tat), which
 * neighbour's link to use and with which priority, and when its own link must help (watchdog). A pure library without clock
 * and sockets: events go in, each with its time; actions come out of a queue. The device daemon and the simulator both use
 * it, so that one can be checked against the other.
 *
 * The rules (Trilogy2 D1.1, section 2.1.3.2.2.1, and additions for a real network):
 * - Advertisement: when one of the device's own packets leaves on its cellular link, and the link is not shared yet, the link
 *   is advertised to each neighbour that has credit, for one tail timer. An advertisement carries a duration, never a time
 *   of day.
 * - Credit: each neighbour begins with `credit`. Its credit falls when it first uses the link in a period, and rises when this
 *   device first uses one of its periods. At zero the link is not advertised to it. Packets of a neighbour without a valid
 *   advertisement are not forwarded.
 * - Profile energy: one neighbour at a time at normal priority, the one whose advertisement lasts longest. Profiles bandwidth
 *   and rtt: all neighbours and the own link, all at low priority.
 * - Tie (energy): two devices that begin in the same instant advertise to each other. They would then use each other's links in
 *   every period, with both radios up. So a device that hears an advertisement within a moment of its own to the same
 *   neighbour tosses a coin, and with heads stays on its own link for that period. After two periods on average one radio is
 *   down.
 * - Watchdog (energy): a path with timeouts, or with a small window after losses, is poor; the own link then has normal priority
 *   until the path has been well for a while. A path that stays dead is given up, and its neighbour's advertisements are not
 *   believed for a while. */
#ifndef LIQUIDNET_KIBBUTZ_H
#define LIQUIDNET_KIBBUTZ_H

#include <stdbool.h>
#include <stdint.h>

#define KIBBUTZ_NEVER INT64_MAX
#define KIBBUTZ_OWN (-1) /* a route: the device's own link */

enum kibbutz_profile { KIBBUTZ_ENERGY, KIBBUTZ_BANDWIDTH, KIBBUTZ_RTT, KIBBUTZ_PROFILES };

struct kibbutz_settings {
	enum kibbutz_profile profile;
	unsigned credit;    /* >= 1; the paper's initial counter, 5 */
	int64_t period_ns;  /* of an advertisement: the operator's tail timer */
	int64_t longest_ns; /* longer advertisements are cut to this */
	/* An advertisement may be used for so much longer than it says, because its author's next packet, which
	 * renews it, comes a moment after its end. 0 is the paper's rule, which is right only where packets come
	 * exactly on time. */
	int64_t slack_ns;
	int64_t tie_ns;       /* advertisements so close to each other tie; 0: the paper's rule */
	uint64_t seed;        /* of the coin: each device has its own */
	bool watchdog;        /* false: plain priorities, as figure 2.20 c compares */
	unsigned timeouts;    /* in a row: the path is poor */
	unsigned window;      /* segments: the path is poor when ssthresh and window are both below */
	unsigned dead;        /* timeouts in a row: the path is given up */
	int64_t well_ns;      /* without either: the path is well again */
	int64_t disbelief_ns; /* after a path was given up */
};
#define KIBBUTZ_SETTINGS                                                                                     \
	((struct kibbutz_settings){.profile = KIBBUTZ_ENERGY,                                                \
		.credit = 5,                                                                                 \
		.period_ns = 10000000000,                                                                    \
		.longest_ns = 60000000000,                                                                   \
		.tie_ns = 100000000,                                                                         \
		.watchdog = true,                                                                            \
		.timeouts = 1,                                                                               \
		.window = 8,                                                                                 \
		.dead = 4,                                                                                   \
		.well_ns = 3000000000,                                                                       \
		.disbelief_ns = 30000000000})

enum kibbutz_action_kind {
	KIBBUTZ_ADVERTISE, /* to `neighbour`, for `duration_ns`; forward for it so long */
	KIBBUTZ_OPEN,      /* subflows through `neighbour`, low priority if `backup` */
	KIBBUTZ_CLOSE,     /* no more subflows through `neighbour` */
	KIBBUTZ_OWN_LINK,  /* the own link's priority: low if `backup` */
	KIBBUTZ_ACTIONS
};

struct kibbutz_action {
	enum kibbutz_action_kind kind;
	unsigned neighbour;
	int64_t duration_ns;
	bool backup;
};

/* The state of the subflows through a neighbour, from TCP: the worst of those with data in flight. */
struct kibbutz_sample {
	bool busy;         /* data under way */
	unsigned timeouts; /* retransmission timeouts in a row, now */
	uint32_t ssthresh; /* segments; INT32_MAX: no loss yet */
	uint32_t window;   /* congestion window, segments */
};

/* The watchdog of one path. */
struct kibbutz_watch {
	bool poor;
	int64_t ill_at; /* the last sample that was not well */
};

struct kibbutz_neighbour {
	unsigned credit;
	int64_t ours_until;   /* our advertisement to it */
	int64_t theirs_until; /* its advertisement to us */
	int64_t disbelieved_until;
	bool charged; /* it has used our link in this period, which cost it credit */
	bool counted; /* we have used its link in this period, which earned it credit */
	bool tied;    /* a tie: we stay on our own link and do not use its link */
	bool open;
	struct kibbutz_watch watch;
	uint64_t advertised, heard, forwarded, refused, used, given_up, ties;
};

struct kibbutz;

/* A device with `neighbours` neighbours, numbered from 0. *settings is copied. Never fails: if memory runs out, the program
 * ends. */
struct kibbutz *kibbutz_new(const struct kibbutz_settings *settings, unsigned neighbours);
void kibbutz_free(struct kibbutz *kibbutz);

/* The next action; false when there is none. The caller must fetch all actions after each call below. */
bool kibbutz_next_action(struct kibbutz *kibbutz, struct kibbutz_action *action);
/* When kibbutz_tick must be called; KIBBUTZ_NEVER: it need not be. */
int64_t kibbutz_deadline(const struct kibbutz *kibbutz);
void kibbutz_tick(struct kibbutz *kibbutz, int64_t now);

/* An own packet has left on the own cellular link. */
void kibbutz_own_packet(struct kibbutz *kibbutz, int64_t now);
/* A neighbour's advertisement, known to be genuine and fresh. Ends an earlier one of the same neighbour: a
 * new period begins. A duration <= 0 takes it back. */
void kibbutz_heard(struct kibbutz *kibbutz, int64_t now, unsigned neighbour, int64_t duration_ns);
/* A neighbour's packet is to be forwarded. False: the neighbour has no valid advertisement. */
bool kibbutz_forward(struct kibbutz *kibbutz, int64_t now, unsigned neighbour);
/* An own packet has left through a neighbour. */
void kibbutz_used(struct kibbutz *kibbutz, int64_t now, unsigned neighbour);
/* Polled state of the subflows through a neighbour. */
void kibbutz_path(
	struct kibbutz *kibbutz, int64_t now, unsigned neighbour, const struct kibbutz_sample *sample);

/* The watchdog alone, for a sender that does not choose the links (the provider). A path becomes poor at once, and well only
 * after a while. Returns whether the path is poor now. */
bool kibbutz_watch(const struct kibbutz_settings *settings, struct kibbutz_watch *watch, int64_t now,
	const struct kibbutz_sample *sample);

/* Which link an own packet takes in profile energy: a neighbour, or KIBBUTZ_OWN. */
int kibbutz_route(struct kibbutz *kibbutz, int64_t now);
/* Whether the own link is at low priority now. */
bool kibbutz_own_backup(const struct kibbutz *kibbutz);
/* As given to kibbutz_new. */
const struct kibbutz_settings *kibbutz_settings(const struct kibbutz *kibbutz);
/* State of a neighbour, for people and tests. */
const struct kibbutz_neighbour *kibbutz_neighbour(const struct kibbutz *kibbutz, unsigned neighbour);

const char *kibbutz_profile_name(enum kibbutz_profile profile);
const char *kibbutz_action_name(enum kibbutz_action_kind kind);
#endif
