/* Collect: see the header. The folder is made beside the old one and takes its place when it is whole. */
#include "harness/run/collect.h"

#include "harness/experiment/companions.h"
#include "harness/machine/project.h"
#include "harness/record/differences.h"
#include "harness/record/inputs.h"
#include "lib/base/error.h"
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gathering {
	const struct sweep *sweep;
	struct collected *collected;
	char folder[4200];             /* that is being made */
	char first[4200];              /* the first slice's results */
	struct experiment *experiment; /* that slice's copy */
	json_t *provenance;            /* the first slice's */
	json_t *machines;              /* [{kernel, cpu, slices: [...]}] */
	json_t *seen;                  /* trials that have been met */
	FILE *records;
};

static json_t *load(const char *folder, const char *name, char **error)
{
	char path[SWEEP_PATH];
	json_error_t why;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	json_t *json = json_load_file(path, 0, &why);
	if (!json)
		error_set(error, "%s: %s", path, why.text);
	return json;
}

static int differ(const char *folder, const char *what, const json_t *then, const json_t *now, char **error)
{
	char *line = NULL;
	size_t count = differences_list(then, now, &line, 1);
	int result =
		count ? error_set(error, "%s: another %s than in the first slice: %s", folder, what, line)
		      : 0;
	free(line);
	return result;
}

static const json_t *environment(const json_t *provenance, const char *key)
{
	return json_object_get(json_object_get(provenance, "environment"), key);
}

/* The same experiment, options and version. */
static int check_slice(const struct gathering *g, const char *folder, const json_t *provenance, char **error)
{
	char a[SWEEP_PATH], b[SWEEP_PATH];
	json_t *then = sweep_common(json_object_get(g->provenance, "run")),
	       *now = sweep_common(json_object_get(provenance, "run"));
	int result = differ(folder, "selection", then, now, error);
	json_decref(then);
	json_decref(now);
	if (result < 0 || differ(folder, "liquidnet", environment(g->provenance, "liquidnet"),
				  environment(provenance, "liquidnet"), error) < 0)
		return -1;
	const char *slash = g->experiment->base_path ? strrchr(g->experiment->base_path, '/') : NULL;
	const char *const files[] = {"experiment.yaml", slash ? slash + 1 : NULL};
	for (size_t i = 0; i < 2 && files[i]; i++) {
		snprintf(a, sizeof a, "%s/%s", g->first, files[i]);
		snprintf(b, sizeof b, "%s/%s", folder, files[i]);
		if (!companions_equal(a, b))
			return error_set(error, "%s is not %s", b, a);
	}
	return companions_check_copies(g->experiment, folder, error);
}

/* The machine of a slice among those met; a new one is added. Returns its name. */
static const char *machine_of(struct gathering *g, const json_t *provenance, unsigned slice)
{
	const char *kernel = json_string_value(json_object_get(environment(provenance, "kernel"), "release")),
		   *cpu = json_string_value(json_object_get(environment(provenance, "machine"), "cpu"));
	json_t *one;
	size_t i;
	kernel = kernel ? kernel : "?";
	cpu = cpu ? cpu : "?";
	json_array_foreach(g->machines, i, one)
		if (strcmp(json_string_value(json_object_get(one, "kernel")), kernel) == 0 &&
			strcmp(json_string_value(json_object_get(one, "cpu")), cpu) == 0)
			break;
	if (i == json_array_size(g->machines)) {
		char name[32];
		snprintf(name, sizeof name, "machine %zu", i + 1);
		json_array_append_new(g->machines, json_pack("{s:s, s:s, s:s, s:[]}", "name", name, "kernel",
							   kernel, "cpu", cpu, "slices"));
	}
	one = json_array_get(g->machines, i);
	json_array_append_new(json_object_get(one, "slices"), json_integer(slice));
	return json_string_value(json_object_get(one, "name"));
}

/* "p000 autotuned-4m 1": the same trial is in one slice only. */
static int note_trial(
	struct gathering *g, const char *folder, const json_t *record, unsigned slice, char **error)
{
	char name[512];
	const char *configuration = json_string_value(json_object_get(record, "configuration")),
		   *procedure = json_string_value(json_object_get(record, "procedure"));
	snprintf(name, sizeof name, "%s %s %lld", configuration ? configuration : "?",
		procedure ? procedure : "?",
		(long long)json_integer_value(json_object_get(record, "repeat")));
	const json_t *other = json_object_get(g->seen, name);
	if (other && json_integer_value(other) != (json_int_t)slice)
		return error_set(error, "%s: trial %s is in slice %lld too", folder, name,
			(long long)json_integer_value(other));
	json_object_set_new(g->seen, name, json_integer(slice));
	return 0;
}

static int copy_records(
	struct gathering *g, const char *folder, unsigned slice, const char *machine, char **error)
{
	char path[SWEEP_PATH], *line = NULL;
	size_t room = 0;
	int result = 0;
	snprintf(path, sizeof path, "%s/trials.jsonl", folder);
	FILE *in = fopen(path, "re");
	if (!in)
		return error_set(error, "%s: %s", path, strerror(errno));
	for (ssize_t n; result == 0 && (n = getline(&line, &room, in)) > 0;) {
		if (line[n - 1] != '\n')
			break; /* being written, or cut off by a crash */
		json_t *record = json_loads(line, 0, NULL);
		if (!record) {
			result = error_set(error, "%s: a line is no record", path);
			break;
		}
		json_object_set_new(record, "slice", json_integer(slice));
		json_object_set_new(record, "machine", json_string(machine));
		result = note_trial(g, folder, record, slice, error);
		char *text = json_dumps(record, JSON_COMPACT);
		if (result == 0 && (!text || fprintf(g->records, "%s\n", text) < 0))
			result = error_set(error, "%s: %s", g->folder, strerror(errno));
		free(text);
		json_decref(record);
		g->collected->trials++;
	}
	free(line);
	fclose(in);
	return result;
}

static int copy_text(const char *from, const char *to, char **error)
{
	char buffer[65536];
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "we") : NULL;
	size_t n = 0;
	while (out && (n = fread(buffer, 1, sizeof buffer, in)) > 0 && fwrite(buffer, 1, n, out) == n)
		;
	bool good = out && n == 0 && !ferror(in);
	if (in)
		fclose(in);
	if (out && fclose(out) != 0)
		good = false;
	return good ? 0 : error_set(error, "copying %s to %s: %s", from, to, strerror(errno));
}

/* The experiment and what belongs to it, of the first slice. */
static int copy_inputs(struct gathering *g, char **error)
{
	char from[SWEEP_PATH], to[SWEEP_PATH];
	const char *slash = g->experiment->base_path ? strrchr(g->experiment->base_path, '/') : NULL;
	const char *const files[] = {"experiment.yaml", slash ? slash + 1 : NULL};
	for (size_t i = 0; i < 2 && files[i]; i++) {
		snprintf(from, sizeof from, "%s/%s", g->first, files[i]);
		snprintf(to, sizeof to, "%s/%s", g->folder, files[i]);
		if (copy_text(from, to, error) < 0)
			return -1;
	}
	return companions_copy(g->experiment, g->folder, error) < 0 ||
			       inputs_copy_published(g->experiment, project_root(), g->folder, error) < 0
		       ? -1
		       : 0;
}

static int begin(struct gathering *g, const char *folder, json_t *provenance, char **error)
{
	char path[SWEEP_PATH];
	snprintf(g->first, sizeof g->first, "%s", folder);
	snprintf(path, sizeof path, "%s/experiment.yaml", folder);
	g->experiment = experiment_load(project_root(), path, error);
	if (!g->experiment || copy_inputs(g, error) < 0)
		return -1;
	g->provenance = json_incref(provenance);
	snprintf(path, sizeof path, "%s/trials.jsonl", g->folder);
	g->records = fopen(path, "we");
	return g->records ? 0 : error_set(error, "%s: %s", path, strerror(errno));
}

static int gather(struct gathering *g, unsigned slice, char **error)
{
	struct sweep_slice found;
	char path[SWEEP_PATH], target[SWEEP_PATH];
	if (sweep_look(g->sweep, slice, &found, error) < 0)
		return -1;
	if (!*found.results)
		return 0;
	json_t *provenance = load(found.results, "provenance.json", error);
	if (!provenance)
		return -1;
	int result = g->experiment ? 0 : begin(g, found.results, provenance, error);
	if (result == 0 && check_slice(g, found.results, provenance, error) == 0)
		result = copy_records(g, found.results, slice, machine_of(g, provenance, slice), error);
	else
		result = -1;
	json_decref(provenance);
	/* The trials' folders stay where they are. */
	snprintf(path, sizeof path, "%s/slice-%u", g->folder, slice);
	snprintf(target, sizeof target, "..%s", found.results + strlen(g->sweep->folder));
	if (result == 0 && symlink(target, path) < 0)
		result = error_set(error, "%s: %s", path, strerror(errno));
	g->collected->slices++;
	return result;
}

/* The first slice's, as if all had been one run. */
static int write_provenance(struct gathering *g, char **error)
{
	char path[SWEEP_PATH];
	json_t *run = json_object_get(g->provenance, "run"), *cells = json_array();
	struct plan plan = {0};
	struct selection all = g->sweep->selection;
	if (plan_make(&plan, g->sweep->experiment, &all, error) < 0) {
		json_decref(cells);
		return -1;
	}
	json_object_del(run, "slice");
	json_t *met = json_object();
	for (size_t i = 0; i < plan.count; i++) {
		char name[512];
		snprintf(name, sizeof name, "%s/%s",
			g->sweep->experiment->configurations[plan.trials[i].configuration].name,
			g->sweep->experiment->procedures[plan.trials[i].procedure].name);
		if (!json_object_get(met, name))
			json_array_append_new(cells, json_string(name));
		json_object_set_new(met, name, json_true());
	}
	json_object_set_new(g->provenance, "cells", cells);
	json_object_set_new(g->provenance, "trials", json_integer((json_int_t)plan.count));
	json_object_set(g->provenance, "machines", g->machines);
	json_object_set(g->provenance, "sweep", g->sweep->file);
	json_decref(met);
	plan_free(&plan);
	snprintf(path, sizeof path, "%s/provenance.json", g->folder);
	return json_dump_file(g->provenance, path, JSON_INDENT(1)) == 0
		       ? 0
		       : error_set(error, "%s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static void remove_all(const char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int take_its_place(struct gathering *g, char **error)
{
	snprintf(g->collected->folder, sizeof g->collected->folder, "%s/collected", g->sweep->folder);
	remove_all(g->collected->folder);
	return rename(g->folder, g->collected->folder) == 0
		       ? 0
		       : error_set(error, "%s: %s", g->collected->folder, strerror(errno));
}

int collect_slices(const struct sweep *sweep, struct collected *collected, char **error)
{
	struct gathering g = {
		.sweep = sweep, .collected = collected, .machines = json_array(), .seen = json_object()};
	*collected = (struct collected){0};
	snprintf(g.folder, sizeof g.folder, "%s/.collected-%d", sweep->folder, getpid());
	int result = mkdir(g.folder, 0755) == 0 ? 0 : error_set(error, "%s: %s", g.folder, strerror(errno));
	for (unsigned k = 0; result == 0 && k < sweep->slices; k++)
		result = gather(&g, k, error);
	if (result == 0 && !g.records)
		result = error_set(error, "%s: no slice has begun", sweep->folder);
	if (g.records && fclose(g.records) != 0 && result == 0)
		result = error_set(error, "%s: %s", g.folder, strerror(errno));
	if (result == 0)
		result = write_provenance(&g, error);
	if (result == 0)
		result = take_its_place(&g, error);
	else
		remove_all(g.folder);
	collected->machines = json_array_size(g.machines);
	experiment_free(g.experiment);
	json_decref(g.provenance);
	json_decref(g.machines);
	json_decref(g.seen);
	return result;
}
