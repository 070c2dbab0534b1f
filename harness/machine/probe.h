/* Probe: how late this machine wakes a process that asked for a time, and how busy it was: signals for the
 * verdict. */
#ifndef LIQUIDNET_PROBE_H
#define LIQUIDNET_PROBE_H

#include <jansson.h>
#include <stdint.h>

/* On each CPU that this process may use, sleeps to absolute times 20 ms apart until stop_fd is readable or at
 * its end; writes {"n","p50_ms","p99_ms","p999_ms","max_ms","over_1ms_percent"} to result_path. Returns an
 * exit status. Costs about 12 ms of processor time a CPU and 10 s (a virtual machine of two); at 5 ms it was
 * 35 to 65 ms, a third of what the harness took. 10 s on two CPUs are 1000 sleeps: p99 then rests on ten of
 * them. */
int probe_run(int stop_fd, const char *result_path);

struct machine_sample { /* /proc/stat's first line and the time */
	int64_t at_ns;
	uint64_t total, idle, steal; /* ticks */
};

void machine_sample_take(struct machine_sample *sample);
/* Processor time that the machine worked between two samples, in seconds: neither idle nor taken by its host.
 * 0 where /proc/stat says nothing. */
double machine_busy_s(const struct machine_sample *before, const struct machine_sample *after);
/* {"idle_percent","steal_percent","seconds"} between two samples; only "seconds" where /proc/stat says
 * nothing. */
json_t *machine_sample_json(const struct machine_sample *before, const struct machine_sample *after);

#endif
