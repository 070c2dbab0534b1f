/* Gather; see the header. */
#include "harness/run/gather.h"

#include "harness/record/differences.h"
#include "harness/run/sweep.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct gather {
	json_t *first;    /* provenance of the first slice */
	json_t *machines; /* [{name, kernel, cpu, slices: [...]}] */
	json_t *seen;     /* trials that have been met, and in which slice */
	size_t trials;
	/* The slice at hand. */
	unsigned slice;
	char *name;
	const char *machine; /* of `machines` */
};

struct gather *gather_new(void)
{
	struct gather *g = calloc(1, sizeof *g);
	if (!g || !(g->machines = json_array()) || !(g->seen = json_object()))
		abort();
	return g;
}

void gather_free(struct gather *g)
{
	if (!g)
		return;
	json_decref(g->first);
	json_decref(g->machines);
	json_decref(g->seen);
	free(g->name);
	free(g);
}

json_t *gather_machines(const struct gather *g)
{
	return g->machines;
}

size_t gather_trials(const struct gather *g)
{
	return g->trials;
}

static int differ(const char *name, const char *what, const json_t *then, const json_t *now, char **error)
{
	char *line = NULL;
	size_t count = differences_list(then, now, &line, 1);
	int result =
		count ? error_set(error, "%s: another %s than in the first slice: %s", name, what, line) : 0;
	free(line);
	return result;
}

static const json_t *environment(const json_t *provenance, const char *key)
{
	return json_object_get(json_object_get(provenance, "environment"), key);
}

/* The same options and version. */
static int check_slice(const struct gather *g, const json_t *provenance, char **error)
{
	json_t *then = sweep_common(json_object_get(g->first, "run")),
	       *now = sweep_common(json_object_get(provenance, "run"));
	int result = differ(g->name, "selection", then, now, error);
	json_decref(then);
	json_decref(now);
	return result < 0 ? -1
			  : differ(g->name, "liquidnet", environment(g->first, "liquidnet"),
				    environment(provenance, "liquidnet"), error);
}

/* The machine of a slice among those met; a new one is added. Returns its name. */
static const char *machine_of(struct gather *g, const json_t *provenance)
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
	json_array_append_new(json_object_get(one, "slices"), json_integer(g->slice));
	return json_string_value(json_object_get(one, "name"));
}

int gather_slice(struct gather *g, unsigned slice, const char *name, const json_t *provenance, char **error)
{
	free(g->name);
	g->name = strdup(name);
	if (!g->name)
		abort();
	g->slice = slice;
	if (!g->first)
		g->first = json_incref((json_t *)provenance);
	if (check_slice(g, provenance, error) < 0)
		return -1;
	g->machine = machine_of(g, provenance);
	return 0;
}

/* "p000 autotuned-4m 1": the same trial is in one slice only. */
static int note_trial(struct gather *g, const json_t *record, char **error)
{
	const char *configuration = json_string_value(json_object_get(record, "configuration")),
		   *procedure = json_string_value(json_object_get(record, "procedure"));
	char *name = NULL;
	if (asprintf(&name, "%s %s %lld", configuration ? configuration : "?", procedure ? procedure : "?",
		    (long long)json_integer_value(json_object_get(record, "repeat"))) < 0)
		abort();
	const json_t *other = json_object_get(g->seen, name);
	int result = 0;
	if (other && json_integer_value(other) != (json_int_t)g->slice)
		result = error_set(error, "%s: trial %s is in slice %lld too", g->name, name,
			(long long)json_integer_value(other));
	json_object_set_new(g->seen, name, json_integer(g->slice));
	free(name);
	return result;
}

static int take_record(struct gather *g, const char *line, size_t length, FILE *out, char **error)
{
	json_t *record = json_loadb(line, length, 0, NULL);
	if (!json_is_object(record)) {
		json_decref(record);
		return error_set(error, "%s: a line is no record", g->name);
	}
	json_object_set_new(record, "slice", json_integer(g->slice));
	json_object_set_new(record, "machine", json_string(g->machine));
	int result = note_trial(g, record, error);
	char *text = json_dumps(record, JSON_COMPACT);
	if (result == 0 && (!text || fprintf(out, "%s\n", text) < 0))
		result = error_set(error, "writing the records of %s: %s", g->name, strerror(errno));
	free(text);
	json_decref(record);
	g->trials++;
	return result;
}

int gather_records(struct gather *g, FILE *in, FILE *out, char **error)
{
	char *line = NULL;
	size_t room = 0;
	int result = 0;
	for (ssize_t n; result == 0 && (n = getline(&line, &room, in)) > 0;) {
		if (line[n - 1] != '\n')
			break; /* being written, or cut off by a crash */
		result = take_record(g, line, (size_t)n, out, error);
	}
	free(line);
	return result;
}
