/* Resume: what makes two starts one run. */
#include "harness/experiment/companions.h"
#include "harness/record/differences.h"
#include "harness/record/provenance.h"
#include "harness/run/executor.h"
#include "harness/run/run.h"
#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *load_provenance(const char *folder, char **error)
{
	char path[PATH_MAX];
	json_error_t why;
	snprintf(path, sizeof path, "%s/provenance.json", folder);
	json_t *provenance = json_load_file(path, 0, &why);
	if (!provenance)
		error_set(error, "%s: %s; name a folder results/EXPERIMENT/TIME", path, why.text);
	return provenance;
}

/* NULL in JSON is NULL here: not said. */
static const char *text(const json_t *run, const char *key)
{
	return json_string_value(json_object_get(run, key));
}

int resume_options(struct run_options *o, const json_t *provenance, const char *folder, char **error)
{
	const json_t *run = json_object_get(provenance, "run");
	if (!json_is_object(run))
		return error_set(
			error, "%s/provenance.json does not say how the run was started (no `run`)", folder);
	o->selection.configurations = text(run, "only");
	o->selection.procedures = text(run, "procedures");
	o->selection.trials = (unsigned)json_integer_value(json_object_get(run, "trials"));
	const json_t *slice = json_object_get(run, "slice");
	o->selection.slice = (unsigned)json_integer_value(json_object_get(slice, "number"));
	o->selection.slices = (unsigned)json_integer_value(json_object_get(slice, "of"));
	o->seed = json_integer_value(json_object_get(run, "seed"));
	o->backend = text(run, "backend");
	o->clock = text(run, "clock");
	o->until = json_number_value(json_object_get(run, "until"));
	if (!o->jobs)
		o->jobs = json_integer_value(json_object_get(run, "jobs"));
	return 0;
}

static bool other_text(const char *given, const char *then)
{
	return given && (!then || strcmp(given, then) != 0);
}

/* An option that is repeated must say the same; how many run at once may change. */
static int check_options(const struct run_options *given, const struct run_options *then, char **error)
{
	const char *differs = NULL;
	if (other_text(given->selection.configurations, then->selection.configurations))
		differs = "--only";
	if (other_text(given->selection.procedures, then->selection.procedures))
		differs = "--procedures";
	if (given->selection.trials && given->selection.trials != then->selection.trials)
		differs = "--trials";
	if (given->selection.slices && (given->selection.slices != then->selection.slices ||
					       given->selection.slice != then->selection.slice))
		differs = "--slice";
	if (given->seed >= 0 && given->seed != then->seed)
		differs = "--seed";
	if (other_text(given->backend, then->backend))
		differs = "--backend";
	if (other_text(given->clock, then->clock))
		differs = "--clock";
	if (given->until > 0 && given->until != then->until)
		differs = "--until";
	if (!differs)
		return 0;
	return error_set(error,
		"%s: %s is not what that run was started with; leave it out, or start a new run",
		then->folder, differs);
}

static char *slurp(const char *path)
{
	char *content = NULL;
	size_t size = 0;
	FILE *in = fopen(path, "re");
	if (in && getdelim(&content, &size, 0, in) < 0) {
		free(content);
		content = NULL;
	}
	if (in)
		fclose(in);
	return content;
}

static int check_copy(const char *folder, const char *copy, const char *now, char **error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, copy);
	char *a = slurp(path), *b = slurp(now);
	int result =
		a && b && strcmp(a, b) == 0
			? 0
			: error_set(error,
				  "%s has changed since that run began (%s is its copy): start a new run, or go on with %s/experiment.yaml",
				  now, path, folder);
	free(a);
	free(b);
	return result;
}

static int check_inputs(const struct experiment *e, const char *folder, char **error)
{
	if (check_copy(folder, "experiment.yaml", e->path, error) < 0)
		return -1;
	const char *slash = e->base_path ? strrchr(e->base_path, '/') : NULL;
	if (e->base_path && check_copy(folder, slash ? slash + 1 : e->base_path, e->base_path, error) < 0)
		return -1;
	return companions_check_copies(e, folder, error);
}

/* What must be the same: version, kernel, tools, processors. The host's sysctls are only recorded: other runs
 * and modules that are loaded change them, and what an experiment needs of them it says under `host`. The
 * memory that a kernel finds differs from boot to boot. */
static json_t *what_binds(const json_t *environment)
{
	json_t *copy = json_deep_copy(environment);
	json_object_del(copy, "host_sysctls");
	json_object_del(json_object_get(copy, "machine"), "memory_bytes");
	return copy;
}

static int check_environment(
	const struct experiment *e, const struct run_options *then, const json_t *provenance, char **error)
{
	json_t *environment = executor_of(run_clock(then, e))->environment(e, NULL, error);
	if (!environment)
		return -1;
	json_t *now = what_binds(environment), *was = what_binds(json_object_get(provenance, "environment"));
	char *first = NULL;
	size_t count = differences_list(was, now, &first, 1);
	json_decref(environment);
	json_decref(was);
	json_decref(now);
	int result =
		count ? error_set(error,
				"%s: that run had another environment (%s); start a new run, and compare the two",
				then->folder, first)
		      : 0;
	free(first);
	return result;
}

int resume_check(const struct experiment *e, struct run_options *o, json_t **provenance, char **error)
{
	struct run_options then = {.jobs = o->jobs, .folder = o->folder};
	*provenance = load_provenance(o->folder, error);
	if (*provenance && text(json_object_get(*provenance, "run"), "hosts"))
		return error_set(error, "%s: that run was on hosts; such a run is begun anew", o->folder);
	if (!*provenance || resume_options(&then, *provenance, o->folder, error) < 0 ||
		check_options(o, &then, error) < 0 || check_inputs(e, o->folder, error) < 0 ||
		check_environment(e, &then, *provenance, error) < 0)
		return -1;
	o->selection = then.selection;
	o->seed = then.seed;
	o->backend = then.backend;
	o->clock = then.clock;
	o->until = then.until;
	o->jobs = then.jobs;
	return 0;
}

static const struct record *last_record(const struct records *records, const struct planned *planned)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *r = &records->items[i];
		if (r->last && r->configuration == planned->configuration &&
			r->procedure == planned->procedure && r->repeat == planned->repeat)
			return r;
	}
	return NULL;
}

void resume_plan(struct plan *plan, const struct records *records)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct planned *p = &plan->trials[i];
		const struct record *r = last_record(records, p);
		if (!r)
			continue;
		p->attempts = (unsigned)r->attempt;
		p->state = r->status <= TRIAL_SUSPECT ? PLANNED_GOOD : PLANNED_OPEN;
	}
}
