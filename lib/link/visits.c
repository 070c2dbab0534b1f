/* The visits of a radio; see visits.h. */
#include "lib/link/visits.h"

#include "lib/base/units.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void visits_init(struct visits *v, const struct visits_settings *settings)
{
	*v = (struct visits){.settings = *settings, .idle_ns = settings->idle_ns};
	v->from_ns = v->last_ns = v->busy_ns = INT64_MIN;
	visits_add_channel(v);
}

int visits_add_channel(struct visits *v)
{
	if (v->count == VISITS_CHANNELS)
		return -1;
	v->channels[v->count++] =
		(struct visits_channel){.left_ns = INT64_MIN, .dwell_ns = v->settings.dwell_ns};
	return 0;
}

void visits_begin(struct visits *v, int64_t at_ns)
{
	if (v->from_ns == INT64_MIN)
		v->from_ns = at_ns;
}

/* ---- the end of a visit */

static int64_t quota_end(const struct visits *v)
{
	return v->from_ns + v->channels[v->at].dwell_ns;
}

/* When nothing will have passed for Tw. */
static int64_t idle_end(const struct visits *v)
{
	return v->idle_ns ? later(v->from_ns, v->last_ns) + v->idle_ns : INT64_MAX;
}

/* Whether it lasts for its whole T. What passes later does not change a yes. */
static bool is_whole(const struct visits *v)
{
	return idle_end(v) > quota_end(v);
}

static bool flushes(const struct visits *v)
{
	return v->settings.policy == VISITS_DYNAMIC && v->settings.flush_ns > 0 && v->whole_before &&
	       is_whole(v);
}

/* When the client stops sending: what is in the air is finished. */
static int64_t stop(const struct visits *v)
{
	return later(sooner(quota_end(v), idle_end(v)), v->busy_ns);
}

int64_t visits_end(const struct visits *v)
{
	return stop(v) + (flushes(v) ? v->settings.flush_ns : 0);
}

bool visits_admit(const struct visits *v, int64_t at_ns, bool buffered)
{
	return at_ns < (buffered ? visits_end(v) : stop(v));
}

/* ---- the dynamic policy */

/* Whether a channel offers a lot, and no other offers anything. */
static bool stands_alone(const struct visits *v, uint32_t channel)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (i != channel && v->channels[i].rate_bps > 0)
			return false;
	return v->channels[channel].rate_bps >= v->settings.boost_above_bps &&
	       v->channels[channel].rate_bps > 0;
}

static int64_t least_mean(const struct visits *v)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < v->count; i++)
		if (v->channels[i].mean_ns)
			least = sooner(least, v->channels[i].mean_ns);
	return least;
}

/* What the visit that ends tells of its channel. */
static void assess(struct visits *v, int64_t end_ns)
{
	struct visits_channel *c = &v->channels[v->at];
	int64_t between = v->last_down_ns - v->first_down_ns;

	c->mean_ns = v->downs < VISITS_LEAST ? 0 : later(1, between / (int64_t)(v->downs - 1));
	c->rate_bps = (uint64_t)((double)v->bytes * 8 * NS_PER_S / (double)later(1, end_ns - v->from_ns));
	/* So little that it is rounded to nothing is more than nothing. */
	c->rate_bps += v->bytes && !c->rate_bps;
}

/* T and Tw of the visit that follows one on channel `before`. */
static void set_timers(struct visits *v, uint32_t before)
{
	const struct visits_settings *s = &v->settings;
	struct visits_channel *c = &v->channels[v->at];

	c->dwell_ns = stands_alone(v, v->at) ? sooner(c->dwell_ns + s->dwell_step_ns, s->dwell_most_ns)
					     : s->dwell_ns;
	v->idle_ns = c->dwell_ns;
	if (v->channels[before].mean_ns) {
		double idle = s->idle_factor * (double)least_mean(v);
		v->idle_ns = idle < (double)c->dwell_ns ? later(1, (int64_t)idle) : c->dwell_ns;
	}
}

/* ---- from visit to visit */

void visits_next(struct visits *v)
{
	struct visits_channel *c = &v->channels[v->at];
	uint32_t before = v->at;
	int64_t end = visits_end(v);
	bool whole = is_whole(v);

	c->left_ns = end;
	c->flushed = flushes(v);
	v->ended[c->flushed ? VISITS_FLUSHED : whole ? VISITS_WHOLE : VISITS_IDLE]++;
	c->there_ns += end - v->from_ns;
	if (v->settings.policy == VISITS_DYNAMIC)
		assess(v, end);
	v->quiet = v->busy_ns == INT64_MIN ? v->quiet + 1 : 0;
	v->whole_before = whole;
	v->from_ns = end + v->settings.switching_ns;
	v->last_ns = v->busy_ns = INT64_MIN;
	v->downs = v->bytes = 0;
	v->at = (v->at + 1) % v->count;
	v->number++;
	if (v->settings.policy == VISITS_DYNAMIC)
		set_timers(v, before);
}

void visits_skip(struct visits *v, int64_t at_ns)
{
	/* After a round without a try each visit is like the one before it; the dynamic policy's timers take two to be what they stay. */
	if (v->busy_ns != INT64_MIN || v->quiet < (v->settings.policy == VISITS_DYNAMIC ? 2 : 1) * v->count)
		return;
	int64_t visit = visits_end(v) - v->from_ns, round = v->count * (visit + v->settings.switching_ns);
	if (at_ns - v->from_ns < round)
		return;
	int64_t rounds = (at_ns - v->from_ns) / round;
	v->from_ns += rounds * round;
	v->number += (uint64_t)rounds * v->count;
	v->quiet += (uint64_t)rounds * v->count;
	v->ended[is_whole(v) ? VISITS_WHOLE : VISITS_IDLE] += (uint64_t)rounds * v->count;
	for (uint32_t i = 0; i < v->count; i++) {
		v->channels[i].there_ns += rounds * visit;
		v->channels[i].left_ns += rounds * round;
	}
}

void visits_tried(struct visits *v, int64_t end_ns)
{
	v->busy_ns = end_ns;
}

void visits_passed(struct visits *v, int64_t end_ns, uint32_t bytes, bool down)
{
	v->busy_ns = v->last_ns = end_ns;
	v->bytes += bytes;
	v->channels[v->at].bytes += bytes;
	if (!down)
		return;
	if (v->downs++ == 0)
		v->first_down_ns = end_ns;
	v->last_down_ns = end_ns;
}

void visits_forget(struct visits *v)
{
	for (int i = 0; i < VISITS_ENDS; i++)
		v->ended[i] = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		v->channels[i].there_ns = 0;
		v->channels[i].bytes = 0;
	}
}
