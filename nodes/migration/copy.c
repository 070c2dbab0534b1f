/* Copy: see the header. */
#include "nodes/migration/copy.h"

#include <math.h>
#include <stddef.h>

const char *const copy_mode_names[COPY_MODES + 1] = {"precopy", "postcopy", NULL};
const char *const copy_then_names[COPY_THENS + 1] = {"stop", "cancel", "postcopy", NULL};
const char *const copy_outcome_names[COPY_OUTCOMES + 1] = {"moved", "late", "cancelled", "switched", NULL};

static double seconds_of(const struct copy_settings *s, double bytes)
{
	return bytes * 8 / (double)s->rate_bps;
}

static double written_by_formula(void *context, unsigned round, double seconds)
{
	const struct copy_settings *s = context;
	(void)round;
	return fmin((double)(s->working ? s->working : s->ram), (double)s->dirty_bps * seconds / 8);
}

/* The machine stands still while so much is sent, and its processor and devices. */
static void stop(const struct copy_settings *s, struct copy_plan *plan, double rest)
{
	plan->downtime_s = seconds_of(s, rest + (double)s->state);
	plan->total_s += plan->downtime_s;
	plan->bytes += rest + (double)s->state;
}

/* It goes on elsewhere, and the rest follows. */
static void follow(const struct copy_settings *s, struct copy_plan *plan, double rest)
{
	stop(s, plan, 0);
	plan->behind_s = seconds_of(s, rest);
	plan->total_s += plan->behind_s;
	plan->bytes += rest;
}

static void give_up(const struct copy_settings *s, struct copy_plan *plan, double rest)
{
	static const enum copy_outcome outcomes[COPY_THENS] = {
		COPY_STOPPED_LATE, COPY_CANCELLED, COPY_SWITCHED};
	plan->outcome = outcomes[s->then];
	if (s->then == COPY_STOP)
		stop(s, plan, rest);
	else if (s->then == COPY_SWITCH)
		follow(s, plan, rest);
}

void copy_plan(
	const struct copy_settings *settings, copy_written *written, void *context, struct copy_plan *plan)
{
	const struct copy_settings *s = settings;
	double rest = (double)s->ram;

	*plan = (struct copy_plan){.outcome = COPY_MOVED};
	if (!written) {
		written = written_by_formula;
		context = (void *)s;
	}
	if (s->mode == COPY_POST) {
		follow(s, plan, rest);
		return;
	}
	while (plan->rounds < s->rounds && plan->total_s * 1e9 < (double)s->limit_ns) {
		struct copy_round *round = &plan->round[plan->rounds++];
		*round = (struct copy_round){rest, seconds_of(s, rest)};
		plan->total_s += round->seconds;
		plan->bytes += rest;
		rest = written(context, plan->rounds - 1, round->seconds);
		if (seconds_of(s, rest) * 1e9 <= (double)s->pause_ns) {
			stop(s, plan, rest);
			plan->mu_s = plan->total_s - plan->round[0].seconds;
			return;
		}
	}
	give_up(s, plan, rest);
	plan->mu_s = plan->total_s - plan->round[0].seconds;
}
