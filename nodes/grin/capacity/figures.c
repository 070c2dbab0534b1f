#include "nodes/grin/capacity/figures.h"

#include "nodes/grin/capacity/capacity.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

const char *const point_names[POINTS + 1] = {"one hop", "two hops", "unrestricted", "8 paths one hop",
	"8 paths two hops", "8 paths three hops", "16 paths one hop", "16 paths two hops",
	"16 paths three hops", NULL};

enum { RACKS = 6, RACK = 20, LEVELS = 4 };

/* Shares of active servers, or servers of a group; 0 ends. */
static const double levels[TRAFFIC_PATTERNS][LEVELS + 1] = {
	{0.1, 0.3, 0.5, 0.7}, {5, 20, 60}, {0.1, 0.2, 0.3}, {0.1, 0.4, 0.7, 1}};

static int add_instance(double sum[POINTS], unsigned degree, enum traffic_pattern pattern, double level,
	uint64_t seed, char **error)
{
	static const unsigned hops[] = {1, 2, CAPACITY_FREE};
	struct traffic_request request = {.pattern = pattern,
		.servers = RACKS * RACK,
		.rack = RACK,
		.active = level,
		.group = (unsigned)level,
		.seed = seed};
	struct plan *plan = plan_new();
	struct traffic_flow *flows = NULL;
	int count = -1;

	if (plan_add_racks(plan, RACKS, RACK, error) == 0 &&
		plan_interconnect(plan, degree, seed, error) == 0)
		count = traffic_draw(&request, &flows, error);
	for (int i = 0; i < 3 && count >= 0; i++) {
		double flow = capacity_optimum(plan, flows, (unsigned)count, hops[i], error);
		sum[OPTIMUM_1 + i] += flow;
		if (flow < 0)
			count = -1;
	}
	for (unsigned i = 0; i < 3 && count >= 0; i++) {
		sum[FILL8_1 + i] += capacity_filling(plan, flows, (unsigned)count, i + 1, 8, seed);
		sum[FILL16_1 + i] += capacity_filling(plan, flows, (unsigned)count, i + 1, 16, seed);
	}
	free(flows);
	plan_free(plan);
	return count < 0 ? -1 : 0;
}

static int run_pattern(struct figures *f, unsigned degree, enum traffic_pattern pattern, unsigned instances,
	uint64_t seed, char **error)
{
	double *mean = f->mean[degree - DEGREE_FIRST][pattern];
	unsigned count = 0;

	while (count < LEVELS && levels[pattern][count] > 0)
		count++;
	for (int p = 0; p < POINTS; p++)
		mean[p] = 0;
	for (unsigned l = 0; l < count; l++) {
		double sum[POINTS] = {0};
		for (unsigned i = 0; i < instances; i++)
			if (add_instance(sum, degree, pattern, levels[pattern][l], seed + i, error) < 0)
				return -1;
		for (int p = 0; p < POINTS; p++)
			mean[p] += sum[p] / instances / count;
		double *gain = &f->gain[degree - DEGREE_FIRST], *beyond = &f->beyond[degree - DEGREE_FIRST];
		*gain = fmax(*gain, sum[OPTIMUM_2] / sum[OPTIMUM_1]);
		*beyond = fmax(*beyond, sum[OPTIMUM_FREE] / sum[OPTIMUM_2]);
	}
	return 0;
}

int figures_run(
	struct figures *f, unsigned first, unsigned last, unsigned instances, uint64_t seed, char **error)
{
	for (int d = 0; d < DEGREES; d++) {
		f->gain[d] = f->beyond[d] = 0;
		for (int t = 0; t < TRAFFIC_PATTERNS; t++)
			for (int p = 0; p < POINTS; p++)
				f->mean[d][t][p] = NAN;
	}
	for (unsigned degree = first; degree <= last; degree++)
		for (int t = 0; t < TRAFFIC_PATTERNS; t++)
			if (run_pattern(f, degree, (enum traffic_pattern)t, instances, seed, error) < 0)
				return -1;
	return 0;
}

double figures_mean(const struct figures *f, unsigned degree, enum point point)
{
	double sum = 0;

	for (int t = 0; t < TRAFFIC_PATTERNS; t++)
		sum += f->mean[degree - DEGREE_FIRST][t][point];
	return sum / TRAFFIC_PATTERNS;
}
