/* The Kibbutz simulator: devices with a radio (lib/link/radio.h) and the Kibbutz policy (nodes/kibbutz/policy.h), requests
 * that find the radio hot or cold, local links that cost nothing. Event by event, so that two hours of ten
 * devices take milliseconds. */
#ifndef LIQUIDNET_SIM_KIBBUTZ_H
#define LIQUIDNET_SIM_KIBBUTZ_H

#include "lib/link/radio.h"
#include "nodes/kibbutz/sim/arrivals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_DEVICES 128

struct scenario {
	char text[128]; /* as it was written */
	unsigned count;
	uint8_t classes[SCENARIO_DEVICES]; /* TRAFFIC_* */
	enum gaps gaps;
	struct radio_profile radio;
	bool own_tail; /* radio.tail_ns is not the profile's */
	int64_t length_ns;
	int64_t oracle_ns; /* > 0: fast dormancy by one who knows the future, when the next request is further
			      away */
	uint64_t rate_bps; /* of the cellular link */
	unsigned credit;
	bool alone; /* no kibbutz: each uses its own link */
};

/* What a device measured. */
struct device_outcome {
	double high;       /* fraction of the time in high power, promotion included */
	double rtt_s;      /* mean of its requests */
	double promotions; /* an hour */
	double power_mw;   /* mean, of the radio */
	double cold;       /* fraction of requests that waited for a promotion */
	uint64_t requests, over_neighbours;
};

/* Reads "web:3", "web+streaming", "web:1 oracle=4s tail=5s credit=2 length=5min gaps=uniform radio=lte
 * alone=yes". -1 with *error, which names the word and what is allowed. */
int scenario_parse(struct scenario *scenario, const char *text, char **error);

/* Runs it once. outcome[scenario->count] is filled in. The same seed gives the same outcome. */
void simulate(const struct scenario *scenario, uint64_t seed, struct device_outcome *outcome);

/* Means over runs with seeds seed, seed + 1, ...; of the devices of one class, or all (class < 0). */
struct summary {
	struct measure {
		double mean,
			half; /* half the width of the 95 % interval of the mean over runs; 0 for one run */
	} high, rtt_s, promotions, power_mw, cold, unfair;
};
/* `unfair`: the range of `high` among the devices, largest minus smallest, divided by its mean. */
void summarise(const struct scenario *scenario, uint64_t seed, unsigned runs, int class, struct summary *out);
/* The measure of that name, or NULL; the names, NULL-ended. */
extern const char *const measure_names[];
const struct measure *summary_measure(const struct summary *summary, const char *name);
#endif
