/* Rate control of one client and one server. */
#include "nodes/replica/limiter.h"

#include "lib/base/units.h"
#include <math.h>

/* absim, cubicC: 4e-6. D1.4 says "gamma set such that the saddle is 100 ms long" and no number. */
const struct limiter_settings LIMITER_SETTINGS = {
	.interval_ns = 20 * NS_PER_MS,
	.beta = 0.2,
	.gamma = 4e-6,
	.step_max = 10,
	.hysteresis = 2,
	.burst = 50,
	.least = 1e-4,
	.alpha = 0.9,
	.rate = 5,
	.saturation = 10,
	.received = 10,
};

/* The share of a token that rounding may have cost: without it a wake-up that was computed comes a nanosecond too early for ever. */
#define WHOLE (1 - 1e-9)
#define LONGEST_NS (1000LL * 1000 * NS_PER_S)

void limiter_init(struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	*l = (struct limiter){.rate = s->rate,
		.saturation = s->saturation,
		.received = s->received,
		.filled_ns = now_ns,
		.decreased_ns = now_ns,
		.increased_ns = now_ns,
		.interval = now_ns / s->interval_ns};
}

double limiter_tokens(const struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	return fmin(s->burst, l->tokens + l->rate * (double)(now_ns - l->filled_ns) / (double)s->interval_ns);
}

int64_t limiter_when(const struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	double missing = 1 - limiter_tokens(l, s, now_ns);

	if (missing <= 1 - WHOLE)
		return now_ns;
	double wait = missing * (double)s->interval_ns / l->rate;
	return now_ns + (wait < (double)LONGEST_NS ? (int64_t)ceil(wait) : LONGEST_NS);
}

void limiter_take(struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	l->tokens = limiter_tokens(l, s, now_ns) - 1;
	l->filled_ns = now_ns;
}

double limiter_cubic(const struct limiter_settings *s, double saturation, double since_ms)
{
	double from_saddle = since_ms - cbrt(saturation * s->beta / s->gamma);

	return s->gamma * from_saddle * from_saddle * from_saddle + saturation;
}

/* The rate is about to change: what was earned so far was at the old one. */
static void settle(struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	l->tokens = limiter_tokens(l, s, now_ns);
	l->filled_ns = now_ns;
}

static void count(struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	int64_t interval = now_ns / s->interval_ns;

	if (interval > l->interval) {
		/* After a pause of more than an interval what was smoothed before says nothing. Before the first answer there is nothing to count: taken for a pause
		   it made the rate the least one, a request in 200 s, by the first few answers. */
		if (l->answers > 0 && interval - l->interval > 1)
			l->received = l->answers;
		else if (l->answers > 0)
			l->received = s->alpha * l->answers + (1 - s->alpha) * l->received;
		l->interval = interval;
		l->answers = 0;
	}
	l->answers++;
}

void limiter_answered(struct limiter *l, const struct limiter_settings *s, int64_t now_ns)
{
	count(l, s, now_ns);
	if (l->rate > l->received) {
		if ((double)(now_ns - l->increased_ns) <= s->hysteresis * (double)s->interval_ns)
			return;
		settle(l, s, now_ns);
		l->saturation = l->rate;
		l->rate = fmax(l->rate * s->beta, s->least);
		l->decreased_ns = now_ns;
	} else if (l->rate < l->received) {
		settle(l, s, now_ns);
		double since_ms = (double)(now_ns - l->decreased_ns) / (double)NS_PER_MS;
		l->increased_ns = now_ns;
		l->rate = fmax(
			fmin(l->rate + s->step_max, limiter_cubic(s, l->saturation, since_ms)), s->least);
	}
}
