/* Cells, the questions: see the header. Pure functions of what was loaded. */
#include "harness/cells/cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const judgement_names[] = {"", "same", "lower", "higher", "not comparable"};

const char *judgement_name(enum judgement judgement)
{
	return judgement_names[judgement];
}

const char *judgement_meaning(enum judgement judgement, const struct measure *measure)
{
	if (!measure->less || (judgement != JUDGED_LOWER && judgement != JUDGED_HIGHER))
		return "";
	return judgement == JUDGED_LOWER ? "better" : "worse";
}

const struct measure *cells_primary(const struct cells *cells)
{
	return &cells->experiment->measures[cells->experiment->primary];
}

const char *unit_text(const char *unit)
{
	return !strcmp(unit, "mbps") ? "Mbit/s" : unit;
}

int cells_decimals(const struct cells *cells, size_t measure)
{
	double largest = 0;

	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].means && fabs(cells->cells[i].means[measure]) > largest)
			largest = fabs(cells->cells[i].means[measure]);
	if (largest >= 1000)
		return 0;
	return largest >= 1 || largest <= 0 ? 2 : largest >= 0.1 ? 3 : 2 + (int)ceil(-log10(largest));
}

size_t cells_samples(const struct cell *cell, size_t measure)
{
	size_t count = 0;

	if (cell->samples[measure].pooled)
		quantiles_samples(cell->samples[measure].pooled, &count);
	return count;
}

bool cells_sampled(const struct cells *cells, size_t measure)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells_samples(&cells->cells[i], measure))
			return true;
	return false;
}

void quantile_name(double p, char name[16])
{
	snprintf(name, 16, "p%.4g", 100 * p);
}

int cells_sample_decimals(const struct cells *cells, size_t measure)
{
	double least = INFINITY;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell_samples *samples = &cells->cells[i].samples[measure];
		double median = samples->pooled ? fabs(samples->shown[0].value) : NAN;
		if (median > 0 && median < least)
			least = median;
	}
	if (isinf(least))
		return 2;
	int digits = (least < 100 ? 2 : 3) - (int)floor(log10(least));
	return digits < 0 ? 0 : digits > 9 ? 9 : digits;
}

bool cells_counts(const struct record *record)
{
	return record->last && record->status <= TRIAL_SUSPECT;
}

const struct record *cells_records(const struct cells *cells, const struct cell *cell, size_t *count)
{
	*count = cell->records_count;
	return *count ? cells->records.items + cell->first : NULL;
}

double *cells_values(const struct cells *cells, const struct cell *cell, size_t measure, size_t *count)
{
	size_t n;
	const struct record *records = cells_records(cells, cell, &n);
	double *values = calloc(n + 1, sizeof *values);

	*count = 0;
	for (size_t i = 0; values && i < n; i++)
		if (cells_counts(&records[i]) && !isnan(records[i].measures[measure]))
			values[(*count)++] = records[i].measures[measure];
	return values;
}

int cells_describe(const struct cells *cells, const struct cell *cell, size_t measure, struct stats *stats)
{
	size_t n;
	double *values = cells_values(cells, cell, measure, &n);

	if (!values)
		return -1;
	int result =
		stats_describe(values, n, cells->experiment->seed + (uint64_t)(cell - cells->cells), stats);
	free(values);
	return result;
}

size_t cells_note_number(const struct cells *cells, size_t note)
{
	uint64_t used = 0;

	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].shown)
			used |= cells->cells[i].notes | cells->cells[i].subflow_notes;
	if (!(used >> note & 1))
		return 0;
	return 1 + (size_t)__builtin_popcountll(used & ((UINT64_C(1) << note) - 1));
}

char *cells_verdict(const struct cells *cells, const struct cell *cell, bool amount)
{
	const char *means = judgement_meaning(cell->judgement, cells_primary(cells));
	bool differs = cell->judgement == JUDGED_LOWER || cell->judgement == JUDGED_HIGHER;
	char *text = NULL;
	size_t marks = 0, size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(cell->judgement ? judgement_name(cell->judgement) : "-", out);
	if (amount && differs && !isnan(cell->difference_percent))
		fprintf(out, " by %.*f %%", fabs(cell->difference_percent) < 9.95 ? 1 : 0,
			fabs(cell->difference_percent));
	fprintf(out, *means ? ", %s" : "%s", means);
	for (size_t i = 0; i < cells->notes.count; i++)
		if (cell->causes >> i & 1)
			fprintf(out, "%s%zu", marks++ ? "," : " [", cells_note_number(cells, i));
	fputs(marks ? "]" : "", out);
	fclose(out);
	return text;
}

bool cells_comparable(const struct cells *cells, size_t configuration, const struct comparison *comparison)
{
	const struct cell *row = &cells->cells[configuration * cells->experiment->procedures_count];
	bool shown = row[comparison->of].shown;

	for (size_t i = 0; i < comparison->against_count; i++)
		shown = shown && row[comparison->against[i]].shown;
	return shown;
}

static double overhead_of(double ratio, const struct measure *measure)
{
	double overhead = 100 * (measure->less ? ratio - 1 : 1 - ratio);

	return isfinite(overhead) ? overhead : NAN;
}

/* With r = of / against, var(r) = (var(of) + r^2 var(against)) / against^2. A procedure that stands on both
 * sides, or twice, is taken as independent: the interval is then on the wide side. */
struct overhead cells_overhead(
	const struct cells *cells, size_t configuration, const struct comparison *comparison)
{
	const struct cell *row = cells->cells + configuration * cells->experiment->procedures_count;
	const struct cell *of = &row[comparison->of];
	struct stats_term *terms = calloc(comparison->against_count + 1, sizeof *terms);
	double sum = 0, published_sum = 0;

	for (size_t i = 0; i < comparison->against_count; i++) {
		sum += row[comparison->against[i]].stats.mean;
		published_sum += row[comparison->against[i]].published;
	}
	double ratio = of->stats.mean / sum;
	const struct measure *measure = cells_primary(cells);
	struct overhead overhead = {
		overhead_of(ratio, measure), NAN, overhead_of(of->published / published_sum, measure)};
	if (!terms)
		return overhead;
	terms[0] = (struct stats_term){1, of->stats.sd, (double)of->stats.n};
	for (size_t i = 0; i < comparison->against_count; i++) {
		const struct cell *against = &row[comparison->against[i]];
		terms[i + 1] = (struct stats_term){ratio, against->stats.sd, (double)against->stats.n};
	}
	overhead.half_width = 100 * stats_welch_half_width(terms, comparison->against_count + 1) / fabs(sum);
	free(terms);
	if (isnan(overhead.measured))
		overhead.half_width = NAN;
	return overhead;
}

void cells_free(struct cells *cells)
{
	if (!cells)
		return;
	json_decref(cells->planned);
	for (size_t i = 0; i < cells->count; i++) {
		free(cells->cells[i].means);
		for (size_t m = 0; cells->cells[i].samples && m < cells->experiment->measures_count; m++)
			quantiles_free(cells->cells[i].samples[m].pooled);
		free(cells->cells[i].samples);
		free(cells->cells[i].subflows);
	}
	free(cells->cells);
	for (size_t i = 0; i < cells->sources_count; i++) {
		free(cells->sources[i].notes);
		published_free(cells->sources[i].table);
	}
	free(cells->sources);
	records_free(&cells->records);
	notes_free(&cells->notes);
	free(cells);
}
