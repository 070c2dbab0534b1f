/* Probe: a thread a CPU counts lateness in buckets; no allocation while it measures. */
#include "harness/machine/probe.h"

#include "lib/base/clock.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PERIOD_NS (20 * NS_PER_MS)
#define BUCKET_NS (10 * NS_PER_US)
#define BUCKETS 10000 /* to 100 ms; later ones count in the last */
#define CPUS_MAX 256
#define SPAN_NS (2 * NS_PER_MS) /* from here on it is kept when a sleep was late */
#define SPANS 32768             /* a processor's; later ones are not kept */

struct span { /* in which a processor should have run its watcher, and did not */
	int64_t from_ns, to_ns;
};

struct watcher {
	pthread_t thread;
	int cpu;
	atomic_bool *stop;
	uint64_t count, maximum_ns;
	uint64_t late_ns; /* sum */
	uint32_t buckets[BUCKETS];
	struct span spans[SPANS];
	size_t spans_count;
};

static void *watch(void *context)
{
	struct watcher *w = context;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	/* A CPU that has gone or is not ours: this watcher then counts wherever it runs. */
	sched_setaffinity(0, sizeof set, &set);
	prctl(PR_SET_TIMERSLACK, 1);
	int64_t due = clock_now_ns();
	while (!atomic_load_explicit(w->stop, memory_order_relaxed)) {
		due += PERIOD_NS;
		struct timespec at = {due / NS_PER_S, due % NS_PER_S};
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
			continue;
		int64_t now = clock_now_ns();
		uint64_t late = now > due ? (uint64_t)(now - due) : 0;
		uint64_t bucket = late / BUCKET_NS;
		w->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
		w->count++;
		if (late > w->maximum_ns)
			w->maximum_ns = late;
		w->late_ns += late;
		if (late >= SPAN_NS && w->spans_count < SPANS)
			w->spans[w->spans_count++] = (struct span){due, now};
		if (late > PERIOD_NS)
			due = now; /* sleeps that were missed are not made up for */
	}
	return NULL;
}

static double percentile_ms(const uint64_t *buckets, uint64_t count, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)((double)count * share);
	for (size_t i = 0; i < BUCKETS; i++) {
		seen += buckets[i];
		if (seen > wanted)
			return (double)((int64_t)(i + 1) * BUCKET_NS) / 1e6;
	}
	return 0;
}

/* Keeps in `a` what is in `b` too; both in order of time, `a` with room for the spans of both. Returns how many. */
static size_t intersect(struct span *a, size_t count, const struct span *b, size_t others)
{
	struct span *out = calloc(count + others + 1, sizeof *out);
	size_t n = 0;
	for (size_t i = 0, k = 0; out && i < count && k < others;) {
		int64_t from = a[i].from_ns > b[k].from_ns ? a[i].from_ns : b[k].from_ns;
		int64_t to = a[i].to_ns < b[k].to_ns ? a[i].to_ns : b[k].to_ns;
		if (from < to)
			out[n++] = (struct span){from, to};
		if (a[i].to_ns < b[k].to_ns)
			i++;
		else
			k++;
	}
	if (out)
		memcpy(a, out, n * sizeof *out);
	free(out);
	return n;
}

/* The time in which no processor ran its watcher: then nothing of the trial's may have run. */
static void add_lost(json_t *result, const struct watcher *watchers, int cpus)
{
	struct span *lost = calloc((size_t)cpus * SPANS + 1, sizeof *lost);
	size_t count = watchers[0].spans_count;
	int64_t sum = 0, longest = 0;
	if (!lost)
		return;
	memcpy(lost, watchers[0].spans, count * sizeof *lost);
	for (int c = 1; c < cpus; c++)
		count = intersect(lost, count, watchers[c].spans, watchers[c].spans_count);
	for (size_t i = 0; i < count; i++) {
		int64_t one = lost[i].to_ns - lost[i].from_ns;
		sum += one;
		longest = one > longest ? one : longest;
	}
	json_object_set_new(result, "lost_ms", json_real((double)sum / 1e6));
	json_object_set_new(result, "lost_longest_ms", json_real((double)longest / 1e6));
	free(lost);
}

static int write_result(const struct watcher *watchers, int cpus, const char *path)
{
	uint64_t *buckets = calloc(BUCKETS, sizeof *buckets);
	uint64_t count = 0, maximum = 0, over = 0, late = 0;
	if (!buckets)
		return -1;
	for (int c = 0; c < cpus; c++) {
		for (size_t i = 0; i < BUCKETS; i++) {
			buckets[i] += watchers[c].buckets[i];
			over += i >= NS_PER_MS / BUCKET_NS ? watchers[c].buckets[i] : 0;
		}
		count += watchers[c].count;
		late = watchers[c].late_ns > late ? watchers[c].late_ns : late;
		maximum = watchers[c].maximum_ns > maximum ? watchers[c].maximum_ns : maximum;
	}
	json_t *result = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "n", (json_int_t)count, "p50_ms",
		percentile_ms(buckets, count, .5), "p99_ms", percentile_ms(buckets, count, .99), "p999_ms",
		percentile_ms(buckets, count, .999), "max_ms", (double)maximum / 1e6, "over_1ms_percent",
		count ? 100.0 * (double)over / (double)count : 0);
	json_object_set_new(result, "late_ms", json_real((double)late / 1e6));
	add_lost(result, watchers, cpus);
	int outcome = json_dump_file(result, path, JSON_INDENT(1));
	json_decref(result);
	free(buckets);
	return outcome;
}

/* The CPUs that we may use, by number: a container or a machine with holes has not 0..n-1. */
static int usable_cpus(int *cpus)
{
	cpu_set_t set;
	int count = 0;
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && count < CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[count++] = cpu;
	return count;
}

int probe_run(int stop_fd, const char *result_path)
{
	atomic_bool stop = false;
	int numbers[CPUS_MAX], cpus = usable_cpus(numbers), started = 0;
	struct watcher *watchers = calloc((size_t)cpus, sizeof *watchers);
	for (; watchers && started < cpus; started++) {
		watchers[started].cpu = numbers[started];
		watchers[started].stop = &stop;
		if (pthread_create(&watchers[started].thread, NULL, watch, &watchers[started]) != 0)
			break;
	}
	struct pollfd p = {.fd = stop_fd, .events = POLLIN};
	while (poll(&p, 1, -1) <= 0)
		;
	atomic_store(&stop, true);
	for (int i = 0; i < started; i++)
		pthread_join(watchers[i].thread, NULL);
	int outcome = !started || started < cpus ? -1 : write_result(watchers, started, result_path);
	if (outcome < 0)
		fprintf(stderr, "probe: %d of %d threads; %s could not be written\n", started, cpus,
			result_path);
	free(watchers);
	return outcome < 0 ? 1 : 0;
}

static int64_t now_by(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

void machine_sample_take(struct machine_sample *sample)
{
	unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0;
	FILE *in = fopen("/proc/stat", "re");
	*sample = (struct machine_sample){.at_ns = clock_now_ns(),
		.real_ns = now_by(CLOCK_REALTIME),
		.boot_ns = now_by(CLOCK_BOOTTIME)};
	if (in && fscanf(in, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
			  &wait, &irq, &soft, &steal) == 8) {
		sample->total = user + nice + system + idle + wait + irq + soft + steal;
		sample->idle = idle + wait;
		sample->steal = steal;
	}
	if (in)
		fclose(in);
}

static double forward(uint64_t before, uint64_t after)
{
	/* The kernel's count of waiting for disks may step back a little. */
	return after > before ? (double)(after - before) : 0;
}

double machine_busy_s(const struct machine_sample *before, const struct machine_sample *after)
{
	double ticks = forward(before->total, after->total) - forward(before->idle, after->idle) -
		       forward(before->steal, after->steal);
	return ticks > 0 ? ticks / (double)sysconf(_SC_CLK_TCK) : 0;
}

json_t *machine_sample_json(const struct machine_sample *before, const struct machine_sample *after)
{
	double total = (double)(after->total - before->total);
	double idle = forward(before->idle, after->idle), steal = forward(before->steal, after->steal);
	int64_t ns = after->at_ns - before->at_ns;
	json_t *result = json_pack("{s:f, s:f, s:f}", "seconds", (double)ns / 1e9, "set_ms",
		(double)(after->real_ns - before->real_ns - ns) / 1e6, "slept_ms",
		(double)(after->boot_ns - before->boot_ns - ns) / 1e6);
	if (after->total > before->total) {
		json_object_set_new(result, "idle_percent", json_real(100.0 * idle / total));
		json_object_set_new(result, "steal_percent", json_real(100.0 * steal / total));
	}
	return result;
}
