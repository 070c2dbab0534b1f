/* Cost: see the header. A cgroup2 mounted inside the sandbox's cgroup namespace shows that cgroup as its
 * root. */
#include "harness/machine/cost.h"

#include "lib/base/clock.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_THREAD 0x00200000UL /* PF_KTHREAD of a task's flags */

/* The number behind `key` in a small file; false when it is not there. */
static bool number_behind(const char *path, const char *key, uint64_t *value)
{
	char text[4096];
	FILE *in = fopen(path, "re");
	size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;
	if (in)
		fclose(in);
	text[n] = 0;
	const char *at = strstr(text, key);
	if (at)
		*value = strtoull(at + strlen(key), NULL, 10);
	return at != NULL;
}

struct cost_sample cost_sample_take(void)
{
	struct cost_sample s = {.at_ns = clock_now_ns()};
	s.known = number_behind(COST_CGROUP "/cpu.stat", "usage_usec ", &s.cpu_us) &&
		  number_behind(COST_CGROUP "/cpu.pressure", "total=", &s.pressure_us);
	return s;
}

double cost_pressure_percent(const struct cost_sample *before, const struct cost_sample *after)
{
	if (!before->known || !after->known || after->at_ns <= before->at_ns)
		return -1;
	return 100.0 * 1e3 * (double)(after->pressure_us - before->pressure_us) /
	       (double)(after->at_ns - before->at_ns);
}

void cost_begin(struct cost *cost)
{
	/* Where there is no cgroup2 the samples say so. */
	if (mkdir(COST_CGROUP, 0755) == 0)
		(void)!mount("none", COST_CGROUP, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	*cost = (struct cost){.last = cost_sample_take(), .phases = json_object()};
}

static void add(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(json_number_value(json_object_get(object, key)) + value));
}

void cost_phase(struct cost *cost, const char *name)
{
	struct cost_sample now = cost_sample_take();
	json_t *phase = json_object_get(cost->phases, name);
	if (!phase) {
		phase = json_object();
		json_object_set_new(cost->phases, name, phase);
	}
	add(phase, "wall_s", (double)(now.at_ns - cost->last.at_ns) / 1e9);
	if (now.known && cost->last.known) {
		add(phase, "cpu_s", (double)(now.cpu_us - cost->last.cpu_us) / 1e6);
		add(phase, "pressure_s", (double)(now.pressure_us - cost->last.pressure_us) / 1e6);
	}
	cost->last = now;
}

json_t *cost_end(struct cost *cost)
{
	json_t *phases = cost->phases;
	*cost = (struct cost){0};
	return phases;
}

/* utime and stime are fields 14 and 15 of /proc/PID/stat; the name, which may hold anything, is in
 * parentheses. */
static void add_program(json_t *programs, const char *pid, double tick_s)
{
	char path[300], text[1024], name[64];
	unsigned long flags = 0, user = 0, kernel = 0;
	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	FILE *in = fopen(path, "re");
	size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;
	if (in)
		fclose(in);
	text[n] = 0;
	char *open = strchr(text, '('), *end = strrchr(text, ')');
	if (!open || !end ||
		sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %lu %lu", &flags, &user,
			&kernel) != 3 ||
		(flags & KERNEL_THREAD))
		return;
	snprintf(name, sizeof name, "%.*s", (int)(end - open - 1), open + 1);
	add(programs, name, (double)(user + kernel) * tick_s);
}

/* Calls visit(context, pid) for every process that lives. */
static void each_process(void (*visit)(void *context, const char *pid), void *context)
{
	DIR *dir = opendir("/proc");
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (isdigit((unsigned char)entry->d_name[0]))
			visit(context, entry->d_name);
	if (dir)
		closedir(dir);
}

static void visit_program(void *context, const char *pid)
{
	add_program(context, pid, 1.0 / (double)sysconf(_SC_CLK_TCK));
}

json_t *cost_programs(void)
{
	json_t *programs = json_object();
	each_process(visit_program, programs);
	return programs;
}

void cost_subtract(json_t *programs, const json_t *earlier)
{
	const char *name;
	json_t *value;
	json_object_foreach(programs, name, value) {
		double then = json_number_value(json_object_get(earlier, name));
		json_real_set(value, json_real_value(value) - then);
	}
}

static void visit_memory(void *context, const char *pid)
{
	double *sum = context;
	char path[300];
	uint64_t kib = 0;
	snprintf(path, sizeof path, "/proc/%s/smaps_rollup", pid);
	if (number_behind(path, "\nPss:", &kib))
		*sum += (double)kib / 1024;
}

double cost_memory_mib(void)
{
	double sum = 0;
	each_process(visit_memory, &sum);
	return sum;
}
