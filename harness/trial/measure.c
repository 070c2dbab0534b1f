/* Measures: see the header. */
#include "harness/trial/measure.h"

#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

json_t *measure_path(json_t *value, const char *path)
{
	char name[128];
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

int measure_items(
	const struct measure *m, json_t *document, struct measure_item **items, size_t *count, char **error)
{
	json_t *list = measure_path(document, m->path), *item;
	size_t i;
	if (!json_is_array(list))
		return error_set(error, "its output has no list at `%s`", m->path);
	*count = json_array_size(list);
	*items = calloc(*count + 1, sizeof **items);
	json_array_foreach(list, i, item) {
		struct measure_item *one = &(*items)[i];
		if (take_number(item, m->from, &one->from, error) < 0 ||
			take_number(item, m->to, &one->to, error) < 0 ||
			take_number(item, m->amount, &one->amount, error) < 0) {
			free(*items);
			return -1;
		}
		one->counts = one->from >= m->window[0] && one->to <= m->window[1];
	}
	return 0;
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

int measure_take(const struct measure *m, json_t *document, double *value, char **error)
{
	if (m->kind == MEASURE_SERIES)
		return take_series(m, document, value, error);
	if (take_number(document, m->path, value, error) < 0)
		return -1;
	*value *= m->scale;
	return 0;
}

int measure_read(const struct measure *m, const char *output_path, double *value, char **error)
{
	json_error_t fault;
	json_t *document = json_load_file(output_path, 0, &fault);
	int result =
		document ? measure_take(m, document, value, error)
			 : error_set(error, "its output is no JSON (line %d: %s)", fault.line, fault.text);
	json_decref(document);
	return result < 0 ? error_prefix(error, "measure %s of program %s", m->name, m->program) : 0;
}

int measure_link(const struct measure *m, json_t *links, double *value, char **error)
{
	json_t *found = measure_path(links, m->path);
	if (!json_is_number(found))
		return error_set(error, "measure %s: the links have no number at `%s`", m->name, m->path);
	*value = json_number_value(found) * m->scale;
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

int measure_sums(const struct experiment *e, json_t *values, char **error)
{
	for (size_t i = 0; i < e->measures_count; i++) {
		const struct measure *m = &e->measures[i];
		double sum, over = 1;
		if (m->kind != MEASURE_SUM)
			continue;
		if (add_up(e, m->sum, m->sum_count, values, &sum, error) < 0 ||
			(m->over_count && add_up(e, m->over, m->over_count, values, &over, error) < 0))
			return error_prefix(error, "measure %s", m->name);
		if (over == 0)
			return error_set(error, "measure %s: its divisor is 0", m->name);
		json_object_set_new(values, m->name, json_real(sum / over * m->scale));
	}
	return 0;
}
