/* The simulator: clients that choose, servers with a queue each, and the wires between. */
#ifndef LIQUIDNET_C3_CLUSTER_H
#define LIQUIDNET_C3_CLUSTER_H

#include "nodes/replica/sim/scenario.h"

enum cluster_measure {
	CLUSTER_MEAN, /* of the latencies: milliseconds from when a request was made until its answer, but for read repairs */
	CLUSTER_P50,
	CLUSTER_P95,
	CLUSTER_P99,
	CLUSTER_P999,
	CLUSTER_TAIL,       /* p99.9 - p50 */
	CLUSTER_THROUGHPUT, /* answers per second of simulated time */
	CLUSTER_HELD,       /* share of requests that waited at their client */
	CLUSTER_BUSIEST, /* of the busiest server: p99 - median of the requests that it served per 100 ms */
	CLUSTER_HERD, /* of the busiest server: autocorrelation at 100 ms of the requests that reached it per 20 ms */
	CLUSTER_LEAST, /* requests of the server that served least, in equal shares: 1 if all served as many, 0 if it was left alone */
	CLUSTER_MEASURES
};
extern const char *const cluster_measure_names[CLUSTER_MEASURES + 1];

struct cluster_outcome {
	double value[CLUSTER_MEASURES];
	uint64_t counted; /* latencies */
	uint64_t events;
};

/* -1 with *error: no memory. The same scenario and seed give the same outcome. */
int cluster_run(
	const struct scenario *scenario, uint64_t seed, struct cluster_outcome *outcome, char **error);

#endif
