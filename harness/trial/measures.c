/* Measures: a table of kinds, as experiment/measures.c has one. What programs print is read once per program. */
#include "harness/trial/measures.h"

#include "harness/record/quantiles.h"
#include "harness/trial/datagrams.h"
#include "harness/trial/flows.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 1000000
#define CLOCK_STEP_S 0.001 /* of the times that tools print */

json_t *measure_path(json_t *value, const char *path)
{
	char name[128];
	if (strcmp(path, ".") == 0)
		return value;
	while (value && *path) {
		size_t length = strcspn(path, ".");
		if (length == 0 || length >= sizeof name)
			return NULL;
		memcpy(name, path, length);
		name[length] = 0;
		value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
					     : json_object_get(value, name);
		path += length + (path[length] == '.');
	}
	return value;
}

static int take_number(json_t *from, const char *path, double *value, char **error)
{
	json_t *found = measure_path(from, path);
	if (!json_is_number(found))
		return error_set(error, "its output has no number at `%s`", path);
	*value = json_number_value(found);
	return 0;
}

/* The object that holds what a dotted path names: of "sum.bytes" that of "sum". */
static json_t *holder(json_t *item, const char *path)
{
	char parent[128] = ".";
	const char *dot = strrchr(path, '.');
	if (dot && (size_t)(dot - path) < sizeof parent)
		snprintf(parent, sizeof parent, "%.*s", (int)(dot - path), path);
	return measure_path(item, parent);
}

/* What a tool says of an item beside its numbers, as iperf3 does: `omitted`, it belongs to the time that is not
 * to count (-O), whose clock is another one; `seconds`, how long it lasted. A server of iperf3 gives the first item
 * after the omitted time a start of the old clock and an end of the new one: nobody knows when that was. */
static bool left_out(const struct measure *m, json_t *item, const struct measure_item *one)
{
	json_t *seconds = json_object_get(holder(item, m->to), "seconds");
	return json_is_true(json_object_get(holder(item, m->amount), "omitted")) ||
	       (json_is_number(seconds) &&
		       fabs(json_number_value(seconds) - (one->to - one->from)) > CLOCK_STEP_S);
}

static int by_start(const void *a, const void *b)
{
	const struct measure_item *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* A second that is counted twice is a wrong number, whatever it was meant to be. */
static int refuse_overlaps(const struct measure *m, struct measure_item *items, size_t count, char **error)
{
	qsort(items, count, sizeof *items, by_start);
	for (size_t i = 1; i < count; i++)
		if (items[i].from < items[i - 1].to - CLOCK_STEP_S)
			return error_set(error,
				"items of `%s` overlap in time: %g to %g s and %g to %g s; take another list, or a program that has one clock",
				m->path, items[i - 1].from, items[i - 1].to, items[i].from, items[i].to);
	return 0;
}

int measure_items(
	const struct measure *m, json_t *document, struct measure_item **items, size_t *count, char **error)
{
	json_t *list = measure_path(document, m->path), *item;
	size_t i;
	int result = 0;
	if (!json_is_array(list))
		return error_set(error, "its output has no list at `%s`", m->path);
	*count = 0;
	*items = calloc(json_array_size(list) + 1, sizeof **items);
	json_array_foreach(list, i, item) {
		struct measure_item *one = &(*items)[*count];
		if (take_number(item, m->from, &one->from, error) < 0 ||
			take_number(item, m->to, &one->to, error) < 0 ||
			take_number(item, m->amount, &one->amount, error) < 0) {
			result = -1;
			break;
		}
		one->counts = one->from >= m->window[0] && one->to <= m->window[1];
		*count += !left_out(m, item, one);
	}
	if (result == 0)
		result = refuse_overlaps(m, *items, *count, error);
	if (result < 0)
		free(*items);
	return result;
}

/* Sum of the amounts over sum of the times, of the items that lie whole in the window. */
static int take_series(const struct measure *m, json_t *document, double *value, char **error)
{
	struct measure_item *items;
	double amount = 0, time = 0;
	size_t count;
	if (measure_items(m, document, &items, &count, error) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (items[i].counts) {
			amount += items[i].amount;
			time += items[i].to - items[i].from;
		}
	free(items);
	if (time <= 0)
		return error_set(error, "no item of `%s` lies between %g s and %g s", m->path, m->window[0],
			m->window[1]);
	*value = amount / time * m->scale;
	return 0;
}

int measure_value(const struct measure *m, json_t *document, double *value, char **error)
{
	if (m->kind == MEASURE_SERIES)
		return take_series(m, document, value, error);
	if (take_number(document, m->path, value, error) < 0)
		return -1;
	*value *= m->scale;
	return 0;
}

int measure_samples(const struct measure *m, json_t *document, json_t *samples, char **error)
{
	json_t *list = measure_path(document, m->path), *item;
	double from, value;
	size_t i;
	if (!json_is_array(list))
		return error_set(error, "its output has no list at `%s`", m->path);
	json_array_foreach(list, i, item) {
		if (m->from && take_number(item, m->from, &from, error) < 0)
			return -1;
		if (m->windowed && (from < m->window[0] || from >= m->window[1]))
			continue;
		if (take_number(item, m->amount ? m->amount : ".", &value, error) < 0)
			return -1;
		json_array_append_new(samples, json_real(value * m->scale));
	}
	return json_array_size(samples) <= SAMPLES_MAX
		       ? 0
		       : error_set(error, "more than %d samples", SAMPLES_MAX);
}

double measure_quantile(const json_t *samples, double quantile)
{
	struct sample_list all = {.count = json_array_size(samples)};
	double *values = calloc(all.count + 1, sizeof *values), value = NAN;
	for (size_t i = 0; values && i < all.count; i++)
		values[i] = json_number_value(json_array_get(samples, i));
	all.values = values;
	struct quantiles *quantiles = values ? quantiles_new(&all, 1) : NULL;
	if (quantiles)
		value = quantiles_at(quantiles, quantile);
	quantiles_free(quantiles);
	free(values);
	return value;
}

/* ---- the kinds */

static json_t *output_of(const struct evidence *e, const char *program, char **error)
{
	json_error_t fault;
	const char *path = stage_output(e->stage, program);
	json_t *document = path ? json_load_file(path, 0, &fault) : NULL;
	if (!document)
		error_set(error, "its output is no JSON (line %d: %s)", path ? fault.line : 0,
			path ? fault.text : "there is none");
	/* iperf3 prints what it has, and says so there. */
	const char *fault_told = json_string_value(json_object_get(document, "error"));
	if (fault_told && *fault_told) {
		error_set(error, "its output says `error`: %.200s", fault_told);
		json_decref(document);
		document = NULL;
	}
	return document;
}

/* The running fold of the values of a program's replicas. */
static double fold(enum measure_fold how, double sum, double value, size_t before)
{
	if (before == 0)
		return value;
	return how == FOLD_LEAST ? fmin(sum, value) : how == FOLD_MOST ? fmax(sum, value) : sum + value;
}

static int take_of_programs(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	const struct workload *w = &e->experiment->workloads[e->procedure->workload];
	size_t count = 0;
	*value = NAN;
	for (size_t i = 0; i < w->programs_count; i++) {
		const struct program *p = &w->programs[i];
		double one = NAN;
		if (!program_called(p, m->program))
			continue;
		json_t *document = output_of(e, p->name, error);
		int result = !document                    ? -1
			     : m->kind == MEASURE_SAMPLES ? measure_samples(m, document, samples, error)
							  : measure_value(m, document, &one, error);
		json_decref(document);
		if (result < 0)
			return error_prefix(error, "of program %s", p->name);
		*value = fold(m->fold, *value, one, count++);
	}
	if (m->fold == FOLD_MEAN)
		*value /= (double)count;
	return 0;
}

static int take_samples(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	if (take_of_programs(e, m, value, samples, error) < 0)
		return -1;
	*value = measure_quantile(samples, 0.5);
	return isnan(*value) ? error_set(error, "program %s has no samples", m->program) : 0;
}

static int take_quantile(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	const char *of = e->experiment->measures[m->of].name;
	(void)samples;
	(void)error;
	*value = measure_quantile(json_object_get(json_object_get(e->record, "samples"), of), m->quantile) *
		 m->scale;
	return 0;
}

struct datagram_sum {
	const struct measure *m;
	int64_t first_ns; /* -1: none yet */
	double bytes[2];  /* to the port, from it: in the window */
	double whole[2];
};

static void add_datagram(void *context, const struct datagram *d)
{
	struct datagram_sum *sum = context;
	unsigned port = (unsigned)sum->m->flows.port;
	if (d->to != port && d->from != port)
		return;
	if (sum->first_ns < 0)
		sum->first_ns = d->at_ns;
	int back = d->to != port;
	double at_s = (double)(d->at_ns - sum->first_ns) / 1e9;
	sum->whole[back] += d->length;
	if (at_s >= sum->m->window[0] && at_s < sum->m->window[1])
		sum->bytes[back] += d->length;
}

/* Which of the capture's windows is this measure's. */
static size_t window_index(const struct experiment *e, const struct measure *m)
{
	size_t index = 0;
	for (const struct measure *other = e->measures; other < m; other++)
		index += other->kind == MEASURE_CAPTURE && other->capture == m->capture;
	return index;
}

static int take_datagrams(struct evidence *e, const struct measure *m, double *bytes, char **error)
{
	struct datagram_sum sum = {.m = m, .first_ns = -1};
	if (datagrams_read(e->captures[m->capture], add_datagram, &sum, error) < 0)
		return -1;
	if (sum.first_ns < 0)
		return error_set(error, "the capture shows no datagram of port %d", m->flows.port);
	*bytes = sum.bytes[sum.whole[1] > sum.whole[0]];
	return 0;
}

static int take_connections(struct evidence *e, const struct measure *m, double *bytes, char **error)
{
	const char *at = e->experiment->captures[m->capture].name;
	json_t *connections = evidence_connections(e, &m->capture, 1, false, error);
	if (!connections)
		return -1;
	if (!flows_busiest(connections, &m->flows))
		return error_set(error, "the capture at %s shows no connection%s", at,
			m->flows.port ? " of that port" : "");
	if (flows_unambiguous(connections, &m->flows, e->captures[m->capture], error) < 0)
		return error_prefix(error, "the capture at %s", at);
	*bytes = flows_window(connections, &m->flows, window_index(e->experiment, m));
	return 0;
}

static int take_capture(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	double bytes, seconds = m->window[1] - m->window[0];
	(void)samples;
	if ((m->flows.udp ? take_datagrams : take_connections)(e, m, &bytes, error) < 0)
		return -1;
	*value = bytes / seconds * m->scale;
	return 0;
}

static int take_link(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	json_t *found = measure_path(json_object_get(json_object_get(e->record, "links"), m->link), m->path);
	(void)samples;
	if (!json_is_number(found))
		return error_set(error, "link %s has no number at `%s`", m->link, m->path);
	*value = json_number_value(found) * m->scale;
	return 0;
}

/* The kernel's counters that are 0 are not in the record; a name that it does not know is 0 too. */
static int take_counter(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	const char *node = e->experiment->topology->nodes[m->node];
	json_t *of = json_object_get(json_object_get(e->record, "counters"), node);
	(void)samples;
	if (!of)
		return error_set(error, "node %s has no counters", node);
	*value = json_number_value(json_object_get(of, m->counter)) * m->scale;
	return 0;
}

static int add_up(
	const struct experiment *e, const int *terms, size_t count, json_t *values, double *sum, char **error)
{
	*sum = 0;
	for (size_t i = 0; i < count; i++) {
		json_t *term = json_object_get(values, e->measures[terms[i]].name);
		if (!json_is_number(term))
			return error_set(error, "there is no `%s`", e->measures[terms[i]].name);
		*sum += json_number_value(term);
	}
	return 0;
}

static int take_sum(struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	json_t *values = json_object_get(e->record, "measures");
	double sum, over = 1;
	(void)samples;
	if (add_up(e->experiment, m->sum, m->sum_count, values, &sum, error) < 0 ||
		(m->over_count && add_up(e->experiment, m->over, m->over_count, values, &over, error) < 0))
		return -1;
	if (over == 0)
		return error_set(error, "its divisor is 0");
	*value = sum / over * m->scale;
	return 0;
}

static double named_number(void *context, const char *name)
{
	const struct evidence *e = context;
	json_t *value = json_object_get(json_object_get(e->record, "measures"), name);
	return json_is_number(value) ? json_number_value(value) : experiment_number(e->configuration, name);
}

static int take_formula(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error)
{
	(void)samples;
	*value = formula_value(m->formula, named_number, e) * m->scale;
	return isnan(*value)
		       ? error_set(error,
				 "its formula has no value here (a division by 0, a root of what is negative, or a factor without a value)")
		       : 0;
}

static int (*const takers[MEASURE_KINDS])(
	struct evidence *e, const struct measure *m, double *value, json_t *samples, char **error) = {
	[MEASURE_VALUE] = take_of_programs,
	[MEASURE_SERIES] = take_of_programs,
	[MEASURE_SAMPLES] = take_samples,
	[MEASURE_QUANTILE] = take_quantile,
	[MEASURE_CAPTURE] = take_capture,
	[MEASURE_LINK] = take_link,
	[MEASURE_COUNTER] = take_counter,
	[MEASURE_SUM] = take_sum,
	[MEASURE_FORMULA] = take_formula,
};

int measures_take(struct evidence *e, char **error)
{
	json_t *values = json_object_get(e->record, "measures"), *all = json_object();
	json_object_set_new(e->record, "samples", all);
	for (size_t i = 0; i < e->experiment->measures_count; i++) {
		const struct measure *m = &e->experiment->measures[i];
		json_t *samples = m->kind == MEASURE_SAMPLES ? json_array() : NULL;
		double value;
		if (samples)
			json_object_set_new(all, m->name, samples);
		if (takers[m->kind](e, m, &value, samples, error) < 0)
			return error_prefix(error, "measure %s", m->name);
		json_object_set_new(values, m->name, json_real(value));
	}
	if (json_object_size(all) == 0)
		json_object_del(e->record, "samples");
	return 0;
}
