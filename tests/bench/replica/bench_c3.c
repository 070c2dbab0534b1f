/* The C3 simulator: requests per second of one processor's time, per policy, beside what the authors' simulator (absim, Python 2) makes on such a core: 4,170 with C3, 7,000 with least
 * outstanding requests. */
#include "lib/base/units.h"
#include "nodes/replica/sim/cluster.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double processor_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / (double)NS_PER_S;
}

int main(void)
{
	char text[64], *error = NULL;

	for (int i = 0; selection_names[i]; i++) {
		struct scenario scenario;
		struct cluster_outcome outcome;
		snprintf(text, sizeof text, "select=%s", selection_names[i]);
		double began = processor_s();
		if (scenario_parse(&scenario, text, &error, NULL) < 0 ||
			cluster_run(&scenario, 1, &outcome, &error) < 0) {
			fprintf(stderr, "bench_c3: %s\n", error);
			return 1;
		}
		double rate = scenario.requests / (processor_s() - began);
		printf("%-8s %5.2f million requests/s, %5.1f million events/s, %4.0f times absim's 4,170\n",
			selection_names[i], rate / 1e6,
			rate / 1e6 * (double)outcome.events / scenario.requests, rate / 4170);
	}
	return 0;
}
