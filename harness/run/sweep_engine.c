/* Sweep, its engines: this machine, one slice after the other; and Slurm, whose client programs are called. */
#include "harness/run/sweep.h"

#include "harness/machine/project.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/base/version.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUBMIT_MS 60000
#define PROBE_MS 600000
#define WORDS_MAX 32

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* ---- a slice, as a command */

struct words {
	struct pool *pool;
	const char *argv[WORDS_MAX];
	size_t count;
};

static void add(struct words *w, const char *word)
{
	if (w->count + 1 >= WORDS_MAX)
		abort();
	w->argv[w->count++] = word;
}

static void add_option(struct words *w, const char *option, const char *value)
{
	if (!value)
		return;
	add(w, option);
	add(w, value);
}

/* `liquidnet run` of the slice: a new run, or the one that has begun goes on. */
static void slice_command(const struct sweep *s, unsigned slice, const char *begun, struct words *w)
{
	const json_t *run = json_object_get(s->file, "run");
	json_int_t trials = json_integer_value(json_object_get(run, "trials")),
		   jobs = json_integer_value(json_object_get(run, "jobs"));
	add(w, pool_printf(w->pool, "%s/liquidnet", project_programs()));
	add(w, "run");
	add(w, text(s->file, "file"));
	if (jobs)
		add_option(w, "--jobs", jobs < 0 ? "auto" : pool_printf(w->pool, "%d", (int)jobs));
	if (begun) {
		add(w, pool_printf(w->pool, "--resume=%s", begun));
		return;
	}
	add_option(w, "--slice", pool_printf(w->pool, "%u/%u", slice, s->slices));
	add_option(w, "--only", text(run, "only"));
	add_option(w, "--procedures", text(run, "procedures"));
	if (trials)
		add_option(w, "--trials", pool_printf(w->pool, "%lld", (long long)trials));
	add_option(w, "--seed",
		pool_printf(w->pool, "%lld", (long long)json_integer_value(json_object_get(run, "seed"))));
	add_option(w, "--backend", text(run, "backend"));
	add_option(w, "--clock", text(run, "clock"));
	add_option(w, "--results", pool_printf(w->pool, "%s/slice-%u", s->folder, slice));
}

static bool has_begun(const struct sweep_slice *slice)
{
	char path[SWEEP_PATH];
	snprintf(path, sizeof path, "%s/provenance.json", slice->results);
	return *slice->results && access(path, R_OK) == 0;
}

static bool is_done(const struct sweep_slice *slice)
{
	return slice->good == slice->planned;
}

static int check_version(const struct sweep *s, char **error)
{
	const char *then = text(s->file, "liquidnet");
	return then && strcmp(then, liquidnet_version) == 0
		       ? 0
		       : error_set(error,
				 "the sweep was begun by liquidnet %s, and this is %s; install the same",
				 then ? then : "?", liquidnet_version);
}

int sweep_run_slice(const struct sweep *s, unsigned slice, char **error)
{
	struct sweep_slice found;
	char folder[SWEEP_PATH];
	if (slice >= s->slices)
		return error_set(error, "slice %u: there are %u, from 0 on", slice, s->slices);
	if (check_version(s, error) < 0 || sweep_look(s, slice, &found, error) < 0)
		return -1;
	snprintf(folder, sizeof folder, "%s/slice-%u", s->folder, slice);
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return error_set(error, "%s: %s", folder, strerror(errno));
	struct words w = {.pool = pool_new()};
	slice_command(s, slice, has_begun(&found) ? found.results : NULL, &w);
	if (is_done(&found)) { /* a job that was requeued after its last trial */
		pool_free(w.pool);
		_exit(0);
	}
	execv(w.argv[0], (char *const *)w.argv);
	error_set(error, "%s: %s", w.argv[0], strerror(errno));
	pool_free(w.pool);
	return -1;
}

/* ---- here, one after the other */

/* Waits for a child; what would end this process ends the child first. Returns its exit status; 128 + N: a signal. */
static int await(pid_t pid)
{
	sigset_t set, old;
	int status, sig;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		if (ended == pid || (ended < 0 && errno != EINTR))
			break;
		if (sigwait(&set, &sig) == 0 && sig != SIGCHLD)
			kill(pid, sig == SIGHUP ? SIGTERM : sig);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_here(const struct sweep *s, unsigned slice, char **error)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD); /* not lost between fork and wait */
	sigprocmask(SIG_BLOCK, &set, &old);
	pid_t pid = fork();
	if (pid == 0) {
		char *reason = NULL;
		sigprocmask(SIG_SETMASK, &old, NULL);
		sweep_run_slice(s, slice, &reason);
		fprintf(stderr, "liquidnet sweep: %s\n", reason ? reason : "?");
		_exit(2);
	}
	int status = pid < 0 ? -1 : await(pid);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? error_set(error, "fork: %s", strerror(errno)) : status;
}

static int start_here(struct sweep *s, char **error)
{
	int worst = 0;
	for (unsigned k = 0; k < s->slices; k++) {
		struct sweep_slice found;
		if (sweep_look(s, k, &found, error) < 0)
			return 2;
		if (is_done(&found))
			continue;
		printf("slice %u of %u: %zu of %zu trials to do\n", k, s->slices, found.planned - found.good,
			found.planned);
		fflush(stdout);
		int status = run_here(s, k, error);
		if (status < 0 || status == 2 || status >= 128)
			return status < 0 ? 2 : status;
		worst = status > worst ? status : worst;
	}
	return worst;
}

/* ---- Slurm */

/* A word for the shell. */
static const char *quoted(struct pool *pool, const char *word)
{
	const char *result = "'";
	for (const char *at = word; *at; at++)
		result = *at == '\'' ? pool_printf(pool, "%s'\\''", result)
				     : pool_printf(pool, "%s%c", result, *at);
	return pool_printf(pool, "%s'", result);
}

static int call(const struct words *w, int limit_ms, char **output, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	options.argv = w->argv;
	int status = process_run(&options, true, limit_ms, output, error);
	if (status > 0)
		error_set(error, "%s: %.*s", w->argv[0], *output ? (int)strcspn(*output, "\n") : 0,
			*output ? *output : "");
	return status == 0 ? 0 : -1;
}

static int find_client(char **error)
{
	char *output = NULL, *reason = NULL;
	struct words w = {.argv = {"sbatch", "--version", NULL}, .count = 2};
	int result = call(&w, SUBMIT_MS, &output, &reason);
	free(output);
	if (result < 0)
		error_set(error,
			"%s; Slurm's client is not installed (Debian: slurm-client), or does not work: --engine local runs the slices here",
			reason ? reason : "sbatch");
	free(reason);
	return result;
}

static void add_common(const struct sweep *s, struct words *w)
{
	add(w, "sbatch");
	add(w, "--parsable");
	add(w, pool_printf(w->pool, "--job-name=liquidnet-%s", s->experiment->name));
	if (text(s->file, "partition"))
		add(w, pool_printf(w->pool, "--partition=%s", text(s->file, "partition")));
}

/* A job that looks whether a node can: the same program, as root, and this folder. */
static int probe(const struct sweep *s, struct pool *pool, char **error)
{
	char path[SWEEP_PATH], *output = NULL;
	struct words w = {.pool = pool};
	json_error_t why;
	snprintf(path, sizeof path, "%s/probe.json", s->folder);
	unlink(path);
	add_common(s, &w);
	add(&w, "--wait");
	add(&w, "--time=2");
	add(&w, pool_printf(pool, "--output=%s/probe.log", s->folder));
	add(&w, "--wrap");
	add(&w, pool_printf(pool, "exec %s sweep --probe %s",
			quoted(pool, pool_printf(pool, "%s/liquidnet", project_programs())),
			quoted(pool, s->folder)));
	int result = call(&w, PROBE_MS, &output, error);
	free(output);
	if (result < 0)
		return error_prefix(
			error, "the first job, which looks at a node, failed (%s/probe.log)", s->folder);
	json_t *found = json_load_file(path, 0, &why);
	const char *version = text(found, "liquidnet"), *host = text(found, "host");
	if (!found)
		result = error_set(error,
			"a node did not write %s: the sweep's folder must be on a file system that the nodes share",
			path);
	else if (!version || strcmp(version, liquidnet_version) != 0)
		result = error_set(error, "node %s has liquidnet %s, and this is %s; install the same",
			host ? host : "?", version ? version : "?", liquidnet_version);
	else if (!json_is_true(json_object_get(found, "root")))
		result = error_set(error,
			"on node %s jobs do not run as root, which liquidnet needs; submit as root",
			host ? host : "?");
	json_decref(found);
	return result;
}

static const char *open_slices(const struct sweep *s, struct pool *pool, char **error)
{
	const char *list = "";
	for (unsigned k = 0; k < s->slices; k++) {
		struct sweep_slice found;
		if (sweep_look(s, k, &found, error) < 0)
			return NULL;
		if (!is_done(&found))
			list = pool_printf(pool, "%s%s%u", list, *list ? "," : "", k);
	}
	return list;
}

/* What each job of the array runs. */
static int write_wrapper(const struct sweep *s, struct pool *pool, const char *path, char **error)
{
	FILE *out = fopen(path, "we");
	if (out)
		fprintf(out, "#!/bin/sh\nexec %s sweep --run %s \"$SLURM_ARRAY_TASK_ID\"\n",
			quoted(pool, pool_printf(pool, "%s/liquidnet", project_programs())),
			quoted(pool, s->folder));
	return out && fclose(out) == 0 && chmod(path, 0755) == 0
		       ? 0
		       : error_set(error, "%s: %s", path, strerror(errno));
}

static int submit(struct sweep *s, struct pool *pool, const char *list, char **error)
{
	struct words w = {.pool = pool};
	char *output = NULL, path[SWEEP_PATH];
	int at_once = (int)json_integer_value(json_object_get(s->file, "at_once"));
	snprintf(path, sizeof path, "%s/slice.sh", s->folder);
	if (write_wrapper(s, pool, path, error) < 0)
		return -1;
	add_common(s, &w);
	add(&w, at_once ? pool_printf(pool, "--array=%s%%%d", list, at_once)
			: pool_printf(pool, "--array=%s", list));
	add(&w, "--requeue");
	add(&w, "--exclusive"); /* how many trials run side by side, the run decides */
	add(&w, "--signal=B:TERM@60");
	add(&w, "--open-mode=append");
	add(&w, pool_printf(pool, "--output=%s/slice-%%a.log", s->folder));
	if (text(s->file, "time"))
		add(&w, pool_printf(pool, "--time=%s", text(s->file, "time")));
	if (text(s->file, "cpus"))
		add(&w, pool_printf(pool, "--cpus-per-task=%s", text(s->file, "cpus")));
	add(&w, path);
	if (call(&w, SUBMIT_MS, &output, error) < 0) {
		free(output);
		return -1;
	}
	output[strcspn(output, ";\n")] = 0; /* JOB, or JOB;CLUSTER */
	printf("submitted slices %s of %u as job %s\n", list, s->slices, output);
	snprintf(path, sizeof path, "%s/jobs", s->folder);
	FILE *jobs = fopen(path, "ae");
	if (jobs) {
		fprintf(jobs, "%s\n", output);
		fclose(jobs);
	}
	free(output);
	return 0;
}

static int start_on_cluster(struct sweep *s, char **error)
{
	struct pool *pool = pool_new();
	const char *list = open_slices(s, pool, error);
	int status = 2;
	if (list && !*list) {
		printf("all %u slices are done; liquidnet collect %s makes one results folder of them\n",
			s->slices, s->folder);
		status = 0;
	} else if (list && find_client(error) == 0 && probe(s, pool, error) == 0 &&
		   submit(s, pool, list, error) == 0)
		status = 0;
	pool_free(pool);
	return status;
}

int sweep_start(struct sweep *s, char **error)
{
	if (check_version(s, error) < 0)
		return 2;
	return s->engine == SWEEP_SLURM ? start_on_cluster(s, error) : start_here(s, error);
}

int sweep_probe(const char *folder, char **error)
{
	char path[SWEEP_PATH], host[HOST_NAME_MAX + 1] = "?";
	gethostname(host, sizeof host - 1);
	snprintf(path, sizeof path, "%s/probe.json", folder);
	json_t *found = json_pack(
		"{s:s, s:s, s:b}", "liquidnet", liquidnet_version, "host", host, "root", geteuid() == 0);
	int result =
		json_dump_file(found, path, 0) == 0 ? 0 : error_set(error, "%s: %s", path, strerror(errno));
	json_decref(found);
	return result;
}

/* ---- how far it is */

/* "TASK STATE" lines of the jobs that the cluster still knows; NULL: none, or no cluster. */
static char *queue_of(const struct sweep *s, struct pool *pool)
{
	char path[SWEEP_PATH], line[64], *output = NULL;
	const char *list = "";
	snprintf(path, sizeof path, "%s/jobs", s->folder);
	FILE *in = s->engine == SWEEP_SLURM ? fopen(path, "re") : NULL;
	while (in && fgets(line, sizeof line, in))
		list = pool_printf(pool, "%s%s%.*s", list, *list ? "," : "", (int)strcspn(line, "\n"), line);
	if (in)
		fclose(in);
	if (!*list)
		return NULL;
	struct words w = {.pool = pool};
	add(&w, "squeue");
	add(&w, "--noheader");
	add(&w, "--array");
	add(&w, "--format=%K %T");
	add(&w, pool_printf(pool, "--jobs=%s", list));
	char *reason = NULL;
	if (call(&w, SUBMIT_MS, &output, &reason) < 0) {
		free(reason);
		free(output);
		return NULL;
	}
	return output;
}

static const char *state_of(const char *queue, unsigned slice, struct pool *pool)
{
	char wanted[32];
	int length = snprintf(wanted, sizeof wanted, "%u ", slice);
	for (const char *at = queue; at && *at;) {
		if (strncmp(at, wanted, (size_t)length) == 0)
			return pool_printf(pool, "%.*s", (int)strcspn(at + length, "\n"), at + length);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return NULL;
}

int sweep_print(const struct sweep *s, FILE *out, char **error)
{
	struct pool *pool = pool_new();
	char *queue = queue_of(s, pool);
	size_t planned = 0, good = 0, done = 0;
	int result = 0;
	for (unsigned k = 0; result == 0 && k < s->slices; k++) {
		struct sweep_slice found;
		if ((result = sweep_look(s, k, &found, error)) < 0)
			break;
		const char *state = state_of(queue, k, pool);
		bool whole = is_done(&found);
		fprintf(out, "slice %u: %zu of %zu trials count%s", k, found.good, found.planned,
			whole            ? ", done"
			: *found.results ? ""
					 : ", not begun");
		fprintf(out, "%s%s\n", state && !whole ? ", " : "", state && !whole ? state : "");
		planned += found.planned;
		good += found.good;
		done += whole;
	}
	if (result == 0)
		fprintf(out, "%zu of %u slices are done; %zu of %zu trials count\n", done, s->slices, good,
			planned);
	free(queue);
	pool_free(pool);
	return result;
}
