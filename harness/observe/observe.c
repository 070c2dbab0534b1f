/* Observe: up to four children of the trial, ended by the closing of one pipe; their results are files of
 * the trial's folder. */
#include "harness/observe/observe.h"

#include "harness/machine/watch.h"
#include "harness/observe/capture.h"
#include "harness/record/verdict.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Beyond the first a trial is suspect, beyond the second invalid: docs/verdict.md has the overload that they
 * rest on. The probe's histogram ends at 100 ms. */
#define PRESSURE_SUSPECT_PERCENT 30.0
#define PRESSURE_INVALID_PERCENT 40.0
#define MEDIAN_SUSPECT_MS 0.5
#define MEDIAN_INVALID_MS 1.2
#define LATENESS_SUSPECT_MS 20.0
#define LATENESS_INVALID_MS 99.0
/* Of the time that the main measure is of. In one piece: a stop of everything. In all: too many short ones. A queue on
 * the way and socket buffers carry what is shorter than LOST_LEAST_MS. */
#define LOST_SUSPECT_PERCENT 2.0
#define LOST_INVALID_PERCENT 4.0
#define LOST_PIECE_SUSPECT_PERCENT 0.75
#define LOST_PIECE_INVALID_PERCENT 1.5
#define LOST_LEAST_MS 15.0
#define FOREIGN_LEAST 5
#define FOREIGN_SUSPECT 0.001 /* of its own packets */
#define FOREIGN_INVALID 0.003
#define CLOCK_SET_MS 2.0
#define CLOCK_SLEW_MS 0.6 /* a second: what a clock is slewed by at the most (500 ppm) is no step */
/* Virtual time waits for the machine: a process that wakes late in it is a fault of that kernel. The probe counts in
 * steps of 10 us. */
#define VIRTUAL_LATENESS_MS 0.1

static void result_path(const struct observer *o, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s.json", o->folder, name);
}

static int await_byte(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char word[16];
	return poll(&p, 1, timeout_ms) > 0 && read(fd, word, sizeof word) > 0 ? 0 : -1;
}

static char *capture_path(const struct observer *o, const char *point)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s.pcap", o->folder, point) < 0)
		abort();
	for (char *at = path + strlen(o->folder) + 1; *at; at++)
		if (*at == '/')
			*at = '-';
	return path;
}

static int start_captures(struct observer *o, const struct network *network, int stop_read, char **error)
{
	const struct experiment *e = o->experiment;
	char result[4200];
	int ready[2];
	if (e->captures_count == 0)
		return 0;
	struct capture_target *targets = calloc(e->captures_count, sizeof *targets);
	for (size_t i = 0; i < e->captures_count; i++) {
		const struct capture_point *point = &e->captures[i];
		targets[i] = (struct capture_target){.name = point->name,
			.place = &network->places[point->node],
			.interface = topology_end(network->topology, point->node, point->link)->interface,
			.snap = point->snap,
			.path = o->captures[i]};
	}
	result_path(o, "capture", result, sizeof result);
	if (pipe2(ready, O_CLOEXEC) < 0) {
		free(targets);
		return error_set(error, "pipe: %s", strerror(errno));
	}
	o->capture_pid = fork();
	if (o->capture_pid == 0) {
		close(o->stop_fd);
		close(ready[0]);
		_exit(capture_run(targets, e->captures_count, ready[1], stop_read, result));
	}
	close(ready[1]);
	free(targets);
	int outcome = o->capture_pid < 0 || await_byte(ready[0], 10000) < 0
			      ? error_set(error, "the captures did not start; see trial.log")
			      : 0;
	close(ready[0]);
	return outcome;
}

static int start_congestion(struct observer *o, const struct configuration *c, const struct procedure *p,
	const struct network *network, int stop_read, char **error)
{
	char result[4200];
	size_t count;
	struct congestion_target *targets = congestion_targets(o->experiment, c, p, network, &count);
	result_path(o, "congestion", result, sizeof result);
	if (count && (o->congestion_pid = fork()) == 0) {
		close(o->stop_fd);
		_exit(congestion_watch(targets, count, stop_read, result));
	}
	free(targets);
	return o->congestion_pid < 0 ? error_set(error, "fork: %s", strerror(errno)) : 0;
}

/* In virtual time no process is kept from running by another than the model's; a timer would only slow it down. */
static void start_watch(struct observer *o, int stop_read)
{
	char result[4200];
	int ready[2];
	result_path(o, "watch", result, sizeof result);
	if (pipe2(ready, O_CLOEXEC) < 0) {
		o->watch_errno = errno;
		return;
	}
	o->watch_pid = fork();
	if (o->watch_pid == 0) {
		close(o->stop_fd);
		close(ready[0]);
		_exit(watch_run(ready[1], stop_read, o->clock == TRIAL_REAL, result));
	}
	if (o->watch_pid < 0)
		o->watch_errno = errno;
	close(ready[1]);
	/* One that ends before it is ready tells by its status. */
	await_byte(ready[0], 10000);
	close(ready[0]);
}

int observe_start(struct observer *o, const struct experiment *e, enum trial_clock clock,
	const struct configuration *c, const struct procedure *p, const struct network *network,
	const char *folder, char **error)
{
	int stop[2];
	char result[4200];
	*o = (struct observer){.experiment = e, .clock = clock, .folder = folder, .stop_fd = -1};
	o->captures = calloc(e->captures_count + 1, sizeof *o->captures);
	for (size_t i = 0; i < e->captures_count; i++)
		o->captures[i] = capture_path(o, e->captures[i].name);
	if (network->elsewhere)
		return (o->afar = afar_start(e, network, error)) ? 0 : -1;
	if (pipe2(stop, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	o->stop_fd = stop[1];
	int outcome = start_captures(o, network, stop[0], error);
	if (outcome == 0)
		outcome = start_congestion(o, c, p, network, stop[0], error);
	result_path(o, "probe", result, sizeof result);
	if (outcome == 0 && (o->probe_pid = fork()) == 0) {
		close(o->stop_fd);
		_exit(probe_run(stop[0], result));
	}
	if (o->probe_pid < 0)
		o->probe_errno = errno;
	/* Last, so that it sees the others. */
	if (outcome == 0)
		start_watch(o, stop[0]);
	close(stop[0]);
	if (outcome == 0 && clock == TRIAL_REAL)
		foreign_start(&o->foreign, network);
	machine_sample_take(&o->before);
	o->own_before = cost_sample_take();
	return outcome;
}

/* Waits for a child of ours that has been told to end; adds what it used to *cpu_s. */
static int reap(pid_t *pid, const char *what, double *cpu_s, char **error)
{
	struct rusage used = {0};
	int status = 0;
	if (*pid <= 0)
		return 0;
	while (wait4(*pid, &status, 0, &used) < 0 && errno == EINTR)
		;
	*pid = 0;
	*cpu_s += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	return status == 0 ? 0 : error_set(error, "%s failed (wait status %#x); see trial.log", what, status);
}

static void add_file(const struct observer *o, json_t *verdict, const char *name, double cpu_s)
{
	char path[4200];
	result_path(o, name, path, sizeof path);
	json_t *value = json_load_file(path, 0, NULL);
	if (!value)
		return;
	json_object_set_new(value, "cpu_s", json_real(cpu_s));
	json_object_set_new(verdict, name, value);
}

/* Why a child could not be started. */
static void add_reason(json_t *verdict, const char *name, int number)
{
	if (number)
		json_object_set_new(verdict, name,
			json_pack("{s:o}", "reason", json_sprintf("fork: %s", strerror(number))));
}

int observe_stop(struct observer *o, json_t *record, char **error)
{
	struct machine_sample after;
	double capture_s = 0, probe_s = 0, congestion_s = 0, watch_s = 0;
	if (o->afar)
		return afar_stop(o->afar, (const char *const *)o->captures, record, error);
	machine_sample_take(&after);
	struct cost_sample own = cost_sample_take();
	close(o->stop_fd);
	o->stop_fd = -1;
	int captured = reap(&o->capture_pid, "the capture", &capture_s, error);
	int probed = reap(&o->probe_pid, "the lateness probe", &probe_s, error);
	int listed = reap(&o->congestion_pid, "the look at sockets", &congestion_s, error);
	int watched = reap(&o->watch_pid, "the watch over processes", &watch_s, error);
	json_t *verdict = json_pack("{s:o}", "machine", machine_sample_json(&o->before, &after));
	if (o->clock == TRIAL_REAL)
		json_object_set_new(verdict, "packets", foreign_stop(&o->foreign));
	json_object_set_new(verdict, "clock", json_string(experiment_clock_name(o->clock)));
	double pressure = cost_pressure_percent(&o->own_before, &own);
	if (pressure >= 0)
		json_object_set_new(verdict, "pressure_percent", json_real(pressure));
	add_file(o, verdict, "capture", capture_s);
	add_file(o, verdict, "probe", probe_s);
	add_reason(verdict, "probe", o->probe_errno);
	add_file(o, verdict, "congestion", congestion_s);
	add_file(o, verdict, "watch", watch_s);
	add_reason(verdict, "watch", o->watch_errno);
	json_object_set_new(record, "verdict", verdict);
	return captured < 0 || probed < 0 || listed < 0 || watched < 0 ? -1 : 0;
}

static void judge_threshold(
	json_t *record, double value, double suspect, double invalid, const char *what, const char *unit)
{
	if (value > invalid)
		verdict_judge(record, "invalid", "%s is %.1f %s, more than %.1f", what, value, unit, invalid);
	else if (value > suspect)
		verdict_judge(record, "suspect", "%s is %.1f %s, more than %.1f", what, value, unit, suspect);
}

static void judge_captures(json_t *record, json_t *targets)
{
	json_t *target;
	size_t i;
	json_array_foreach(targets, i, target) {
		json_int_t dropped = json_integer_value(json_object_get(target, "dropped_kernel")) +
				     json_integer_value(json_object_get(target, "dropped_interface"));
		if (dropped)
			verdict_judge(record, "invalid", "the capture at %s lost %lld packets",
				json_string_value(json_object_get(target, "name")), (long long)dropped);
	}
}

/* A daemon's workers have its name, cut to what the kernel keeps of it (15 bytes). */
static bool is_worker(const struct experiment *e, const char *name)
{
	for (size_t i = 0; i < e->daemons_count; i++) {
		const struct program *p = &e->daemons[i];
		const char *slash = strrchr(p->argv[0], '/');
		if (p->workers && strncmp(name, slash ? slash + 1 : p->argv[0], 15) == 0)
			return true;
	}
	return false;
}

/* A process that the trial leaned on and that nobody else waits for: a daemon's helper, a node's shell. */
static void judge_ends(const struct experiment *e, json_t *record, json_t *watch)
{
	json_t *one;
	size_t i;
	json_array_foreach(json_object_get(watch, "ended"), i, one)
		if (!is_worker(e, json_string_value(json_object_get(one, "name"))))
			verdict_judge(record, "failed", "process %s ended %.1f s after the workload began",
				json_string_value(json_object_get(one, "name")),
				json_number_value(json_object_get(one, "at_s")));
}

/* Nobody stops a program by chance; what a stop did is not told by how long it was, since a sender that was silent
 * begins anew. */
static void judge_processes(json_t *record, json_t *watch)
{
	json_t *one;
	size_t i;
	if (!json_is_array(json_object_get(watch, "stopped")))
		verdict_judge(record, "suspect", "its processes were not watched: %s",
			json_string_value(json_object_get(watch, "reason"))
				? json_string_value(json_object_get(watch, "reason"))
				: "the watch told nothing");
	json_array_foreach(json_object_get(watch, "stopped"), i, one)
		verdict_judge(record, "invalid", "process %s was stopped for %.0f ms",
			json_string_value(json_object_get(one, "name")),
			json_number_value(json_object_get(one, "ms")));
	json_array_foreach(json_object_get(watch, "moved"), i, one)
		verdict_judge(record, "invalid", "process %s was moved to the cgroup %s",
			json_string_value(json_object_get(one, "name")),
			json_string_value(json_object_get(one, "cgroup")));
}

/* The time that the main measure is of: its window, or all that was observed. */
static double window_s(const struct experiment *e, const json_t *verdict)
{
	double seconds = json_number_value(json_object_get(json_object_get(verdict, "machine"), "seconds"));
	const struct measure *m = e->measures_count ? &e->measures[e->primary] : NULL;
	return m && m->windowed ? fmin(seconds, m->window[1] - m->window[0]) : seconds;
}

static void judge_foreign(json_t *record, json_t *packets)
{
	double own = json_number_value(json_object_get(packets, "own"));
	double foreign = json_number_value(json_object_get(packets, "foreign"));
	if (foreign >= FOREIGN_LEAST && foreign > own * FOREIGN_SUSPECT)
		verdict_judge(record, foreign > own * FOREIGN_INVALID ? "invalid" : "suspect",
			"its nodes sent %.0f packets that no program of it did, beside %.0f of its own",
			foreign, own);
}

/* Time that was lost to the trial, in per cent of what its main measure is of. */
static void judge_lost(json_t *record, json_t *verdict, double window)
{
	json_t *machine = json_object_get(verdict, "machine");
	double seconds = json_number_value(json_object_get(machine, "seconds"));
	json_t *probe = json_object_get(verdict, "probe");
	double lost = json_number_value(json_object_get(probe, "lost_ms"));
	double piece = json_number_value(json_object_get(probe, "lost_longest_ms"));
	double percent_ms = window * 10;
	if (window > 0)
		judge_threshold(record, lost / percent_ms, LOST_SUSPECT_PERCENT, LOST_INVALID_PERCENT,
			"the time in which nothing of it ran", "%");
	if (window > 0)
		judge_threshold(record, piece, fmax(LOST_LEAST_MS, LOST_PIECE_SUSPECT_PERCENT * percent_ms),
			fmax(2 * LOST_LEAST_MS, LOST_PIECE_INVALID_PERCENT * percent_ms),
			"the longest time in which nothing of it ran", "ms");
	double set = json_number_value(json_object_get(machine, "set_ms"));
	if (fabs(set) > CLOCK_SET_MS + seconds * CLOCK_SLEW_MS)
		verdict_judge(record, "invalid", "the clock that stamps packets was set by %.0f ms", set);
	double slept = json_number_value(json_object_get(machine, "slept_ms"));
	if (slept > CLOCK_SET_MS)
		verdict_judge(record, "invalid", "the machine slept for %.0f ms", slept);
}

void observe_judge(const struct experiment *e, json_t *record)
{
	json_t *verdict = json_object_get(record, "verdict"), *probe = json_object_get(verdict, "probe");
	json_t *watch = json_object_get(verdict, "watch");
	const char *clock = json_string_value(json_object_get(verdict, "clock"));
	judge_captures(record, json_object_get(json_object_get(verdict, "capture"), "targets"));
	if (json_object_get(verdict, "hosts")) {
		afar_judge(record);
		return;
	}
	judge_ends(e, record, watch);
	if (clock && strcmp(clock, experiment_clock_name(TRIAL_REAL)) != 0) {
		/* With virtual-cpu processors are as slow as the experiment wants them. */
		if (strcmp(clock, experiment_clock_name(TRIAL_VIRTUAL)) == 0)
			judge_threshold(record, json_number_value(json_object_get(probe, "p99_ms")),
				VIRTUAL_LATENESS_MS, VIRTUAL_LATENESS_MS,
				"the 99th percentile of lateness in virtual time", "ms");
		return;
	}
	judge_processes(record, watch);
	judge_foreign(record, json_object_get(verdict, "packets"));
	judge_lost(record, verdict, window_s(e, verdict));
	/* What the kernel does not tell reads as 0. */
	judge_threshold(record, json_number_value(json_object_get(verdict, "pressure_percent")),
		PRESSURE_SUSPECT_PERCENT, PRESSURE_INVALID_PERCENT,
		"the time in which its processes waited for a processor", "%");
	const char *reason = json_string_value(json_object_get(probe, "reason"));
	if (json_number_value(json_object_get(probe, "n")) <= 0)
		verdict_judge(record, "suspect", "scheduling lateness was not measured: %s",
			reason ? reason : "its probe took no times");
	judge_threshold(record, json_number_value(json_object_get(probe, "p50_ms")), MEDIAN_SUSPECT_MS,
		MEDIAN_INVALID_MS, "the median of scheduling lateness", "ms");
	judge_threshold(record, json_number_value(json_object_get(probe, "p99_ms")), LATENESS_SUSPECT_MS,
		LATENESS_INVALID_MS, "the 99th percentile of scheduling lateness", "ms");
}

void observe_abandon(struct observer *o)
{
	if (!o->experiment)
		return;
	afar_free(o->afar);
	o->afar = NULL;
	if (o->stop_fd >= 0)
		close(o->stop_fd);
	o->stop_fd = -1;
	pid_t *children[] = {&o->capture_pid, &o->probe_pid, &o->congestion_pid, &o->watch_pid};
	for (size_t i = 0; i < sizeof children / sizeof *children; i++)
		if (*children[i] > 0) {
			kill(*children[i], SIGKILL);
			reap(children[i], "", &(double){0}, NULL);
		}
	for (size_t i = 0; o->captures && i < o->experiment->captures_count; i++)
		free(o->captures[i]);
	free(o->captures);
	o->captures = NULL;
}
