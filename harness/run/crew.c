/* Crew: one poll loop over the reports of the sandboxes that run. A sandbox reports one line, its record, and
 * ends; one that ends without a record, or outlives the trial's limit, is a failed trial with that reason. */
#include "harness/run/crew.h"

#include "harness/machine/probe.h"
#include "harness/machine/space.h"
#include "harness/record/verdict.h"
#include "harness/run/pace.h"
#include "harness/trial/trial.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct seat { /* one sandbox that runs */
	bool taken;
	struct trial trial;
	struct execution execution;
	char label[128];
	char *text; /* what was reported so far */
	size_t size;
	int64_t deadline_ns;
	double load;    /* the processors that it was expected to keep busy */
	unsigned epoch; /* of the pace, when it began */
	unsigned ended; /* ends of services before it began */
};

/* What the machine worked beyond the figures of sandboxes is looked at this often. */
#define LOOK_NS (5 * NS_PER_S)

struct look {
	struct machine_sample machine;
	uint64_t sandboxes_us;
	double trial_s; /* since then: seconds of trials */
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
	unsigned seats_count;
	struct pace pace; /* where the machine decides how many are in use */
	struct look look; /* the last one */
	size_t next;      /* of the plan */
	unsigned number;
	uint64_t largest; /* bytes on disk of the largest trial so far */
	bool stopping;
};

static unsigned running(const struct crew *crew)
{
	unsigned count = 0;
	for (size_t i = 0; i < crew->seats_count; i++)
		count += crew->seats[i].taken;
	return count;
}

static double load_of(const struct crew *crew)
{
	double load = 0;
	for (size_t i = 0; i < crew->seats_count; i++)
		load += crew->seats[i].taken ? crew->seats[i].load : 0;
	return load;
}

static void show(struct crew *crew, const char *label)
{
	const struct crew_tally *t = crew->tally;
	progress_step(crew->progress, t->good + t->bad + t->spared, running(crew), label);
}

static size_t cell_of(const struct crew *crew, const struct planned *planned)
{
	return planned->configuration * crew->experiment->procedures_count + planned->procedure;
}

/* Starts a trial in a free seat; `attempt` counts from 1. */
static int seat_trial(
	struct crew *crew, struct seat *seat, const struct planned *planned, unsigned attempt, char **error)
{
	const struct experiment *e = crew->experiment;
	/* Those that run will want as much as this one. */
	if (space_check(crew->results->folder, crew->largest * (running(crew) + 1), error) < 0)
		return -1;
	unsigned ended = services_ended(crew->options->services, NULL);
	if (services_revive(crew->options->services, error) < 0)
		return -1;
	*seat = (struct seat){.taken = true,
		.load = pace_load(&crew->pace, planned->procedure),
		.epoch = crew->pace.epoch,
		.ended = ended};
	seat->trial = (struct trial){.experiment = e,
		.planned = planned,
		.number = ++crew->number,
		.attempt = attempt,
		.clock = crew->options->clock,
		.backend = crew->options->backend,
		.proofs = crew->options->proofs,
		.root = crew->options->root,
		.files = crew->results->folder};
	snprintf(seat->label, sizeof seat->label, "%04u-%s-%s-%u", crew->number,
		e->configurations[planned->configuration].name, e->procedures[planned->procedure].name,
		planned->repeat);
	if (results_trial_folder(
		    crew->results, seat->label, seat->trial.folder, sizeof seat->trial.folder, error) < 0)
		return -1;
	int cgroup_fd = host_cgroup(crew->host, seat->label);
	int result = crew->options->executor->start(
		&seat->trial, crew->results->folder, cgroup_fd, &seat->execution, error);
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	if (result < 0)
		return -1;
	host_sandbox_started(crew->host, seat->execution.sandbox.pid);
	seat->deadline_ns = clock_now_ns() + crew->options->executor->limit_ns(e);
	show(crew, seat->label);
	return 0;
}

/* What the sandbox cost. */
static void add_usage(struct crew *crew, const struct seat *seat, json_t *record)
{
	uint64_t cpu_us = 0;
	if (host_cgroup_usage(crew->host, seat->label, &cpu_us) == 0)
		json_object_set_new(record, "cpu_s", json_real((double)cpu_us / 1e6));
	host_cgroup_remove(crew->host, seat->label);
}

static json_t *take_record(struct crew *crew, struct seat *seat)
{
	char reason[256] = "";
	json_t *record = seat->text ? json_loads(seat->text, 0, NULL) : NULL;
	bool late = clock_now_ns() >= seat->deadline_ns;
	crew->options->executor->end(&seat->execution, record, reason);
	if (!record) {
		if (late)
			snprintf(reason, sizeof reason, "it outlived its limit of %.0f s and was killed",
				(double)crew->options->executor->limit_ns(crew->experiment) / 1e9);
		record = verdict_record(
			crew->experiment, seat->trial.planned, seat->trial.number, seat->trial.attempt);
		verdict_judge(record, "failed", "%s", reason);
	}
	add_usage(crew, seat, record);
	return record;
}

/* A trial needs the services from its first moment to its last. */
static void judge_services(struct crew *crew, const struct seat *seat, json_t *record)
{
	const char *how;
	if (services_ended(crew->options->services, &how) != seat->ended)
		verdict_judge(record, "invalid", "%s while the trial ran", how);
}

static enum trial_status status_of(const char *name)
{
	enum trial_status status = TRIAL_VALID;
	while (status < TRIAL_FAILED && (!name || strcmp(name, trial_status_name(status)) != 0))
		status++;
	return status;
}

static double primary_value(const struct crew *crew, const json_t *record)
{
	const struct experiment *e = crew->experiment;
	const json_t *value =
		json_object_get(json_object_get(record, "measures"), e->measures[e->primary].name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Where the machine decides: what this trial says about how many may run. Moves are kept in jobs.log. */
static void set_pace(struct crew *crew, const struct seat *seat, const json_t *record, bool counts)
{
	const json_t *verdict = json_object_get(record, "verdict");
	const json_t *idle = json_object_get(json_object_get(verdict, "machine"), "idle_percent");
	struct pace_trial ended = {.kind = seat->trial.planned->procedure,
		.wall_s = json_number_value(json_object_get(record, "wall_s")),
		.cpu_s = json_number_value(json_object_get(record, "cpu_s")),
		.strained = json_is_true(json_object_get(verdict, "strained")),
		.counts = counts,
		.idle_percent = idle ? json_number_value(idle) : NAN,
		.epoch = seat->epoch};
	double before = crew->pace.budget;
	if (!pace_ended(&crew->pace, &ended) || crew->options->jobs)
		return;
	char line[256];
	snprintf(line, sizeof line, "trials may keep %.2f of %.0f processors busy, not %.2f (%s; %u run)",
		crew->pace.budget, crew->pace.cpus, before,
		ended.strained ? "the machine was too slow for one" : "all were clean", running(crew));
	results_note(crew->results, "jobs.log", line);
	progress_note(crew->progress, "%s", line);
}

/* What a trial takes is known by those that have ended. A disk that is full now may have been full while the trial ran: what it
 * could not write is not known, so it does not count, neither as failed. It is as if it had not been. */
static int check_disk(struct crew *crew, const struct seat *seat, char **error)
{
	uint64_t taken = space_taken(seat->trial.folder);
	crew->largest = taken > crew->largest ? taken : crew->largest;
	return space_check(crew->results->folder, 0, error) < 0
		       ? error_prefix(error, "trial %s does not count", seat->label)
		       : 0;
}

static int finish(struct crew *crew, struct seat *seat, char **error)
{
	json_t *record = take_record(crew, seat);
	if (check_disk(crew, seat, error) < 0) {
		json_decref(record);
		free(seat->text);
		seat->text = NULL;
		seat->taken = false;
		return -1;
	}
	judge_services(crew, seat, record);
	json_object_set_new(record, "at_once", json_integer(running(crew)));
	const char *status = json_string_value(json_object_get(record, "status"));
	const char *reason = json_string_value(json_array_get(json_object_get(record, "reasons"), 0));
	bool bad = !status || strcmp(status, "failed") == 0 || strcmp(status, "invalid") == 0;
	set_pace(crew, seat, record, !bad);
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
	if (!bad)
		until_add(crew->options->until, cell_of(crew, planned), primary_value(crew, record));
	char standing[240];
	standing_add(crew->options->standing, planned->configuration, planned->procedure, status_of(status),
		primary_value(crew, record));
	progress_standing(crew->progress, standing_text(crew->options->standing, standing, sizeof standing));
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
	ssize_t n = read(seat->execution.sandbox.report_fd, buffer, sizeof buffer);
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

/* The next trial that is open and needed; NULL: none is left. It stays the next one until it is started. */
static const struct planned *next_open(struct crew *crew)
{
	for (; crew->next < crew->plan->count; crew->next++) {
		const struct planned *planned = &crew->plan->trials[crew->next];
		if (planned->state != PLANNED_OPEN)
			continue;
		if (!until_met(crew->options->until, cell_of(crew, planned)))
			return planned;
		crew->tally->spared++;
	}
	return NULL;
}

static struct seat *free_seat(struct crew *crew)
{
	for (size_t i = 0; i < crew->seats_count; i++)
		if (!crew->seats[i].taken)
			return &crew->seats[i];
	return NULL;
}

static bool has_room(const struct crew *crew, const struct planned *planned)
{
	unsigned count = running(crew);
	return crew->options->jobs ? count < crew->options->jobs
				   : pace_admits(&crew->pace, planned->procedure, count, load_of(crew));
}

/* Trials start in the plan's order: a dear one waits for room, and the others behind it. */
static int fill_seats(struct crew *crew, char **error)
{
	while (!crew->stopping) {
		struct seat *seat = free_seat(crew);
		const struct planned *planned = next_open(crew);
		if (!seat || !planned || !has_room(crew, planned))
			return 0;
		crew->next++;
		if (seat_trial(crew, seat, planned, planned->attempts + 1, error) < 0)
			return -1;
	}
	return 0;
}

static struct look look_at(struct crew *crew)
{
	struct look look = {0};
	machine_sample_take(&look.machine);
	if (host_cgroup_usage(crew->host, "", &look.sandboxes_us) < 0)
		look.sandboxes_us = 0;
	return look;
}

/* `count` trials ran for so long. */
static void note_beyond(struct crew *crew, unsigned count, int64_t ns)
{
	crew->look.trial_s += (double)ns / 1e9 * count;
	if (clock_now_ns() - crew->look.machine.at_ns < LOOK_NS)
		return;
	struct look now = look_at(crew);
	/* Without figures of sandboxes nothing is known to be beyond them. */
	if (now.sandboxes_us > 0)
		pace_beyond(&crew->pace,
			machine_busy_s(&crew->look.machine, &now.machine) -
				(double)(now.sandboxes_us - crew->look.sandboxes_us) / 1e6,
			crew->look.trial_s);
	crew->look = now;
}

/* Waits for reports, limits and the stop signal; wakes every second so that the time left moves. */
static int serve(struct crew *crew, char **error)
{
	struct pollfd p[JOBS_MAX + 1];
	nfds_t count = 0;
	size_t of[JOBS_MAX + 1];
	p[count++] = (struct pollfd){.fd = crew->options->stop_fd, .events = POLLIN};
	for (size_t i = 0; i < crew->seats_count; i++)
		if (crew->seats[i].taken) {
			of[count] = i;
			p[count++] = (struct pollfd){
				.fd = crew->seats[i].execution.sandbox.report_fd, .events = POLLIN};
		}
	int64_t began = clock_now_ns();
	int n = poll(p, count, 1000);
	note_beyond(crew, (unsigned)count - 1, clock_now_ns() - began);
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
	for (size_t i = 0; i < crew->seats_count; i++)
		if (crew->seats[i].taken) {
			crew->options->executor->end(&crew->seats[i].execution, NULL, (char[256]){""});
			host_cgroup_remove(crew->host, crew->seats[i].label);
			free(crew->seats[i].text);
			crew->seats[i].taken = false;
		}
}

static unsigned long free_memory_mib(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *in = fopen("/proc/meminfo", "re");
	while (in && !kib && fgets(line, sizeof line, in))
		sscanf(line, "MemAvailable: %lu", &kib);
	if (in)
		fclose(in);
	return kib / 1024;
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
		.number = options->number,
		.seats_count = options->jobs ? options->jobs : PACE_MAX};
	crew.seats = calloc(crew.seats_count, sizeof *crew.seats);
	pace_init(&crew.pace, (unsigned)sysconf(_SC_NPROCESSORS_ONLN), free_memory_mib(),
		experiment->procedures_count);
	crew.look = look_at(&crew);
	*tally = (struct crew_tally){0};
	int left = 0;
	do {
		left = fill_seats(&crew, error) < 0 ? -1 : serve(&crew, error);
	} while (left > 0 && !crew.stopping);
	tally->stopped = crew.stopping;
	abandon(&crew);
	pace_free(&crew.pace);
	free(crew.seats);
	return left < 0 ? -1 : 0;
}
