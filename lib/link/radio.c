/* The radio state machine of radio.h, and the profiles with the sources of their numbers.
 * D1.1 is: Trilogy2 Deliverable D1.1, section 2.1.3.2. */
#include "lib/link/radio.h"

#include "lib/base/units.h"
#include <stddef.h>
#include <string.h>

#define POWER(idle, up, high, tail, low)                                                                     \
	{                                                                                                    \
		[RADIO_IDLE] = (idle), [RADIO_PROMOTION] = (up), [RADIO_HIGH] = (high),                      \
		[RADIO_TAIL] = (tail), [RADIO_LOW] = (low)                                                   \
	}

/* The power of a promotion is published as "expensive" without a number: taken to be that of the high state.
 */
const struct radio_profile radio_profiles[] = {
	{
		.name = "3g-simulation",
		.source = "D1.1 2.1.3.2.3 (tail, RTTs), 2.1.3.2.1 (promotion, idle), 2.1.3.2.5.2 (650 mW)",
		.promotion_ns = 2300 * NS_PER_MS,
		.tail_ns = 10000 * NS_PER_MS,
		.tail_from_request = true,
		.rtt_hot_ns = 200 * NS_PER_MS,
		.rtt_cold_ns = 2000 * NS_PER_MS,
		.power_mw = POWER(0, 650, 650, 650, 0),
	},
	{
		.name = "3g",
		.source = "D1.1 2.1.3.2.1 (2.3 s up, 7.3 s down, 3 J to wind down), 2.1.3.2.5.2 (650 mW)",
		.promotion_ns = 2300 * NS_PER_MS,
		.tail_ns = 7300 * NS_PER_MS,
		.rtt_hot_ns = 200 * NS_PER_MS,
		.rtt_cold_ns = 2500 * NS_PER_MS,
		.power_mw = POWER(0, 650, 650, 411, 0),
	},
	{
		.name = "lte",
		.source =
			"D1.1 2.1.3.2.5.5 (0.5..1 s up, 50 ms, 1..3 W: middles); tail: AT&T Video Optimizer, lte.conf (0.1 + 0.02 + 10 s)",
		.promotion_ns = 750 * NS_PER_MS,
		.tail_ns = 10120 * NS_PER_MS,
		.rtt_hot_ns = 50 * NS_PER_MS,
		.rtt_cold_ns = 800 * NS_PER_MS,
		.power_mw = POWER(0, 2000, 2000, 2000, 0),
	},
	{.name = NULL},
};

const struct radio_profile *radio_profile(const char *name)
{
	for (const struct radio_profile *p = radio_profiles; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

void radio_init(struct radio *radio, const struct radio_profile *profile, int64_t now)
{
	*radio = (struct radio){
		.profile = *profile, .now = now, .until = RADIO_NEVER, .sends_until = now, .tail_from = now};
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Accounts for the present state up to `at`, and enters `next`. */
static void enter(struct radio *radio, int64_t at, enum radio_state next, int64_t until)
{
	radio->time_ns[radio->state] += at - radio->now;
	radio->now = at;
	radio->until = until;
	if (radio->state == next)
		return;
	radio->state = next;
	if (radio->changed)
		radio->changed(radio->context, radio);
}

static int64_t tail_end(const struct radio *radio)
{
	if (radio->released)
		return radio->sends_until;
	int64_t from = radio->profile.tail_from_request ? radio->tail_from : radio->sends_until;
	return later(from + radio->profile.tail_ns, radio->sends_until);
}

/* The present state's time has come. */
static void expire(struct radio *radio)
{
	int64_t at = radio->until;

	switch (radio->state) {
	case RADIO_PROMOTION:
		enter(radio, at, RADIO_HIGH, later(at, radio->sends_until));
		break;
	case RADIO_HIGH:
		enter(radio, at, RADIO_TAIL, tail_end(radio));
		break;
	case RADIO_TAIL:
		if (radio->profile.low_ns > 0)
			enter(radio, at, RADIO_LOW, at + radio->profile.low_ns);
		else
			enter(radio, at, RADIO_IDLE, RADIO_NEVER);
		break;
	default:
		enter(radio, at, RADIO_IDLE, RADIO_NEVER);
	}
}

void radio_advance(struct radio *radio, int64_t now)
{
	/* A state that ends exactly now has ended: a packet at the end of the tail finds the radio idle. */
	while (radio->until <= now)
		expire(radio);
	if (now > radio->now)
		enter(radio, now, radio->state, radio->until);
}

int64_t radio_start(const struct radio *radio, int64_t now)
{
	now = later(now, radio->now);
	switch (radio->state) {
	case RADIO_IDLE:
		return now + radio->profile.promotion_ns;
	case RADIO_LOW:
		return now + radio->profile.low_promotion_ns;
	case RADIO_PROMOTION:
		return radio->until;
	default:
		return now;
	}
}

int64_t radio_packet(struct radio *radio, int64_t now, int64_t airtime_ns)
{
	radio_advance(radio, now);
	now = later(now, radio->now);
	int64_t start = radio_start(radio, now);
	if (radio->state == RADIO_IDLE || radio->state == RADIO_LOW) {
		radio->promotions++;
		enter(radio, now, RADIO_PROMOTION, start);
	}
	radio->tail_from = now;
	radio->released = false;
	radio->sends_until = later(radio->sends_until, start + airtime_ns);
	if (radio->state == RADIO_HIGH || radio->state == RADIO_TAIL)
		enter(radio, now, RADIO_HIGH, radio->sends_until);
	return start;
}

void radio_release(struct radio *radio, int64_t now)
{
	radio_advance(radio, now);
	radio->released = true;
	if (radio->state == RADIO_TAIL || radio->state == RADIO_LOW)
		enter(radio, radio->now, RADIO_IDLE, RADIO_NEVER);
}

void radio_forget(struct radio *radio, int64_t now)
{
	radio_advance(radio, now);
	radio->promotions = 0;
	memset(radio->time_ns, 0, sizeof radio->time_ns);
}

int64_t radio_deadline(const struct radio *radio)
{
	return radio->until;
}

bool radio_is_up(const struct radio *radio)
{
	return radio->state == RADIO_HIGH || radio->state == RADIO_TAIL;
}

double radio_energy_mj(const struct radio *radio)
{
	double sum = 0;
	for (int i = 0; i < RADIO_STATES; i++)
		sum += radio->profile.power_mw[i] * (double)radio->time_ns[i] / 1e9;
	return sum;
}

int64_t radio_high_ns(const struct radio *radio)
{
	return radio->time_ns[RADIO_PROMOTION] + radio->time_ns[RADIO_HIGH] + radio->time_ns[RADIO_TAIL];
}

const char *radio_state_name(enum radio_state state)
{
	static const char *const names[RADIO_STATES] = {"idle", "promotion", "high", "tail", "low"};
	return names[state];
}
