/* Collect: see the header. The folder is made beside the old one and takes its place when it is whole. */
#include "harness/run/collect.h"

#include "harness/experiment/companions.h"
#include "harness/machine/project.h"
#include "harness/record/inputs.h"
#include "harness/run/gather.h"
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
	struct gather *gather;
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

/* The same experiment. */
static int check_files(const struct gathering *g, const char *folder, char **error)
{
	char a[SWEEP_PATH], b[SWEEP_PATH];
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

static int copy_records(struct gathering *g, const char *folder, char **error)
{
	char path[SWEEP_PATH];
	snprintf(path, sizeof path, "%s/trials.jsonl", folder);
	FILE *in = fopen(path, "re");
	if (!in)
		return error_set(error, "%s: %s", path, strerror(errno));
	int result = gather_records(g->gather, in, g->records, error);
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
	if (result < 0 || gather_slice(g->gather, slice, found.results, provenance, error) < 0 ||
		check_files(g, found.results, error) < 0 || copy_records(g, found.results, error) < 0)
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
	json_object_set(g->provenance, "machines", gather_machines(g->gather));
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
	struct gathering g = {.sweep = sweep, .collected = collected, .gather = gather_new()};
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
	collected->machines = json_array_size(gather_machines(g.gather));
	collected->trials = gather_trials(g.gather);
	experiment_free(g.experiment);
	json_decref(g.provenance);
	gather_free(g.gather);
	return result;
}
