/* Dynamic source routing: rates, what a subflow adds, and who gives way. */
#include "nodes/detour/client/routing.h"
#include <math.h>
#include <string.h>

#define FALL_NS 150000000.0     /* the same where they fall: a route that was good is left soon */
#define SMOOTH_NS 400000000.0   /* time constant of rates */
#define FORGET_NS 10000000000.0 /* half of what was known of an unused route is forgotten in this time */
#define YIELD_NS 40000000000.0  /* and of its yield, while the same is observed */
#define HOPE 1.5                /* of the average: what a route that was never tried is worth */
#define RTTS 10
#define CAUTION 0.92 /* the best of many observations is better than what it observed */
#define NEWS 0.3     /* two observations that differ by more are of different times */
#define YIELD_LEAST 0.1
#define PROMISE 0.5 /* of what was observed */
#define GROWS 2     /* times settle_ns: a subflow needs so long for what its route has become */
#define DEAR 2.0
#define SHARES_LEAST 0.5
#define BUSY_LEAST                                                                                           \
	4 /* a subflow that had data for less than this part of the time says nothing of its route */

void routing_init(struct routing *routing, const struct routing_settings *settings)
{
	memset(routing, 0, sizeof *routing);
	routing->settings = *settings;
}

void routing_spare(struct routing *routing)
{
	if (routing->dear)
		return;
	routing->dear = true;
	routing->settings.settle_ns *= 2;
	routing->settings.margin = fmax(routing->settings.margin, DEAR);
	routing->settings.margin_observed = fmax(routing->settings.margin_observed, DEAR);
}

/* Observations err a bit: their mean is better than the last. One that differs much says that the route has changed, and with it
 * goes what was known of how much of an observation is had. */
static void note_probe(int64_t now, struct routing_route *route, double probe)
{
	if (probe == route->probe)
		return;
	route->probe = probe;
	bool news = probe <= 0 || route->seen <= 0 || fabs(probe - route->seen) > NEWS * route->seen;
	route->seen = news ? probe : (route->seen + probe) / 2;
	if (!news)
		return;
	route->yield = 1;
	route->news_ns = now;
}

/* It has had data for long enough to be judged. */
static bool has_shown(const struct routing *r, int64_t now, const struct routing_route *route)
{
	return route->shown_ns && now - route->shown_ns >= r->settings.settle_ns &&
	       (route->news_ns <= route->since_ns || now - route->news_ns >= GROWS * r->settings.settle_ns);
}

/* What a subflow delivers of what was observed before it came: less, where there is loss that few observations can see. */
static void note_yield(const struct routing *r, int64_t now, struct routing_route *route)
{
	if (route->seen <= 0 || !has_shown(r, now, route))
		return;
	double yield = route->rate / route->seen;
	route->yield = yield > 1 ? 1 : yield < YIELD_LEAST ? YIELD_LEAST : yield;
}

static double average(const struct routing *r)
{
	double sum = 0;
	unsigned count = 0;
	for (unsigned i = 0; i < r->settings.routes; i++)
		if (r->routes[i].carries || r->routes[i].tried) {
			sum += r->routes[i].rate;
			count++;
		}
	return count ? sum / count : 0;
}

/* What a route without a subflow is thought to be worth. */
static double worth(const struct routing *r, int64_t now, const struct routing_route *route)
{
	double mean = average(r);
	double age = (double)(now - route->rate_ns);
	if (route->seen > 0 && route->tried) {
		double kept = exp2(-age / YIELD_NS);
		return CAUTION * route->seen * (kept * route->yield + 1 - kept);
	}
	if (route->seen > 0)
		return CAUTION * route->seen;
	if (!route->tried)
		return HOPE * mean;
	double kept = exp2(-age / FORGET_NS);
	return kept * route->rate + (1 - kept) * HOPE * mean;
}

/* A subflow came, or went. */
static void note_carriage(int64_t now, struct routing_route *route, const struct routing_sample *s,
	double others, double expected)
{
	if (s->carries && !route->carries) {
		route->since_ns = route->moved_ns = now;
		route->delivered = s->delivered;
		route->busy_ns = s->busy_ns;
		route->before = others;
		route->rate = expected;
		route->adds = expected;
		route->shown_ns = 0;
		route->judged = false;
	}
	if (!s->carries && route->carries) {
		route->rate_ns = now;
		route->tried = true;
	}
	route->carries = s->carries;
}

static void note_rate(int64_t now, int64_t step, int64_t settle, struct routing_route *route,
	const struct routing_sample *s)
{
	/* What it was given counts, not what it could not be given because data on another route held all up. */
	int64_t busy = s->busy_ns ? s->busy_ns - route->busy_ns : step;
	route->busy_ns = s->busy_ns;
	if (busy > step)
		busy = step;
	if (s->delivered != route->delivered)
		route->moved_ns = now;
	if (busy < step / BUSY_LEAST) {
		route->delivered = s->delivered;
		return;
	}
	double now_rate = (double)(s->delivered - route->delivered) * 1e9 / (double)busy;
	double part = 1 - exp(-(double)step / (now_rate < route->rate ? FALL_NS : SMOOTH_NS));
	bool first = route->shown_ns == 0;
	if (first)
		route->shown_ns = now;
	route->last = now_rate;
	/* It begins with what it shows, and is believed at once what it shows more at first. */
	bool begins = now - route->shown_ns <= settle && now_rate > route->rate;
	route->rate = first || begins ? now_rate : route->rate + part * (now_rate - route->rate);
	route->rate_ns = now;
	route->delivered = s->delivered;
}

static int best_candidate(
	const struct routing *r, int64_t now, const struct routing_sample *samples, double *best)
{
	int found = -1;
	*best = 0;
	for (unsigned i = 0; i < r->settings.routes; i++) {
		const struct routing_route *route = &r->routes[i];
		/* What has just been seen to be good need not be put off for what it was. */
		bool waits = now < route->not_before_ns && route->seen <= route->rate;
		if (!samples[i].there || samples[i].carries || waits)
			continue;
		double value = worth(r, now, route);
		if (found < 0 || value > *best) {
			found = (int)i;
			*best = value;
		}
	}
	return found;
}

static unsigned carrying(const struct routing *r)
{
	unsigned count = 0;
	for (unsigned i = 0; i < r->settings.routes; i++)
		count += r->routes[i].carries;
	return count;
}

/* Left alone for a while that doubles. */
static void put_off(const struct routing *r, int64_t now, struct routing_route *route)
{
	route->pause_ns = route->pause_ns ? 2 * route->pause_ns : r->settings.retry_first_ns;
	if (route->pause_ns > r->settings.retry_last_ns)
		route->pause_ns = r->settings.retry_last_ns;
	route->not_before_ns = now + route->pause_ns;
}

static struct routing_change change(
	struct routing *r, int64_t now, enum routing_why why, int from, int to, double brings)
{
	r->changed_ns = now;
	r->changes++;
	if (from >= 0)
		put_off(r, now, &r->routes[from]);
	return (struct routing_change){why, from, to, from >= 0 ? r->routes[from].adds : 0, brings};
}

static int find_dead(const struct routing *r, int64_t now, const struct routing_sample *samples)
{
	for (unsigned i = 0; i < r->settings.routes; i++)
		if (r->routes[i].carries && samples[i].outstanding > 0 &&
			now - r->routes[i].moved_ns >= r->settings.dead_ns)
			return (int)i;
	return -1;
}

static int least(const struct routing *r)
{
	int found = -1;
	for (unsigned i = 0; i < r->settings.routes; i++)
		if (r->routes[i].carries && (found < 0 || r->routes[i].adds < r->routes[found].adds))
			found = (int)i;
	return found;
}

/* The shortest time between two changes: `most`, and ten round trips. */
static int64_t settle_ns(const struct routing *r, const struct routing_sample *samples, int64_t most)
{
	for (unsigned i = 0; i < r->settings.routes; i++)
		if (samples[i].carries && samples[i].rtt_ns * RTTS > most)
			most = samples[i].rtt_ns * RTTS;
	return most;
}

/* What a subflow adds: its rate, or, where it shares a bottleneck, what all had more since it came. */
static void note_share(const struct routing *r, int64_t now, struct routing_route *route, double rise)
{
	/* Of late alone: what was before it says less and less. */
	bool fresh = now - route->since_ns < 5 * r->settings.settle_ns;
	if (route->carries && !route->judged && has_shown(r, now, route)) {
		route->judged = true;
		/* Others that lost more than it has lost it to something else. */
		bool seems = rise < route->rate * SHARES_LEAST && rise > -route->rate * SHARES_LEAST;
		route->shares = seems ? route->shares + 1 : 0;
	}
	/* Routes that change at the same time look like it, once; so one of which more is known is believed to share the second time. */
	bool shares = route->seen > 0 ? route->shares > 1 : rise < route->rate;
	bool grows = route->seen > 0 && route->news_ns > 0 &&
		     now - route->news_ns < GROWS * r->settings.settle_ns &&
		     CAUTION * route->seen > route->rate && route->news_ns > route->since_ns;
	route->adds = grows ? CAUTION * route->seen : fresh && shares ? (rise > 0 ? rise : 0) : route->rate;
}

static void take_samples(struct routing *r, int64_t now, const struct routing_sample *samples)
{
	int64_t step = r->last_ns ? now - r->last_ns : 0;
	double sum = 0, staying = 0;
	/* One that has just become slower has not lost to what comes now. */
	for (unsigned i = 0; i < r->settings.routes; i++)
		staying += r->routes[i].carries && samples[i].carries
				   ? fmin(r->routes[i].rate, r->routes[i].last)
				   : 0;
	for (unsigned i = 0; i < r->settings.routes; i++) {
		note_carriage(now, &r->routes[i], &samples[i], staying, worth(r, now, &r->routes[i]));
		note_probe(now, &r->routes[i], samples[i].probe);
	}
	for (unsigned i = 0; i < r->settings.routes; i++) {
		struct routing_route *route = &r->routes[i];
		if (!route->carries)
			continue;
		if (step > 0)
			note_rate(now, step, r->settings.settle_ns, route, &samples[i]);
		note_yield(r, now, route);
		sum += route->rate;
	}
	for (unsigned i = 0; i < r->settings.routes; i++)
		note_share(r, now, &r->routes[i], sum - r->routes[i].before);
	r->last_ns = now;
}

/* It has had its time: twice as much where it was observed and does what was expected or still grows, as TCP needs a second to fill what it
 * has room for. One that had nothing to show for long waits no longer. */
static bool may_be_left(
	const struct routing *r, int64_t now, const struct routing_route *route, int64_t settle)
{
	if (route->seen > 0 && (route->last > route->rate || route->rate > PROMISE * route->seen))
		settle *= 2;
	return (route->shown_ns && now - route->shown_ns >= settle) ||
	       now - route->since_ns >= 5 * r->settings.settle_ns;
}

struct routing_change routing_look(
	struct routing *r, int64_t now, const struct routing_sample *samples, bool waiting)
{
	double value;
	take_samples(r, now, samples);
	int dead = find_dead(r, now, samples), to = best_candidate(r, now, samples, &value);
	if (dead >= 0) {
		r->deaths++;
		r->routes[dead].rate = 0;
		return change(r, now, ROUTING_DEAD, dead, to, value);
	}
	if (to < 0)
		return (struct routing_change){ROUTING_STAY, -1, -1, 0, 0};
	if (carrying(r) < r->settings.limit)
		return now - r->changed_ns >= r->settings.settle_ns / 4
			       ? change(r, now, ROUTING_BETTER, -1, to, value)
			       : (struct routing_change){ROUTING_STAY, -1, -1, 0, 0};
	int from = least(r);
	/* A trial needs its time before the next one begins. What was observed from outside is no trial. */
	bool observed = r->routes[to].seen > 0;
	double margin = observed ? r->settings.margin_observed : r->settings.margin;
	int64_t pause = observed ? 0 : settle_ns(r, samples, r->settings.settle_ns);
	if (!waiting || from < 0 || now - r->changed_ns < pause ||
		!may_be_left(r, now, &r->routes[from], settle_ns(r, samples, r->settings.settle_ns)) ||
		value < margin * r->routes[from].adds)
		return (struct routing_change){ROUTING_STAY, -1, -1, 0, 0};
	return change(r, now, ROUTING_BETTER, from, to, value);
}
