/* Crew: one poll loop over the reports of the sandboxes that run. A sandbox reports one line, its record, and
 * ends; one that ends without a record, or outlives the trial's limit, is a failed trial with that reason. */
#include "harness/crew.h"

#include "harness/project.h"
#include "harness/sandbox.h"
#include "harness/trial.h"
#include "lib/clock.h"
#include "lib/error.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRACE_NS (15 * NS_PER_S) /* beyond the trial's own limit, which it watches itself */
#define JOBS_MAX 256

struct seat { /* one sandbox that runs */
	bool taken;
	struct trial trial;
	struct sandbox sandbox;
	char label[128];
	char *text; /* what was reported so far */
	size_t size;
	int64_t deadline_ns;
};

struct crew {
	const struct experiment *experiment;
	const struct plan *plan;
	const struct crew_options *options;
	struct host *host;
	struct results *results;
	struct progress *progress;
	struct crew_tally *tally;
	struct seat *seats;
	size_t next; /* of the plan */
	unsigned number;
	bool stopping;
};

static void show(struct crew *crew, const char *label)
{
	size_t running = 0;
	for (size_t i = 0; i < crew->options->jobs; i++)
		running += crew->seats[i].taken;
	progress_step(crew->progress, crew->tally->good + crew->tally->bad, running, label);
}

/* Starts a trial in a free seat; `attempt` counts from 1. */
static int seat_trial(
	struct crew *crew, struct seat *seat, const struct planned *planned, unsigned attempt, char **error)
{
	const struct experiment *e = crew->experiment;
	*seat = (struct seat){.taken = true};
	seat->trial = (struct trial){.experiment = e,
		.planned = planned,
		.number = ++crew->number,
		.attempt = attempt,
		.backend = crew->options->backend,
		.root = crew->options->root};
	snprintf(seat->label, sizeof seat->label, "%04u-%s-%s-%u", crew->number,
		e->configurations[planned->configuration].name, e->procedures[planned->procedure].name,
		planned->repeat);
	if (results_trial_folder(
		    crew->results, seat->label, seat->trial.folder, sizeof seat->trial.folder, error) < 0)
		return -1;
	const char *visible[] = {crew->options->root, project_programs(), crew->results->folder, NULL};
	struct sandbox_options options = {
		.visible = visible, .cgroup_fd = host_cgroup(crew->host, seat->label)};
	int result = sandbox_start(&seat->sandbox, &options, trial_body, &seat->trial, error);
	if (options.cgroup_fd >= 0)
		close(options.cgroup_fd);
	if (result < 0)
		return -1;
	host_sandbox_started(crew->host, seat->sandbox.pid);
	seat->deadline_ns = clock_now_ns() + e->trial_limit_ns + GRACE_NS;
	show(crew, seat->label);
	return 0;
}

/* What the sandbox cost, and how long its processes waited for a processor. */
static void add_usage(struct crew *crew, const struct seat *seat, json_t *record)
{
	uint64_t cpu_us = 0, pressure_us = 0;
	if (host_cgroup_usage(crew->host, seat->label, &cpu_us, &pressure_us) == 0) {
		double wall = json_number_value(json_object_get(record, "wall_s"));
		json_object_set_new(record, "cpu_s", json_real((double)cpu_us / 1e6));
		json_t *verdict = json_object_get(record, "verdict");
		if (verdict && wall > 0)
			json_object_set_new(
				verdict, "pressure_percent", json_real((double)pressure_us / 1e4 / wall));
	}
	host_cgroup_remove(crew->host, seat->label);
}

static json_t *take_record(struct crew *crew, struct seat *seat)
{
	char reason[128];
	json_t *record = seat->text ? json_loads(seat->text, 0, NULL) : NULL;
	bool late = clock_now_ns() >= seat->deadline_ns;
	add_usage(crew, seat, record);
	int status = sandbox_end(&seat->sandbox);
	if (record)
		return record;
	if (late)
		snprintf(reason, sizeof reason, "it outlived its limit of %.0f s and was killed",
			(double)crew->experiment->trial_limit_ns / 1e9);
	else
		snprintf(reason, sizeof reason,
			"its sandbox ended without a record (wait status %#x); see trial.log", status);
	return trial_record(&seat->trial, reason);
}

static int finish(struct crew *crew, struct seat *seat, char **error)
{
	json_t *record = take_record(crew, seat);
	const char *status = json_string_value(json_object_get(record, "status"));
	const char *reason = json_string_value(json_array_get(json_object_get(record, "reasons"), 0));
	bool bad = !status || strcmp(status, "failed") == 0 || strcmp(status, "invalid") == 0;
	const struct planned *planned = seat->trial.planned;
	unsigned attempt = seat->trial.attempt;
	int result = results_append(crew->results, record, error);
	bool again = bad && attempt <= crew->options->retries && !crew->stopping;
	if (status && strcmp(status, "valid") != 0)
		progress_note(crew->progress, "%s: %s: %s%s", seat->label, status, reason ? reason : "?",
			again ? " (again)" : "");
	if (!again) {
		crew->tally->good += !bad;
		crew->tally->bad += bad;
	}
	json_decref(record);
	free(seat->text);
	seat->text = NULL;
	seat->taken = false;
	show(crew, seat->label);
	if (result == 0 && again)
		result = seat_trial(crew, seat, planned, attempt + 1, error);
	return result;
}

static int read_report(struct crew *crew, struct seat *seat, char **error)
{
	char buffer[65536];
	ssize_t n = read(seat->sandbox.report_fd, buffer, sizeof buffer);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : finish(crew, seat, error);
	if (n == 0)
		return finish(crew, seat, error);
	seat->text = realloc(seat->text, seat->size + (size_t)n + 1);
	memcpy(seat->text + seat->size, buffer, (size_t)n);
	seat->size += (size_t)n;
	seat->text[seat->size] = 0;
	/* The record is whole: nothing that a program in there still does can change it. */
	return seat->text[seat->size - 1] == '\n' ? finish(crew, seat, error) : 0;
}

static int fill_seats(struct crew *crew, char **error)
{
	for (size_t i = 0; i < crew->options->jobs && crew->next < crew->plan->count && !crew->stopping; i++)
		if (!crew->seats[i].taken &&
			seat_trial(crew, &crew->seats[i], &crew->plan->trials[crew->next++], 1, error) < 0)
			return -1;
	return 0;
}

/* Waits for reports, limits and the stop signal; wakes every second so that the time left moves. */
static int serve(struct crew *crew, char **error)
{
	struct pollfd p[JOBS_MAX + 1];
	nfds_t count = 0;
	size_t of[JOBS_MAX + 1];
	p[count++] = (struct pollfd){.fd = crew->options->stop_fd, .events = POLLIN};
	for (size_t i = 0; i < crew->options->jobs; i++)
		if (crew->seats[i].taken) {
			of[count] = i;
			p[count++] =
				(struct pollfd){.fd = crew->seats[i].sandbox.report_fd, .events = POLLIN};
		}
	int n = poll(p, count, 1000);
	if (n < 0 && errno != EINTR)
		return error_set(error, "poll: %s", strerror(errno));
	if (n > 0 && p[0].revents)
		crew->stopping = true;
	for (nfds_t i = 1; i < count; i++) {
		struct seat *seat = &crew->seats[of[i]];
		bool over = clock_now_ns() >= seat->deadline_ns;
		if (n > 0 && p[i].revents ? read_report(crew, seat, error) < 0
					  : over && finish(crew, seat, error) < 0)
			return -1;
	}
	show(crew, NULL);
	return (int)count - 1;
}

static void abandon(struct crew *crew)
{
	for (size_t i = 0; i < crew->options->jobs; i++)
		if (crew->seats[i].taken) {
			sandbox_end(&crew->seats[i].sandbox);
			host_cgroup_remove(crew->host, crew->seats[i].label);
			free(crew->seats[i].text);
			crew->seats[i].taken = false;
		}
}

int crew_run(const struct experiment *experiment, const struct plan *plan, const struct crew_options *options,
	struct host *host, struct results *results, struct progress *progress, struct crew_tally *tally,
	char **error)
{
	struct crew crew = {.experiment = experiment,
		.plan = plan,
		.options = options,
		.host = host,
		.results = results,
		.progress = progress,
		.tally = tally,
		.seats = calloc(options->jobs, sizeof *crew.seats)};
	*tally = (struct crew_tally){0};
	int running = 0;
	do {
		running = fill_seats(&crew, error) < 0 ? -1 : serve(&crew, error);
	} while (running > 0 && !crew.stopping);
	tally->stopped = crew.stopping;
	abandon(&crew);
	free(crew.seats);
	return running < 0 ? -1 : 0;
}
