/* Records: reads trials.jsonl line by line. The file is appended to while a run lasts and may have been cut
 * off by a crash, or a full disk: a line that is no JSON object is left out and counted, any other fault is an error with its line. */
#include "harness/record/records.h"
#include "lib/base/error.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the reading of a line needs. */
struct place {
	struct records *records;
	const struct experiment *experiment;
	const char *path;
	unsigned line;
};

static const char *const status_names[] = {"valid", "suspect", "invalid", "failed"};

const char *trial_status_name(enum trial_status status)
{
	return status_names[status];
}

static const char *need_string(const struct place *place, const json_t *object, const char *key, char **error)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		error_set(error, "%s:%u: no `%s` in the record; the file was not written by this program",
			place->path, place->line, key);
	return text;
}

static int need_integer(
	const struct place *place, const json_t *object, const char *key, int64_t *value, char **error)
{
	const json_t *number = json_object_get(object, key);

	if (!json_is_integer(number))
		return error_set(
			error, "%s:%u: no whole number `%s` in the record", place->path, place->line, key);
	*value = json_integer_value(number);
	return 0;
}

static int unknown(const struct place *place, const char *what, const char *name, char **error)
{
	return error_set(error, "%s:%u: %s `%s` is not in %s; read the folder with its own experiment.yaml",
		place->path, place->line, what, name, place->experiment->path);
}

static int read_names(const struct place *place, const json_t *object, struct record *record, char **error)
{
	const struct experiment *experiment = place->experiment;
	const char *configuration = need_string(place, object, "configuration", error);
	const char *procedure = configuration ? need_string(place, object, "procedure", error) : NULL;
	const char *status = procedure ? need_string(place, object, "status", error) : NULL;
	size_t c = 0, p = 0, s = 0;

	if (!status)
		return -1;
	while (c < experiment->configurations_count &&
		strcmp(experiment->configurations[c].name, configuration))
		c++;
	if (c == experiment->configurations_count)
		return unknown(place, "configuration", configuration, error);
	while (p < experiment->procedures_count && strcmp(experiment->procedures[p].name, procedure))
		p++;
	if (p == experiment->procedures_count)
		return unknown(place, "procedure", procedure, error);
	while (s < 4 && strcmp(status_names[s], status))
		s++;
	if (s == 4)
		return error_set(error, "%s:%u: status `%s`; known: valid, suspect, invalid, failed",
			place->path, place->line, status);
	record->configuration = c;
	record->procedure = p;
	record->status = (enum trial_status)s;
	return 0;
}

/* The reasons as one text. */
static char *join_reasons(const json_t *reasons)
{
	char *text = NULL;
	size_t length, i;
	json_t *reason;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	json_array_foreach(reasons, i, reason) {
		const char *words = json_string_value(reason);
		fprintf(out, "%s%s", i ? "; " : "", words ? words : "(not a text)");
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* A primary measure that is missing makes a trial that would count a failed one: never a hole in a mean. */
static int read_measures(const struct place *place, const json_t *object, struct record *record)
{
	const struct experiment *experiment = place->experiment;
	const json_t *measures = json_object_get(object, "measures");

	record->measures = calloc(experiment->measures_count, sizeof *record->measures);
	record->reasons = join_reasons(json_object_get(object, "reasons"));
	if (!record->measures || !record->reasons)
		return -1;
	for (size_t i = 0; i < experiment->measures_count; i++) {
		const json_t *value = json_object_get(measures, experiment->measures[i].name);
		record->measures[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	const char *primary = experiment->measures[experiment->primary].name;
	if (record->status <= TRIAL_SUSPECT && isnan(record->measures[experiment->primary])) {
		free(record->reasons);
		if (asprintf(&record->reasons, "recorded as %s without its measure `%s`",
			    trial_status_name(record->status), primary) < 0) {
			record->reasons = NULL;
			return -1;
		}
		record->status = TRIAL_FAILED;
	}
	return 0;
}

/* The samples of a measure of samples, one by one: a sample that is no number would be a hole in a quantile. */
static int read_list(const struct place *place, const struct measure *measure, const json_t *list,
	struct sample_list *samples, char **error)
{
	size_t count = json_array_size(list), i;
	json_t *one;

	if (list && !json_is_array(list))
		return error_set(error, "%s:%u: the samples of `%s` are no list", place->path, place->line,
			measure->name);
	double *values = calloc(count + 1, sizeof *values);
	samples->values = values;
	if (!values)
		return error_set(error, "out of memory");
	json_array_foreach(list, i, one) {
		if (!json_is_number(one))
			return error_set(error, "%s:%u: sample %zu of `%s` is no number", place->path,
				place->line, i + 1, measure->name);
		values[samples->count++] = json_number_value(one);
	}
	return 0;
}

static int read_samples(const struct place *place, const json_t *object, struct record *record, char **error)
{
	const struct experiment *experiment = place->experiment;
	const json_t *samples = json_object_get(object, "samples");

	if (samples && !json_is_object(samples))
		return error_set(
			error, "%s:%u: `samples` is no mapping of measures", place->path, place->line);
	record->samples = calloc(experiment->measures_count, sizeof *record->samples);
	if (!record->samples)
		return error_set(error, "out of memory");
	for (size_t i = 0; i < experiment->measures_count; i++) {
		const struct measure *measure = &experiment->measures[i];
		if (measure->kind == MEASURE_SAMPLES &&
			read_list(place, measure, json_object_get(samples, measure->name),
				&record->samples[i], error) < 0)
			return -1;
	}
	return 0;
}

/* The lasting copy of a node's name. NULL: out of memory. */
static const char *node_name(const struct place *place, const char *name)
{
	const struct topology *topology = place->experiment->topology;
	struct records *records = place->records;

	for (size_t i = 0; topology && i < topology->nodes_count; i++)
		if (!strcmp(topology->nodes[i], name))
			return topology->nodes[i];
	for (size_t i = 0; i < records->names_count; i++)
		if (!strcmp(records->names[i], name))
			return records->names[i];
	char **names = reallocarray(records->names, records->names_count + 1, sizeof *names);
	if (!names)
		return NULL;
	records->names = names;
	if (!(names[records->names_count] = strdup(name)))
		return NULL;
	return names[records->names_count++];
}

static int add_series(struct record_subflow *subflow, const json_t *series)
{
	size_t count = json_array_size(series), i;
	json_t *bytes;

	if (count > subflow->series_count) {
		double *longer = reallocarray(subflow->series, count, sizeof *longer);
		if (!longer)
			return -1;
		subflow->series = longer;
		while (subflow->series_count < count)
			longer[subflow->series_count++] = 0;
	}
	json_array_foreach(series, i, bytes)
		subflow->series[i] += json_number_value(bytes);
	return 0;
}

static int read_subflows(const struct place *place, const json_t *object, struct record *record, char **error)
{
	const json_t *subflows = json_object_get(object, "subflows"), *subflow;
	size_t i;

	const json_t *step = json_object_get(object, "series_step_s");
	record->series_step_s = json_number_value(step) > 0 ? json_number_value(step) : NAN;
	record->subflows = calloc(json_array_size(subflows) + 1, sizeof *record->subflows);
	if (!record->subflows)
		return error_set(error, "out of memory");
	json_array_foreach(subflows, i, subflow) {
		const char *name = need_string(place, subflow, "node", error);
		int64_t bytes = 0;
		if (!name || need_integer(place, subflow, "unique_bytes", &bytes, error) < 0)
			return -1;
		const char *node = node_name(place, name);
		if (!node)
			return error_set(error, "out of memory");
		size_t at = 0;
		while (at < record->subflows_count && record->subflows[at].node != node)
			at++;
		if (at == record->subflows_count)
			record->subflows[record->subflows_count++].node = node;
		record->subflows[at].unique_bytes += (double)bytes;
		if (add_series(&record->subflows[at], json_object_get(subflow, "series_bytes")) < 0)
			return error_set(error, "out of memory");
	}
	return 0;
}

static void free_record(struct record *record, size_t measures)
{
	free(record->reasons);
	free(record->measures);
	for (size_t i = 0; record->samples && i < measures; i++)
		free((void *)record->samples[i].values);
	free(record->samples);
	for (size_t i = 0; i < record->subflows_count; i++)
		free(record->subflows[i].series);
	free(record->subflows);
}

static int read_record(const struct place *place, const json_t *object, struct record *record, char **error)
{
	record->line = place->line;
	if (read_names(place, object, record, error) < 0 ||
		need_integer(place, object, "repeat", &record->repeat, error) < 0 ||
		need_integer(place, object, "attempt", &record->attempt, error) < 0)
		return -1;
	if (read_measures(place, object, record) < 0)
		return error_set(error, "out of memory");
	if (read_samples(place, object, record, error) < 0)
		return -1;
	return read_subflows(place, object, record, error);
}

/* One line. 0, or -1 with *error and *broken: the line is no JSON object at all. */
static int read_line(const struct place *place, const char *text, size_t length, bool *broken, char **error)
{
	struct records *records = place->records;
	json_error_t why;
	json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);

	*broken = !json_is_object(object);
	if (*broken) {
		error_set(error, "%s:%u: not a record: %s", place->path, place->line,
			object ? "a JSON object is expected" : why.text);
		json_decref(object);
		return -1;
	}
	int result = -1;
	struct record *items = reallocarray(records->items, records->count + 1, sizeof *items);
	if (items) {
		records->items = items;
		memset(&items[records->count], 0, sizeof *items);
		result = read_record(place, object, &items[records->count++], error);
	} else {
		error_set(error, "out of memory");
	}
	json_decref(object);
	return result;
}

static int read_lines(struct place *place, FILE *file, char **error)
{
	char *text = NULL, *fault = NULL;
	size_t room = 0;
	ssize_t length;
	int result = 0;

	while (result == 0 && (length = getline(&text, &room, file)) >= 0) {
		bool ended = text[length - 1] == '\n', broken;
		place->line++;
		if (strspn(text, " \t\r\n") == (size_t)length)
			continue;
		result = read_line(place, text, (size_t)length, &broken, &fault);
		if (result == 0 || !broken)
			continue;
		if (!ended) /* cut off in the middle: the crash's trial */
			place->records->torn = true;
		else if (place->records->broken++ == 0)
			place->records->broken_line = place->line;
		result = 0;
	}
	if (result == 0 && place->records->broken && place->records->count == 0)
		result = -1;
	if (result < 0)
		error_set(error, "%s", fault ? fault : "out of memory");
	else if (ferror(file))
		result = error_set(error, "%s: cannot be read: %m", place->path);
	free(fault);
	free(text);
	return result;
}

static int record_order(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->configuration != y->configuration)
		return x->configuration < y->configuration ? -1 : 1;
	if (x->procedure != y->procedure)
		return x->procedure < y->procedure ? -1 : 1;
	if (x->repeat != y->repeat)
		return x->repeat < y->repeat ? -1 : 1;
	if (x->attempt != y->attempt)
		return x->attempt < y->attempt ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

static void mark_last(struct records *records)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *next = i + 1 < records->count ? &records->items[i + 1] : NULL;
		struct record *record = &records->items[i];
		record->last = !next || next->configuration != record->configuration ||
			       next->procedure != record->procedure || next->repeat != record->repeat;
	}
}

int records_load(struct records *records, const struct experiment *experiment, const char *path, char **error)
{
	struct place place = {records, experiment, path, 0};
	FILE *file = fopen(path, "re");

	*records = (struct records){.measures_count = experiment->measures_count};
	if (!file)
		return error_set(error, "%s: %m; name a folder results/EXPERIMENT/TIME", path);
	int result = read_lines(&place, file, error);
	fclose(file);
	if (result < 0)
		return -1;
	if (records->count)
		qsort(records->items, records->count, sizeof *records->items, record_order);
	mark_last(records);
	return 0;
}

void records_free(struct records *records)
{
	for (size_t i = 0; i < records->count; i++)
		free_record(&records->items[i], records->measures_count);
	free(records->items);
	for (size_t i = 0; i < records->names_count; i++)
		free(records->names[i]);
	free(records->names);
	memset(records, 0, sizeof *records);
}
