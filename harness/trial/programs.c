/* Programs: see the header. */
#include "harness/trial/programs.h"

#include "harness/trial/ready.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_GRACE_MS 3000
#define END_GRACE_NS (20 * NS_PER_S)
#define COMMAND_NS (20 * NS_PER_S) /* of a preparation or a setup */

void stage_init(struct stage *stage, struct pool *pool, const struct stage_options *o)
{
	const struct experiment *e = o->experiment;
	*stage = (struct stage){.experiment = e,
		.configuration = o->configuration,
		.procedure = o->procedure,
		.network = o->network,
		.folder = o->folder,
		.deadline_ns = o->deadline_ns};
	stage->names = (struct names){.experiment = e,
		.configuration = o->configuration,
		.procedure = o->procedure,
		.pool = pool,
		.scratch = o->scratch,
		.files = o->files,
		.folder = o->folder,
		.seed = o->seed,
		.answers = json_object()};
	stage->running =
		pool_alloc(pool, e->daemons_count + e->workloads[o->procedure->workload].programs_count + 1,
			sizeof *stage->running);
	stage->prepared = pool_alloc(pool, e->preparations_count + 1, sizeof *stage->prepared);
}

static const struct place *place_of(const struct stage *stage, const struct program *program)
{
	return &stage->network->places[program->node];
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static const char **expand_all(struct names *names, const char **argv, char **error)
{
	size_t count = 0;
	while (argv[count])
		count++;
	const char **out = pool_alloc(names->pool, count + 1, sizeof *out);
	for (size_t i = 0; i < count; i++)
		if (!(out[i] = names_expand(names, argv[i], error)))
			return NULL;
	return out;
}

/* Runs a command to its end; a status that is not 0 is an error with what it said. `node` -1: beside all nodes. */
static int run_command(struct stage *stage, const char **argv, int node, bool with_errors, int64_t within_ns,
	char **output, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	*output = NULL;
	options.argv = expand_all(&stage->names, argv, error);
	options.directory = stage->names.scratch;
	int64_t limit = earlier(within_ns, stage->deadline_ns - clock_now_ns());
	int limit_ms = (int)(limit / NS_PER_MS) + 1, status = -1;
	if (options.argv && node < 0)
		status = process_run(&options, with_errors, limit_ms, output, error);
	else if (options.argv)
		status = place_run(
			&stage->network->places[node], &options, with_errors, limit_ms, output, error);
	if (status > 0)
		error_set(error, "%s ended with status %d: %.200s", options.argv[0], status, *output);
	if (status == 0)
		return 0;
	free(*output);
	*output = NULL;
	return -1;
}

int stage_run(struct stage *stage, const struct program *program, char **output, char **error)
{
	return run_command(stage, program->argv, program->node, false, program->within_ns, output, error);
}

static int set_up(struct stage *stage, const struct setup *setups, size_t count, char **error)
{
	for (size_t i = 0; i < count; i++) {
		char *output;
		if (run_command(stage, setups[i].argv, setups[i].node, true, COMMAND_NS, &output, error) < 0)
			return error_prefix(
				error, "setup in node %s", stage->network->topology->nodes[setups[i].node]);
		free(output);
	}
	return 0;
}

int stage_setup(struct stage *stage, char **error)
{
	const struct experiment *e = stage->experiment;
	const struct configuration *c = stage->configuration;
	return set_up(stage, e->setups, e->setups_count, error) < 0 ||
			       set_up(stage, c->setups, c->setups_count, error) < 0
		       ? -1
		       : set_up(stage, stage->procedure->setups, stage->procedure->setups_count, error);
}

static int prepare_one(struct stage *stage, const struct preparation *p, char **error)
{
	for (const char ***command = p->commands; *command; command++) {
		char *output;
		if (run_command(stage, *command, -1, true, COMMAND_NS, &output, error) < 0)
			return error_prefix(error, "preparation %s", p->name);
		free(output);
	}
	return 0;
}

static int prepare(struct stage *stage, const struct program *program, char **error)
{
	const struct experiment *e = stage->experiment;
	for (const char **need = program->needs; *need; need++)
		for (size_t i = 0; i < e->preparations_count; i++) {
			if (stage->prepared[i] || strcmp(e->preparations[i].name, *need) != 0)
				continue;
			stage->prepared[i] = true;
			if (prepare_one(stage, &e->preparations[i], error) < 0)
				return -1;
		}
	return 0;
}

static int write_text(const char *path, const char *text, char **error)
{
	FILE *out = fopen(path, "we");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	return 0;
}

/* Names of the files of one program; a workload's program has no control socket. */
static int name_files(struct stage *stage, struct running *r, bool daemon, char **error)
{
	struct names *names = &stage->names;
	const struct program *p = r->program;
	snprintf(r->output, sizeof r->output, "%s/%s.out", stage->folder, p->name);
	names->config = names->control = names->ready = NULL;
	if (daemon) {
		if ((size_t)snprintf(r->control, sizeof r->control, "/run/%s.sock", p->name) >= 100)
			return error_set(error, "the name is too long for a socket");
		names->control = r->control;
	}
	if (p->config) {
		const char *path = pool_printf(names->pool, "%s/%s.yaml", stage->folder, p->name);
		const char *text = names_expand(names, p->config, error);
		if (!text || write_text(path, text, error) < 0)
			return -1;
		names->config = path;
	}
	return 0;
}

static int start(struct stage *stage, struct running *r, int ready_fd, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	char log[4096];
	snprintf(log, sizeof log, "%s/%s.log", stage->folder, r->program->name);
	options.argv = expand_all(&stage->names, r->program->argv, error);
	if (!options.argv)
		return -1;
	options.keep_fd = ready_fd;
	options.directory = stage->names.scratch;
	options.stdout_fd = open(r->output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	options.stderr_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	int result = options.stdout_fd < 0 || options.stderr_fd < 0
			     ? error_set(error, "%s: %s", log, strerror(errno))
			     : place_start(place_of(stage, r->program), &options, &r->process, error);
	close(options.stdout_fd);
	close(options.stderr_fd);
	return result;
}

static int begin(struct stage *stage, const struct program *program, char **error)
{
	if (!program->main || stage->has_begun || !stage->begun)
		return 0;
	stage->has_begun = true;
	return stage->begun(stage->context, error);
}

static int launch(struct stage *stage, const struct program *program, bool daemon, char **error)
{
	struct running *r = &stage->running[stage->count];
	*r = (struct running){.program = program, .process = PROCESS_NONE};
	if (prepare(stage, program, error) < 0 || name_files(stage, r, daemon, error) < 0)
		return -1;
	int ready[2] = {-1, -1};
	if (program->ready == READY_DESCRIPTOR) {
		if (pipe2(ready, O_CLOEXEC) < 0)
			return error_set(error, "pipe: %s", strerror(errno));
		stage->names.ready = pool_printf(stage->names.pool, "%d", ready[1]);
	}
	int result = start(stage, r, ready[1], error);
	if (ready[1] >= 0)
		close(ready[1]);
	if (result == 0) {
		stage->count++;
		result = begin(stage, program, error);
	}
	if (result == 0) {
		int64_t deadline = earlier(stage->deadline_ns, clock_now_ns() + program->within_ns);
		result = ready_await(program, &r->process, ready[0], place_of(stage, program), r->output,
			stage->folder, deadline, error);
	}
	if (ready[0] >= 0)
		close(ready[0]);
	return result;
}

int stage_daemons(struct stage *stage, char **error)
{
	const struct experiment *e = stage->experiment;
	for (size_t d = 0; d < stage->procedure->daemons_count; d++)
		for (size_t i = 0; i < e->daemons_count; i++)
			if (program_called(&e->daemons[i], stage->procedure->daemons[d]) &&
				launch(stage, &e->daemons[i], true, error) < 0)
				return error_prefix(error, "daemon %s", e->daemons[i].name);
	return 0;
}

int stage_asks(struct stage *stage, char **error)
{
	for (size_t i = 0; i < stage->procedure->asks_count; i++) {
		const struct ask *ask = &stage->procedure->asks[i];
		json_t *answer = NULL;
		const char *line = names_expand(&stage->names, ask->command, error);
		const struct running *daemon = NULL;
		for (size_t r = 0; r < stage->count; r++)
			if (strcmp(stage->running[r].program->name, ask->daemon) == 0)
				daemon = &stage->running[r];
		int64_t within = earlier(ask->within_ns, stage->deadline_ns - clock_now_ns());
		if (!line || place_ask(place_of(stage, daemon->program), daemon->control, line,
				     (int)(within / NS_PER_MS), &answer, error) < 0)
			return error_prefix(
				error, "daemon %s, asked `%s`", ask->daemon, line ? line : ask->command);
		json_object_set_new(stage->names.answers, ask->as, answer);
	}
	return 0;
}

/* ---- the workload's time */

enum part { OF_MAIN, OF_ENDS }; /* which programs are waited for */

static bool awaited(const struct running *r, enum part part)
{
	return !r->control[0] && (part == OF_MAIN ? r->program->main : r->program->ends && !r->program->main);
}

static int driver_ended(const struct network *network, char **error)
{
	char text[512];
	ssize_t n = network->said_fd >= 0 ? read(network->said_fd, text, sizeof text - 1) : 0;
	if (n > 0)
		return error_set(error, "%.*s", (int)n, text);
	return error_set(error, "the network's driver ended during the trial with %s; see trial.log",
		process_status_text(network->driver.status, text));
}

static int daemon_ended(const struct stage *stage, const struct running *r, char **error)
{
	char text[64], said[PROGRAM_SAID];
	program_said(r->program, stage->folder, said);
	return error_set(error, "daemon %s ended during the trial with %s%s (log: %s.log)", r->program->name,
		process_status_text(r->process.status, text), said, r->program->name);
}

/* What an end means: of a main program or one that ends by itself all is well if its status is 0; of others it came
 * before its time, whatever their status. */
static int judge_end(const struct stage *stage, const struct running *r, enum part part, char **error)
{
	char text[64], said[PROGRAM_SAID];
	const struct program *p = r->program;
	if (r->control[0])
		return daemon_ended(stage, r, error);
	if (r->process.status == 0 && (p->main || p->ends || part == OF_ENDS))
		return 0;
	program_said(p, stage->folder, said);
	process_status_text(r->process.status, text);
	if (r->process.status != 0)
		return error_set(error, "%s ended with %s%s (log: %s.log, output: %s.out)", p->name, text,
			said, p->name, p->name);
	return error_set(error,
		"%s ended with %s before the workload did%s (log: %s.log); one that may says `ends: true`",
		p->name, text, said, p->name);
}

/* Everything that still runs, the network's driver first: where each can be polled for its end. */
static size_t watch_ends(const struct stage *stage, struct pollfd *p, struct running **whose)
{
	size_t count = 0;
	p[count] = (struct pollfd){.fd = stage->network->driver.pidfd, .events = POLLIN};
	whose[count++] = NULL;
	for (size_t i = 0; i < stage->count; i++)
		if (stage->running[i].process.pid > 0) {
			p[count] = (struct pollfd){.fd = stage->running[i].process.pidfd, .events = POLLIN};
			whose[count++] = &stage->running[i];
		}
	return count;
}

/* Looks at what has ended. -1 and *error: something before its time. */
static int take_ends(struct stage *stage, const struct pollfd *p, struct running **whose, size_t count,
	enum part part, char **error)
{
	for (size_t i = 0; i < count; i++) {
		struct process *process = whose[i] ? &whose[i]->process : &stage->network->driver;
		if (!p[i].revents || process_wait(process, 0) != 1)
			continue;
		if (!whose[i])
			return driver_ended(stage->network, error);
		if (judge_end(stage, whose[i], part, error) < 0)
			return -1;
	}
	return 0;
}

/* The first program that is waited for and still runs; NULL: all have ended. */
static struct running *still_awaited(const struct stage *stage, enum part part)
{
	for (size_t i = 0; i < stage->count; i++)
		if (awaited(&stage->running[i], part) && stage->running[i].process.pid > 0)
			return &stage->running[i];
	return NULL;
}

/* Waits until all programs of a part have ended. Whatever else ends meanwhile is an event too. */
static int await_part(struct stage *stage, enum part part, char **error)
{
	struct pollfd *p = calloc(stage->count + 1, sizeof *p);
	struct running **whose = calloc(stage->count + 1, sizeof(struct running *)), *late;
	int64_t began = clock_now_ns();
	int result = p && whose ? 0 : error_set(error, "no memory");
	while (result == 0 && (late = still_awaited(stage, part))) {
		int64_t within = part == OF_MAIN ? late->program->within_ns : END_GRACE_NS;
		int64_t left = earlier(stage->deadline_ns, began + within) - clock_now_ns();
		size_t count = watch_ends(stage, p, whose);
		if (left <= 0)
			result = error_set(error, "%s did not end in time", late->program->name);
		else if (poll(p, count, (int)(left / NS_PER_MS) + 1) > 0)
			result = take_ends(stage, p, whose, count, part, error);
	}
	free(p);
	free(whose);
	return result;
}

int stage_workload(struct stage *stage, char **error)
{
	const struct workload *w = &stage->experiment->workloads[stage->procedure->workload];
	for (size_t i = 0; i < w->programs_count; i++)
		if (launch(stage, &w->programs[i], false, error) < 0)
			return error_prefix(error, "workload program %s", w->programs[i].name);
	return await_part(stage, OF_MAIN, error) < 0 ? -1 : await_part(stage, OF_ENDS, error);
}

bool stage_alive(struct stage *stage, char **error)
{
	struct process *driver = &stage->network->driver;
	if (driver->pid > 0 && process_wait(driver, 0) == 1)
		return driver_ended(stage->network, error) == 0;
	for (size_t i = 0; i < stage->count; i++) {
		struct running *r = &stage->running[i];
		if (r->control[0] && process_wait(&r->process, 0) == 1)
			return daemon_ended(stage, r, error) == 0;
	}
	return true;
}

static void end(struct stage *stage, struct running *r)
{
	place_stop(place_of(stage, r->program), &r->process, STOP_GRACE_MS);
}

void stage_stop(struct stage *stage)
{
	while (stage->count)
		end(stage, &stage->running[--stage->count]);
	json_decref(stage->names.answers);
	stage->names.answers = NULL;
}

const char *stage_output(const struct stage *stage, const char *program)
{
	for (size_t i = 0; i < stage->count; i++)
		if (!stage->running[i].control[0] && strcmp(stage->running[i].program->name, program) == 0)
			return stage->running[i].output;
	return NULL;
}
