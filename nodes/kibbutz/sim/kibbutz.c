/* The simulation proper. As published (Trilogy2 D1.1, section 2.1.3.2.3): a request has an RTT of 2 s when it
 * makes the radio change to high power and of 0.2 s otherwise, local links have no delay and no limit. An
 * advertisement is known to the neighbours at once, when the request asks for the radio: the simulator knows
 * high power and idle, no more. */
#include "nodes/kibbutz/sim/kibbutz.h"

#include "lib/base/draw.h"
#include "nodes/kibbutz/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct device {
	const struct traffic *traffic;
	struct kibbutz *policy; /* NULL: alone */
	struct radio radio;
	uint64_t random;
	uint64_t requests, cold, over_neighbours;
	int64_t rtt_sum_ns;
};

/* Whose turn it is: a heap of (time, device). */
struct turn {
	int64_t at;
	unsigned device;
};

struct world {
	const struct scenario *scenario;
	struct device *devices;
	struct turn *turns;
};

static bool before(struct turn a, struct turn b)
{
	return a.at < b.at || (a.at == b.at && a.device < b.device);
}

static void sift(struct turn *turns, unsigned count, unsigned i)
{
	struct turn moved = turns[i];

	for (unsigned child; (child = 2 * i + 1) < count; i = child) {
		if (child + 1 < count && before(turns[child + 1], turns[child]))
			child++;
		if (!before(turns[child], moved))
			break;
		turns[i] = turns[child];
	}
	turns[i] = moved;
}

/* A policy numbers the others without itself. */
static unsigned neighbour_number(unsigned self, unsigned other)
{
	return other < self ? other : other - 1;
}

static unsigned neighbour_device(unsigned self, unsigned number)
{
	return number < self ? number : number + 1;
}

static void advertise(struct world *world, unsigned self, int64_t now)
{
	struct kibbutz *policy = world->devices[self].policy;
	struct kibbutz_action action;

	kibbutz_own_packet(policy, now);
	while (kibbutz_next_action(policy, &action)) {
		if (action.kind != KIBBUTZ_ADVERTISE)
			continue;
		unsigned other = neighbour_device(self, action.neighbour);
		kibbutz_heard(
			world->devices[other].policy, now, neighbour_number(other, self), action.duration_ns);
	}
}

/* The device whose radio serves a request of `self`. */
static unsigned route(struct world *world, unsigned self, int64_t now)
{
	struct device *device = &world->devices[self];

	if (!device->policy)
		return self;
	int number = kibbutz_route(device->policy, now);
	if (number == KIBBUTZ_OWN) {
		advertise(world, self, now);
		return self;
	}
	unsigned other = neighbour_device(self, (unsigned)number);
	/* Both ends count an advertisement's time from the same moment: it is refused only by a bug. */
	if (!kibbutz_forward(world->devices[other].policy, now, neighbour_number(other, self)))
		abort();
	kibbutz_used(device->policy, now, (unsigned)number);
	device->over_neighbours++;
	return other;
}

static int64_t request(struct world *world, unsigned self, int64_t now)
{
	const struct scenario *s = world->scenario;
	struct device *device = &world->devices[self];
	struct radio *radio = &world->devices[route(world, self, now)].radio;
	int64_t gap = arrivals_gap_ns(device->traffic, s->gaps, &device->random);
	uint64_t promotions = radio->promotions;

	radio_packet(radio, now, (int64_t)(device->traffic->bytes * 8e9 / (double)s->rate_bps));
	bool cold = radio->promotions > promotions;
	device->requests++;
	device->cold += cold;
	device->rtt_sum_ns += cold ? s->radio.rtt_cold_ns : s->radio.rtt_hot_ns;
	if (s->oracle_ns > 0 && gap > s->oracle_ns)
		radio_release(radio, now);
	return now + gap;
}

static void set_up(struct world *world, uint64_t seed)
{
	const struct scenario *s = world->scenario;
	struct kibbutz_settings settings = KIBBUTZ_SETTINGS;

	settings.credit = s->credit;
	settings.period_ns = settings.longest_ns = s->radio.tail_ns;
	for (unsigned i = 0; i < s->count; i++) {
		struct device *device = &world->devices[i];
		device->traffic = &traffic_classes[s->classes[i]];
		device->random = seed * 1000003 + i;
		radio_init(&device->radio, &s->radio, 0);
		settings.seed = device->random;
		if (!s->alone && s->count > 1)
			device->policy = kibbutz_new(&settings, s->count - 1);
		double phase = draw_uniform(&device->random) * device->traffic->mean_s;
		world->turns[i] = (struct turn){.at = (int64_t)(phase * 1e9), .device = i};
	}
	for (unsigned i = s->count; i-- > 0;)
		sift(world->turns, s->count, i);
}

static struct device_outcome conclude(const struct scenario *s, struct device *device)
{
	double seconds = (double)s->length_ns / 1e9,
	       requests = device->requests ? (double)device->requests : NAN;

	radio_advance(&device->radio, s->length_ns);
	kibbutz_free(device->policy);
	return (struct device_outcome){
		.high = (double)radio_high_ns(&device->radio) / (double)s->length_ns,
		.rtt_s = (double)device->rtt_sum_ns / 1e9 / requests,
		.promotions = (double)device->radio.promotions * 3600 / seconds,
		.power_mw = radio_energy_mj(&device->radio) / seconds,
		.cold = (double)device->cold / requests,
		.requests = device->requests,
		.over_neighbours = device->over_neighbours,
	};
}

void simulate(const struct scenario *s, uint64_t seed, struct device_outcome *outcome)
{
	struct device devices[SCENARIO_DEVICES] = {0};
	struct turn turns[SCENARIO_DEVICES];
	struct world world = {.scenario = s, .devices = devices, .turns = turns};

	set_up(&world, seed);
	while (turns[0].at < s->length_ns) {
		turns[0].at = request(&world, turns[0].device, turns[0].at);
		sift(turns, s->count, 0);
	}
	for (unsigned i = 0; i < s->count; i++)
		outcome[i] = conclude(s, &devices[i]);
}

/* ---- many runs ---- */

enum { HIGH, RTT, PROMOTIONS, POWER, COLD, UNFAIR, MEASURES };

const char *const measure_names[] = {[HIGH] = "high",
	[RTT] = "rtt",
	[PROMOTIONS] = "promotions",
	[POWER] = "power",
	[COLD] = "cold",
	[UNFAIR] = "unfairness",
	[MEASURES] = NULL};

static void mean_of_devices(
	const struct scenario *s, const struct device_outcome *outcome, int class, double sums[MEASURES])
{
	double highest = 0, lowest = 1, all = 0;
	unsigned n = 0;

	memset(sums, 0, MEASURES * sizeof *sums);
	for (unsigned i = 0; i < s->count; i++) {
		const struct device_outcome *o = &outcome[i];
		all += o->high / s->count;
		highest = fmax(highest, o->high);
		lowest = fmin(lowest, o->high);
		if (class >= 0 && s->classes[i] != class)
			continue;
		double values[] = {o->high, o->rtt_s, o->promotions, o->power_mw, o->cold};
		for (int m = 0; m < UNFAIR; m++)
			sums[m] += values[m];
		n++;
	}
	for (int m = 0; m < UNFAIR; m++)
		sums[m] /= n;
	sums[UNFAIR] = (highest - lowest) / all;
}

void summarise(const struct scenario *s, uint64_t seed, unsigned runs, int class, struct summary *out)
{
	struct device_outcome outcome[SCENARIO_DEVICES];
	double mean[MEASURES] = {0}, square[MEASURES] = {0}, value[MEASURES];

	/* Welford: the mean and the sum of squared differences, run by run. */
	for (unsigned run = 1; run <= runs; run++) {
		simulate(s, seed + run - 1, outcome);
		mean_of_devices(s, outcome, class, value);
		for (int m = 0; m < MEASURES; m++) {
			double difference = value[m] - mean[m];
			mean[m] += difference / run;
			square[m] += difference * (value[m] - mean[m]);
		}
	}
	struct measure *measures[MEASURES] = {
		&out->high, &out->rtt_s, &out->promotions, &out->power_mw, &out->cold, &out->unfair};
	for (int m = 0; m < MEASURES; m++) {
		double deviation = runs > 1 ? sqrt(square[m] / (runs - 1)) : 0;
		*measures[m] = (struct measure){mean[m], 1.96 * deviation / sqrt(runs)};
	}
}

const struct measure *summary_measure(const struct summary *summary, const char *name)
{
	const struct measure *measures[MEASURES] = {&summary->high, &summary->rtt_s, &summary->promotions,
		&summary->power_mw, &summary->cold, &summary->unfair};

	for (int m = 0; m < MEASURES; m++)
		if (!strcmp(measure_names[m], name))
			return measures[m];
	return NULL;
}
