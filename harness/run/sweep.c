/* Sweep: its folder, and how far its slices are; see the header. sweep_engine.c carries it out. */
#include "harness/run/sweep.h"

#include "harness/experiment/find.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/version.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sweep_plan_hash(const struct experiment *e, const struct plan *plan, char text[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char *trials = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&trials, &size);
	for (size_t i = 0; out && i < plan->count; i++)
		fprintf(out, "%s %s %u %llu\n", e->configurations[plan->trials[i].configuration].name,
			e->procedures[plan->trials[i].procedure].name, plan->trials[i].repeat,
			(unsigned long long)plan->trials[i].seed);
	if (!out || fclose(out) != 0 || !EVP_Digest(trials, size, digest, &length, EVP_sha256(), NULL))
		abort();
	free(trials);
	for (unsigned i = 0; i < length && i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

json_t *sweep_common(const json_t *run)
{
	static const char *const keys[] = {"only", "procedures", "trials", "seed", "backend", "clock"};
	json_t *common = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		json_t *value = json_object_get(run, keys[i]);
		json_object_set(common, keys[i], value ? value : json_null());
	}
	return common;
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The whole plan's hash. */
static int hash_plan(
	const struct experiment *e, const struct selection *selection, char hash[65], char **error)
{
	struct plan plan = {0};
	struct selection all = *selection;
	all.slice = all.slices = 0;
	if (plan_make(&plan, e, &all, error) < 0)
		return -1;
	sweep_plan_hash(e, &plan, hash);
	plan_free(&plan);
	return 0;
}

/* A whole number of the file; absent: 0. */
static int number_of(const json_t *object, const char *key, json_int_t least, json_int_t most,
	json_int_t *out, char **error)
{
	const json_t *value = json_object_get(object, key);
	*out = json_integer_value(value);
	if (value && !json_is_null(value) && !json_is_integer(value))
		return error_set(error, "`%s` is no whole number", key);
	return *out >= least && *out <= most
		       ? 0
		       : error_set(error, "`%s` is %lld; it is a number from %lld to %lld", key,
				 (long long)*out, (long long)least, (long long)most);
}

/* Texts that are there are texts. */
static int check_texts(const json_t *object, const char *const keys[], char **error)
{
	for (; *keys; keys++) {
		const json_t *value = json_object_get(object, *keys);
		if (value && !json_is_null(value) && !json_is_string(value))
			return error_set(error, "`%s` is no text", *keys);
	}
	return 0;
}

int sweep_read(struct sweep *s, char **error)
{
	static const char *const texts[] = {"file", "plan", "engine", "partition", "time", "cpus", NULL};
	static const char *const of_run[] = {"only", "procedures", "backend", "clock", NULL};
	const json_t *run = json_object_get(s->file, "run");
	json_int_t slices, trials, seed, ignored;
	if (!json_is_object(s->file) || !text(s->file, "file") || !text(s->file, "plan") ||
		!json_is_object(run))
		return error_set(error, "it is no sweep's: `file`, `plan` or `run` is missing");
	if (check_texts(s->file, texts, error) < 0 || check_texts(run, of_run, error) < 0 ||
		number_of(s->file, "slices", 1, SWEEP_SLICES_MAX, &slices, error) < 0 ||
		number_of(s->file, "at_once", 0, SWEEP_SLICES_MAX, &ignored, error) < 0 ||
		number_of(run, "trials", 0, SWEEP_SLICES_MAX, &trials, error) < 0 ||
		number_of(run, "seed", 0, INT64_MAX, &seed, error) < 0 ||
		number_of(run, "jobs", -1, INT32_MAX, &ignored, error) < 0)
		return -1;
	/* It becomes a word of a command. */
	if (text(s->file, "file")[0] == '-')
		return error_set(error, "`file`, '%s', is no path", text(s->file, "file"));
	s->selection = (struct selection){.configurations = text(run, "only"),
		.procedures = text(run, "procedures"),
		.trials = (unsigned)trials,
		.seed = (uint64_t)seed};
	s->slices = (unsigned)slices;
	s->engine = text(s->file, "engine") && strcmp(text(s->file, "engine"), "slurm") == 0 ? SWEEP_SLURM
											     : SWEEP_LOCAL;
	return 0;
}

static int write_file(const struct sweep *s, char **error)
{
	char path[SWEEP_PATH];
	int fd = -1;
	snprintf(path, sizeof path, "%s/sweep.json", s->folder);
	char *content = json_dumps(s->file, JSON_INDENT(1));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int result =
		content && fd >= 0 && dprintf(fd, "%s\n", content) > 0 && fsync(fd) == 0
			? 0
			: error_set(error, "%s: %s", path,
				  errno == EEXIST
					  ? "there is a sweep already; go on with it by --resume, or name another folder"
					  : strerror(errno));
	if (fd >= 0)
		close(fd);
	free(content);
	return result;
}

static json_t *describe(const struct sweep_options *o, const struct experiment *e, const char *hash)
{
	const struct run_options *r = &o->run;
	char path[SWEEP_PATH];
	int64_t seed = r->seed >= 0 ? r->seed : (int64_t)e->seed;
	json_t *run = json_pack("{s:s?, s:s?, s:I, s:I, s:s, s:s, s:I}", "only", r->selection.configurations,
		"procedures", r->selection.procedures, "trials", (json_int_t)r->selection.trials, "seed",
		(json_int_t)seed, "backend", r->backend ? r->backend : e->backend, "clock",
		r->clock ? r->clock : experiment_clock_name(e->clock), "jobs", (json_int_t)r->jobs);
	return json_pack("{s:s, s:s, s:o, s:i, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:i}", "experiment", e->name,
		"file", realpath(e->path, path) ? path : e->path, "run", run, "slices", (int)o->slices,
		"plan", hash, "liquidnet", liquidnet_version, "engine",
		o->engine == SWEEP_SLURM ? "slurm" : "local", "partition", o->partition, "time", o->time,
		"cpus", o->cpus, "at_once", (int)o->at_once);
}

int sweep_create(struct sweep *s, const struct sweep_options *o, char **error)
{
	char hash[65];
	*s = (struct sweep){0};
	s->experiment = find_experiment(o->run.experiment, error);
	if (!s->experiment)
		return -1;
	struct selection selection = o->run.selection;
	selection.seed = o->run.seed >= 0 ? (uint64_t)o->run.seed : s->experiment->seed;
	if (hash_plan(s->experiment, &selection, hash, error) < 0)
		return -1;
	/* The last slice has something to do: so have the others. */
	struct plan last = {0};
	selection.slice = o->slices - 1;
	selection.slices = o->slices;
	int result = plan_make(&last, s->experiment, &selection, error);
	plan_free(&last);
	if (result < 0)
		return error_prefix(error, "--slices %u", o->slices);
	if (folders_make(o->folder, 0755, error) < 0)
		return -1;
	if (!realpath(o->folder, s->folder))
		return error_set(error, "%s: %s", o->folder, strerror(errno));
	s->file = describe(o, s->experiment, hash);
	return sweep_read(s, error) < 0 ? -1 : write_file(s, error);
}

int sweep_open(struct sweep *s, const char *folder, char **error)
{
	char path[SWEEP_PATH], hash[65];
	json_error_t why;
	*s = (struct sweep){0};
	if (!realpath(folder, s->folder))
		return error_set(error, "%s: %s; name the folder of a sweep", folder, strerror(errno));
	snprintf(path, sizeof path, "%s/sweep.json", s->folder);
	s->file = json_load_file(path, 0, &why);
	if (!s->file)
		return error_set(error, "%s: %s; name the folder of a sweep", path, why.text);
	if (sweep_read(s, error) < 0)
		return error_prefix(error, "%s", path);
	const char *file = text(s->file, "file"), *plan = text(s->file, "plan");
	s->experiment = find_experiment(file, error);
	if (!s->experiment || hash_plan(s->experiment, &s->selection, hash, error) < 0)
		return -1;
	return strcmp(hash, plan) == 0
		       ? 0
		       : error_set(error,
				 "%s has changed: its plan is not the one that the sweep of %s began with",
				 file, s->folder);
}

void sweep_close(struct sweep *s)
{
	json_decref(s->file);
	experiment_free(s->experiment);
	*s = (struct sweep){0};
}

int sweep_look(const struct sweep *s, unsigned slice, struct sweep_slice *found, char **error)
{
	char link[SWEEP_PATH], path[SWEEP_PATH];
	struct plan plan = {0};
	struct records records = {0};
	struct selection selection = s->selection;
	*found = (struct sweep_slice){0};
	selection.slice = slice;
	selection.slices = s->slices;
	if (plan_make(&plan, s->experiment, &selection, error) < 0)
		return -1;
	found->planned = plan.count;
	snprintf(link, sizeof link, "%s/slice-%u/%s/latest", s->folder, slice, s->experiment->name);
	int result = 0;
	if (realpath(link, path) && strlen(path) < sizeof found->results) {
		strcpy(found->results, path);
		strncat(path, "/trials.jsonl", sizeof path - strlen(path) - 1);
		if (access(path, R_OK) == 0 &&
			(result = records_load(&records, s->experiment, path, error)) == 0)
			resume_plan(&plan, &records);
	}
	found->good = plan_count(&plan, PLANNED_GOOD);
	records_free(&records);
	plan_free(&plan);
	return result;
}
