/* Dynamic source routing (S. Brennan 2017, section 6.3): which of a connection's subflows is given up for another route, and when. A
 * pure library over what was delivered: the client feeds it from sock_diag every 200 ms, its simulator (tests/unit) from a model.
 *
 * A route is a detour, or the direct path; some carry a subflow, at most `limit` at a time. Of each route that carries one it knows
 * the delivered rate (smoothed over a second). A route that does not is worth what it delivered when it was last in use, and, with
 * time, what an average route does: it may have changed. A route that was never tried is worth a bit more than the average: it is
 * tried. The rules:
 * - Dead: data is under way on it and nothing was delivered for `dead_ns`, while the connection sends: replaced at once, and not
 *   tried again for a while, which doubles.
 * - Otherwise the subflow that adds least gives way to the best candidate when that is worth `margin` (`margin_observed`) more, at most every `settle_ns`
 *   (10 RTT at least) since the last change, and only while the connection is limited by its paths (data waits).
 * - A route that is observed from outside (trains.h) is worth a bit less than what was seen, and what a subflow there delivered of it
 *   (loss that is rarely seen): until another observation says that the route has changed. Such a change need not wait, as it is no
 *   trial; but what came so is given twice `settle_ns` before it is judged, as TCP takes a second to fill what it has room for.
 * - A subflow's rate is what it delivered in the time that it had data: one that is given none, because data on a slow route holds the
 *   whole connection up, is no worse for it. A new one is worth what was expected of it until it has had data.
 * - A route that carries a subflow is observed, too: where it is said to have become better its subflow is given the time to grow.
 * - What a subflow adds is what the sum of all rates rose by when it came, or its own rate, if that is less: one that shares the
 *   bottleneck of another adds nothing. Where more is known of a route from outside it must have looked so twice in a row: routes that change at
 *   the same time look so once.
 * - A candidate that was tried and was worse is left alone for a pause that doubles, to `retry_last_ns`. */
#ifndef LIQUIDNET_CLIENT_ROUTING_H
#define LIQUIDNET_CLIENT_ROUTING_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTING_ROUTES 65 /* detours, and the direct path */

struct routing_settings {
	unsigned routes, limit;
	double margin;          /* 1.2: a fifth better */
	double margin_observed; /* 1.4: what one look said, which may err */
	int64_t settle_ns;      /* 0.5 s; 10 RTT where that is more */
	int64_t dead_ns;        /* 1.5 s */
	int64_t retry_first_ns, retry_last_ns;
};

/* What is seen of one route now. */
struct routing_sample {
	bool there;           /* it may be used: a mapping, a tunnel that is up */
	bool carries;         /* a subflow is established on it */
	uint64_t delivered;   /* bytes acknowledged on that subflow, in all */
	int64_t busy_ns;      /* time, in all, that data was under way on it; 0: not known */
	uint32_t outstanding; /* segments under way */
	int64_t rtt_ns;       /* the path's own, without queues; 0: not known */
	double probe; /* bytes a second that it would carry, observed from outside (another connection, a probe); 0: not known */
};

struct routing_route {
	bool carries, tried;
	uint64_t delivered;
	int64_t busy_ns;
	int64_t moved_ns; /* when it delivered last, or came */
	double last;      /* bytes a second, between the last two looks */
	double rate;      /* bytes a second, smoothed; when it carries none, what it was */
	int64_t rate_ns;  /* when that was so */
	double before;    /* the sum of the others when it came */
	double adds;
	int64_t since_ns; /* it carries a subflow */
	int64_t shown_ns; /* since when that has had data; 0: never yet */
	bool judged;      /* whether it shares a bottleneck; once, when it has had its time */
	unsigned shares;  /* so often in a row it seemed to */
	int64_t not_before_ns, pause_ns;
	double probe, seen; /* the last one; smoothed */
	int64_t news_ns;    /* when it last said that the route has changed */
	double yield;       /* what a subflow delivered of what was seen */
};

struct routing {
	struct routing_settings settings;
	struct routing_route routes[ROUTING_ROUTES];
	int64_t last_ns, changed_ns;
	unsigned changes, deaths;
	bool dear; /* routing_spare() */
};

enum routing_why { ROUTING_STAY, ROUTING_DEAD, ROUTING_BETTER };

/* What to do: `from` is given up (-1: nothing, there is room), `to` gets a subflow. */
struct routing_change {
	enum routing_why why;
	int from, to;
	double gives, brings; /* bytes a second: what `from` adds, what `to` is thought to be worth */
};

void routing_init(struct routing *routing, const struct routing_settings *settings);
/* From now on a change is dear: the server has no room for a subflow that rests, so one is closed for each, and what is under way goes again.
 * Only what is worth twice as much is changed for, and what came has twice its time. */
void routing_spare(struct routing *routing);
/* One look; `samples` has one for each route, `waiting`: the connection has more data than its paths take. */
struct routing_change routing_look(
	struct routing *routing, int64_t now, const struct routing_sample *samples, bool waiting);

#endif
