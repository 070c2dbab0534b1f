/* Cost: what a trial takes of the machine, by phase and program: wall time, processor time, time in which
 * some process of it waited for a processor (pressure), memory. Read from the sandbox's own cgroup, so that
 * other trials, and whatever else runs on the machine, are not in it. Belongs to process 1 of a sandbox. */
#ifndef LIQUIDNET_COST_H
#define LIQUIDNET_COST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define COST_CGROUP "/run/cgroup" /* where process 1 has mounted it */

struct cost_sample {
	int64_t at_ns;
	uint64_t cpu_us, pressure_us;
	bool known; /* the last two: there is a cgroup2 that counts them */
};

struct cost {
	struct cost_sample last;
	json_t *phases;
};

/* Begins the first phase. */
void cost_begin(struct cost *cost);
/* Ends a phase, which gets this name, and begins the next. A name that comes again is added to. */
void cost_phase(struct cost *cost, const char *name);
/* {NAME: {"wall_s", "cpu_s", "pressure_s"}}; the last two only where they are known. The caller owns it,
 * `cost` is empty after. */
json_t *cost_end(struct cost *cost);

/* Where the sandbox's cgroup stands now. */
struct cost_sample cost_sample_take(void);
/* Per cent of the time between two samples in which some process was kept waiting; below 0: not known. */
double cost_pressure_percent(const struct cost_sample *before, const struct cost_sample *after);

/* Processor time so far of the processes that live now, threads and all, by program: {"iperf3": 0.31, ...}
 * (s). */
json_t *cost_programs(void);
/* Adds to `programs` what those of an earlier call had used then, negated: the time between. */
void cost_subtract(json_t *programs, const json_t *earlier);
/* Memory of the processes that live now, shared pages divided among those that share them (MiB). */
double cost_memory_mib(void);

#endif
