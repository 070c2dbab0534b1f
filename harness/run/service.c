/* Services: see the header. */
#include "harness/run/service.h"

#include "harness/experiment/names.h"
#include "harness/machine/project.h"
#include "harness/trial/ready.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_GRACE_MS 3000

struct services {
	const struct experiment *experiment;
	struct host *host;
	struct pool *pool;
	const char *folder, *path; /* path: where their programs are looked for */
	struct process *processes; /* by service */
	unsigned ended;
	const char *how; /* the last one ended */
};

/* Programs are found beside us first, then where the system has them. */
static const char *search_path(struct pool *pool)
{
	return pool_printf(pool, "PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		project_programs());
}

static int open_log(const struct services *s, const struct program *service)
{
	char path[PATH_MAX];
	if (!s->folder ||
		snprintf(path, sizeof path, "%s/%s.log", s->folder, service->name) >= (int)sizeof path)
		return -1;
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int start(struct services *s, size_t i, char **error)
{
	const struct program *service = &s->experiment->services[i];
	const char *env[] = {s->path, NULL};
	struct process_options options = PROCESS_OPTIONS;
	int ready[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	options.argv = service_words(s->pool, service, ready[1], error);
	options.env = env;
	options.keep_fd = ready[1];
	options.stdout_fd = options.stderr_fd = open_log(s, service);
	options.die_with_parent = true;
	options.own_group = true; /* an interrupt from the keyboard: trials end first */
	int result = options.argv ? process_start(&s->processes[i], &options, error) : -1;
	close(ready[1]);
	if (options.stderr_fd >= 0)
		close(options.stderr_fd);
	if (result == 0) {
		host_sandbox_started(s->host, s->processes[i].pid);
		result = ready_await(service, &s->processes[i], ready[0], NULL, NULL, s->folder,
			clock_now_ns() + service->within_ns, error);
	}
	close(ready[0]);
	return result < 0 ? error_prefix(error, "service %s", service->name) : 0;
}

struct services *services_start(
	const struct experiment *experiment, const char *folder, struct host *host, char **error)
{
	struct pool *pool = pool_new();
	struct services *s = pool_alloc(pool, 1, sizeof *s);
	*s = (struct services){.experiment = experiment, .host = host, .pool = pool};
	s->folder = folder ? pool_strdup(pool, folder) : NULL;
	s->path = search_path(pool);
	s->processes = pool_alloc(pool, experiment->services_count + 1, sizeof *s->processes);
	for (size_t i = 0; i < experiment->services_count; i++)
		s->processes[i] = PROCESS_NONE;
	if (services_revive(s, error) == 0)
		return s;
	services_stop(s);
	return NULL;
}

unsigned services_ended(struct services *s, const char **how)
{
	char text[64];
	for (size_t i = 0; s && i < s->experiment->services_count; i++) {
		struct process *p = &s->processes[i];
		if (p->pid <= 0 || process_wait(p, 0) != 1)
			continue;
		s->ended++;
		s->how = pool_printf(s->pool, "service %s ended with %s (log: %s.log)",
			s->experiment->services[i].name, process_status_text(p->status, text),
			s->experiment->services[i].name);
	}
	if (how)
		*how = s ? s->how : NULL;
	return s ? s->ended : 0;
}

int services_revive(struct services *s, char **error)
{
	for (size_t i = 0; s && i < s->experiment->services_count; i++)
		if (s->processes[i].pid <= 0 && start(s, i, error) < 0)
			return -1;
	return 0;
}

static json_t *version(const char *path, const char *program)
{
	const char *argv[] = {program, "--version", NULL}, *env[] = {path, NULL};
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	options.argv = argv;
	options.env = env;
	json_t *text = process_run(&options, true, 5000, &output, &error) == 0
			       ? json_sprintf("%.*s", (int)strcspn(output, "\n"), output)
			       : json_null();
	free(output);
	free(error);
	return text;
}

json_t *services_json(const struct experiment *e)
{
	json_t *all = json_object();
	struct pool *pool = pool_new();
	for (size_t i = 0; i < e->services_count; i++) {
		const struct program *service = &e->services[i];
		json_t *words = json_array();
		for (const char **word = service->argv; *word; word++)
			json_array_append_new(words, json_string(*word));
		json_object_set_new(all, service->name,
			json_pack("{s:o, s:o}", "run", words, "version",
				version(search_path(pool), service->argv[0])));
	}
	pool_free(pool);
	return all;
}

void services_stop(struct services *s)
{
	if (!s)
		return;
	for (size_t i = s->experiment->services_count; i > 0; i--)
		process_stop(&s->processes[i - 1], STOP_GRACE_MS);
	pool_free(s->pool);
}
