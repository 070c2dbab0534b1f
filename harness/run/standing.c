/* Standing: see the header. */
#include "harness/run/standing.h"

#include "harness/cells/cells.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUSES (TRIAL_FAILED + 1)

struct sum {
	size_t n;
	double total;
};

struct standing {
	const struct experiment *experiment;
	size_t ended[STATUSES];
	size_t configuration; /* of the trial that ended last */
	struct sum sums[];    /* of each cell */
};

struct standing *standing_new(const struct experiment *e)
{
	size_t cells = e->configurations_count * e->procedures_count;
	struct standing *s = calloc(1, sizeof *s + cells * sizeof s->sums[0]);
	if (s)
		s->experiment = e;
	return s;
}

void standing_free(struct standing *s)
{
	free(s);
}

void standing_add(
	struct standing *s, size_t configuration, size_t procedure, enum trial_status status, double value)
{
	if (!s)
		return;
	struct sum *sum = &s->sums[configuration * s->experiment->procedures_count + procedure];
	s->ended[status]++;
	s->configuration = configuration;
	if (status <= TRIAL_SUSPECT && isfinite(value)) {
		sum->n++;
		sum->total += value;
	}
}

static int by_line(const void *a, const void *b)
{
	const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;
	return (x->line > y->line) - (x->line < y->line);
}

void standing_add_records(struct standing *s, const struct records *records)
{
	const struct record **sorted = calloc(records->count + 1, sizeof *sorted);
	for (size_t i = 0; sorted && i < records->count; i++)
		sorted[i] = &records->items[i];
	if (sorted && records->count)
		qsort(sorted, records->count, sizeof *sorted, by_line);
	for (size_t i = 0; s && sorted && i < records->count; i++)
		standing_add(s, sorted[i]->configuration, sorted[i]->procedure, sorted[i]->status,
			sorted[i]->measures[s->experiment->primary]);
	free(sorted);
}

__attribute__((format(printf, 3, 4))) static void append(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	size_t used = strlen(buffer);
	va_start(arguments, format);
	vsnprintf(buffer + used, size - used, format, arguments);
	va_end(arguments);
}

/* Three figures that say something, whatever the unit. */
static int decimals(double value)
{
	double size = fabs(value);
	return size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 || size == 0 ? 2 : 4;
}

static const char *unit_of(const struct standing *s)
{
	return unit_text(s->experiment->measures[s->experiment->primary].unit);
}

const char *standing_text(const struct standing *s, char *buffer, size_t size)
{
	size_t shown = 0;
	*buffer = 0;
	if (!s)
		return buffer;
	const struct experiment *e = s->experiment;
	for (size_t i = 0; i < STATUSES; i++)
		if (s->ended[i])
			append(buffer, size, "%s%zu %s", *buffer ? ", " : "", s->ended[i],
				trial_status_name((enum trial_status)i));
	for (size_t p = 0; p < e->procedures_count; p++) {
		const struct sum *sum = &s->sums[s->configuration * e->procedures_count + p];
		if (!sum->n)
			continue;
		double mean = sum->total / (double)sum->n;
		if (!shown++ && e->configurations_count > 1)
			append(buffer, size, "; %s: ", e->configurations[s->configuration].name);
		else
			append(buffer, size, shown > 1 ? ", " : "; ");
		append(buffer, size, "%s %.*f", e->procedures[p].name, decimals(mean), mean);
	}
	if (shown)
		append(buffer, size, " %s", unit_of(s));
	return buffer;
}

json_t *standing_json(const struct standing *s)
{
	json_t *verdicts = json_object(), *means = json_array();
	for (size_t i = 0; s && i < STATUSES; i++)
		json_object_set_new(verdicts, trial_status_name((enum trial_status)i),
			json_integer((json_int_t)s->ended[i]));
	for (size_t c = 0; s && c < s->experiment->configurations_count; c++)
		for (size_t p = 0; p < s->experiment->procedures_count; p++) {
			const struct sum *sum = &s->sums[c * s->experiment->procedures_count + p];
			if (sum->n)
				json_array_append_new(means,
					json_pack("{s:s, s:s, s:I, s:f}", "configuration",
						s->experiment->configurations[c].name, "procedure",
						s->experiment->procedures[p].name, "n", (json_int_t)sum->n,
						"mean", sum->total / (double)sum->n));
		}
	return json_pack(
		"{s:o, s:s, s:o}", "verdicts", verdicts, "unit", s ? unit_of(s) : "", "means", means);
}
