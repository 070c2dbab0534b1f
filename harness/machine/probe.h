/* Probe: how late this machine wakes a process that asked for a time, and how busy it was: signals for the
 * verdict. */
#ifndef LIQUIDNET_PROBE_H
#define LIQUIDNET_PROBE_H

#include <jansson.h>
#include <stdint.h>

/* On each CPU that this process may use, sleeps to absolute times 20 ms apart until stop_fd is readable or at
 * its end; writes {"n","p50_ms","p99_ms","p999_ms","max_ms","over_1ms_percent","late_ms","lost_ms",
 * "lost_longest_ms"} to result_path. `late_ms` is the sum of lateness of the processor that had most. `lost_ms` is the
 * time in which every processor was late at once, so that nothing here may have run: a stop of all, a machine that
 * was paused; of it `lost_longest_ms` in one piece. A stop of d shows as d less at most one period. Returns an exit
 * status. Costs about 12 ms of processor time a CPU and 10 s (a virtual machine of two); at 5 ms it was
 * 35 to 65 ms, a third of what the harness took. 10 s on two CPUs are 1000 sleeps: p99 then rests on ten of
 * them. */
int probe_run(int stop_fd, const char *result_path);

struct machine_sample { /* /proc/stat's first line and the time */
	int64_t at_ns;
	int64_t real_ns, boot_ns;    /* the same moment by CLOCK_REALTIME and CLOCK_BOOTTIME */
	uint64_t total, idle, steal; /* ticks */
};

void machine_sample_take(struct machine_sample *sample);
/* Processor time that the machine worked between two samples, in seconds: neither idle nor taken by its host.
 * 0 where /proc/stat says nothing. */
double machine_busy_s(const struct machine_sample *before, const struct machine_sample *after);
/* {"seconds","idle_percent","steal_percent","set_ms","slept_ms"} between two samples; the percentages only where
 * /proc/stat says them. `set_ms`: by how much the clock that stamps packets went another way than time (it was set);
 * `slept_ms`: how long the machine was suspended. */
json_t *machine_sample_json(const struct machine_sample *before, const struct machine_sample *after);

#endif
