/* CSV: see the header. */
#include "harness/report/csv.h"
#include "harness/cells/factors.h"
#include "harness/page/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUMMARY_DIGITS = 6, DIGITS = 12 };

static void put_names(FILE *out, const struct cells *cells, const struct cell *cell)
{
	text_csv(out, cells->experiment->configurations[cell->configuration].name);
	fputc(',', out);
	text_csv(out, cells->experiment->procedures[cell->procedure].name);
}

/* The notes behind the judgement, as one text. */
static void put_causes(FILE *out, const struct cells *cells, const struct cell *cell)
{
	char *text = NULL;
	size_t length;
	FILE *joined = open_memstream(&text, &length);

	for (size_t i = 0; joined && i < cells->notes.count; i++)
		if (cell->causes >> i & 1)
			fprintf(joined, "%s%s", ftell(joined) ? " " : "", cells->notes.items[i].text);
	if (joined && fclose(joined) == 0)
		text_csv(out, text);
	free(text);
}

/* ---- a line a cell */

/* ",NAME_UNIT": either may be anything. */
static void put_column(FILE *out, const char *name, const char *unit)
{
	char text[256];

	snprintf(text, sizeof text, "%s_%s", name, unit);
	fputc(',', out);
	text_csv(out, text);
}

static void summary_header(const struct experiment *experiment, FILE *out)
{
	static const char *const with_unit[] = {"mean", "sd", "median", "published"};
	const char *unit = experiment->measures[experiment->primary].unit;

	fputs("configuration,procedure,n", out);
	for (size_t i = 0; i < 4; i++)
		put_column(out, with_unit[i], unit);
	fputs(",difference_percent,min,max,ci95_low,ci95_high", out);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			put_column(out, experiment->measures[m].name, experiment->measures[m].unit);
	fputs(",suspect,invalid,failed,published_source,published_sd,published_n,difference,judgement,q1,q3,welch_t,welch_df,welch_p,hedges_g,note\n",
		out);
}

static void summary_row(const struct cells *cells, const struct cell *cell, FILE *out)
{
	const struct experiment *experiment = cells->experiment;
	const struct stats *stats = &cell->stats;

	put_names(out, cells, cell);
	fprintf(out, ",%zu", stats->n);
	text_csv_number(out, stats->mean, SUMMARY_DIGITS);
	text_csv_number(out, stats->sd, SUMMARY_DIGITS);
	text_csv_number(out, stats->median, SUMMARY_DIGITS);
	fprintf(out, ",%s", cell->published_text);
	text_csv_number(out, cell->difference_percent, SUMMARY_DIGITS);
	text_csv_number(out, stats->min, SUMMARY_DIGITS);
	text_csv_number(out, stats->max, SUMMARY_DIGITS);
	text_csv_number(out, stats->ci95_low, SUMMARY_DIGITS);
	text_csv_number(out, stats->ci95_high, SUMMARY_DIGITS);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			text_csv_number(out, cell->means[m], SUMMARY_DIGITS);
	fprintf(out, ",%zu,%zu,%zu,", cell->suspect, cell->invalid, cell->failed);
	text_csv(out, cell->source < 0 ? "" : cells->sources[cell->source].file);
	text_csv_number(out, cell->published_sd, SUMMARY_DIGITS);
	text_csv_number(out, cell->published_n, SUMMARY_DIGITS);
	text_csv_number(out, cell->difference, SUMMARY_DIGITS);
	fprintf(out, ",%s", judgement_name(cell->judgement));
	text_csv_number(out, stats->q1, SUMMARY_DIGITS);
	text_csv_number(out, stats->q3, SUMMARY_DIGITS);
	text_csv_number(out, cell->test.t, SUMMARY_DIGITS);
	text_csv_number(out, cell->test.df, SUMMARY_DIGITS);
	text_csv_number(out, cell->test.p, SUMMARY_DIGITS);
	text_csv_number(out, cell->hedges_g, SUMMARY_DIGITS);
	fputc(',', out);
	put_causes(out, cells, cell);
	fputc('\n', out);
}

int csv_summary(const struct cells *cells, FILE *out)
{
	summary_header(cells->experiment, out);
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].shown)
			summary_row(cells, &cells->cells[i], out);
	return 0;
}

int csv_subflows(const struct cells *cells, FILE *out)
{
	fputs("configuration,procedure,n,node,median_unique_bytes,share_percent,published_bytes,published_share_percent\n",
		out);
	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		for (size_t s = 0; s < cell->subflows_count; s++) {
			const struct cell_subflow *subflow = &cell->subflows[s];
			put_names(out, cells, cell);
			fprintf(out, ",%zu,", cell->subflows_n);
			text_csv(out, subflow->node);
			text_csv_number(out, subflow->bytes, SUMMARY_DIGITS);
			text_csv_number(out, subflow->share, SUMMARY_DIGITS);
			text_csv_number(out, subflow->published_bytes, SUMMARY_DIGITS);
			text_csv_number(out, subflow->published_share, SUMMARY_DIGITS);
			fputc('\n', out);
		}
	}
	return 0;
}

int csv_quantiles(const struct cells *cells, FILE *out)
{
	const struct experiment *experiment = cells->experiment;

	fputs("configuration,procedure,measure,unit,trials,samples,quantile,value,ci95_low,ci95_high,interval\n",
		out);
	for (size_t i = 0; i < cells->count; i++)
		for (size_t m = 0; m < experiment->measures_count; m++) {
			const struct cell *cell = &cells->cells[i];
			const struct cell_samples *samples = &cell->samples[m];
			for (size_t q = 0; q < CELLS_QUANTILES && cells_samples(cell, m); q++) {
				put_names(out, cells, cell);
				fputc(',', out);
				text_csv(out, experiment->measures[m].name);
				fputc(',', out);
				text_csv(out, experiment->measures[m].unit);
				fprintf(out, ",%zu,%zu", quantiles_trials(samples->pooled),
					cells_samples(cell, m));
				text_csv_number(out, samples->shown[q].p, DIGITS);
				text_csv_number(out, samples->shown[q].value, DIGITS);
				text_csv_number(out, samples->shown[q].low, DIGITS);
				text_csv_number(out, samples->shown[q].high, DIGITS);
				fprintf(out, ",%s\n",
					quantiles_resampled(samples->pooled) ? "bootstrap" : "ranks");
			}
		}
	return 0;
}

/* ---- a line a number: tidy files */

static void put_header(FILE *out, const json_t *factors, const char *const *further)
{
	const char *name;
	json_t *value;

	fputs("configuration", out);
	json_object_foreach((json_t *)factors, name, value) {
		fputc(',', out);
		text_csv(out, name);
	}
	for (; *further; further++)
		fprintf(out, ",%s", *further);
	fputc('\n', out);
}

static void put_factor(FILE *out, const json_t *value)
{
	fputc(',', out);
	if (json_is_string(value))
		text_csv(out, json_string_value(value));
	else if (json_is_number(value))
		fprintf(out, "%.*g", DIGITS, json_number_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", out);
}

/* "CONFIGURATION,FACTORS...", as every line of a configuration begins. The caller frees it. */
static char *line_begin(const struct cells *cells, const json_t *factors, size_t configuration)
{
	char *text = NULL;
	const char *name;
	json_t *value;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	text_csv(out, cells->experiment->configurations[configuration].name);
	json_object_foreach(json_array_get(factors, configuration), name, value)
		put_factor(out, value);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static void put_trial(FILE *out, const struct cells *cells, const char *begin, const struct record *record)
{
	const struct experiment *experiment = cells->experiment;

	for (size_t m = 0; m < experiment->measures_count; m++) {
		fprintf(out, "%s,", begin);
		text_csv(out, experiment->procedures[record->procedure].name);
		fprintf(out, ",%lld,%lld,%s,%s,", (long long)record->repeat, (long long)record->attempt,
			trial_status_name(record->status), cells_counts(record) ? "true" : "false");
		text_csv(out, experiment->measures[m].name);
		fputc(',', out);
		text_csv(out, experiment->measures[m].unit);
		text_csv_number(out, record->measures[m], DIGITS);
		fputc(',', out);
		text_csv(out, record->reasons);
		fputc('\n', out);
	}
}

static void put_samples(FILE *out, const struct cells *cells, const char *begin, const struct record *record)
{
	const struct experiment *experiment = cells->experiment;

	for (size_t m = 0; cells_counts(record) && m < experiment->measures_count; m++)
		for (size_t i = 0; i < record->samples[m].count; i++) {
			fprintf(out, "%s,", begin);
			text_csv(out, experiment->procedures[record->procedure].name);
			fprintf(out, ",%lld,", (long long)record->repeat);
			text_csv(out, experiment->measures[m].name);
			fputc(',', out);
			text_csv(out, experiment->measures[m].unit);
			text_csv_number(out, record->samples[m].values[i], DIGITS);
			fputc('\n', out);
		}
}

static int put_records(const struct cells *cells, FILE *out, const char *const *further,
	void (*put)(FILE *, const struct cells *, const char *, const struct record *))
{
	json_t *factors = factors_of(cells->experiment, further);
	char *begin = NULL;
	size_t i;

	if (!factors)
		return -1;
	put_header(out, json_array_get(factors, 0), further);
	for (i = 0; i < cells->records.count; i++) {
		const struct record *record = &cells->records.items[i];
		if (i == 0 ||
			record->configuration != record[-1].configuration) { /* they stand in its order */
			free(begin);
			begin = line_begin(cells, factors, record->configuration);
		}
		if (!begin)
			break;
		put(out, cells, begin, record);
	}
	free(begin);
	json_decref(factors);
	return i == cells->records.count ? 0 : -1;
}

int csv_trials(const struct cells *cells, FILE *out)
{
	static const char *const further[] = {"procedure", "repeat", "attempt", "status", "counts", "measure",
		"unit", "value", "reasons", NULL};
	return put_records(cells, out, further, put_trial);
}

int csv_samples(const struct cells *cells, FILE *out)
{
	static const char *const further[] = {"procedure", "repeat", "measure", "unit", "value", NULL};
	return put_records(cells, out, further, put_samples);
}
