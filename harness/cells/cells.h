/* Cells: the records of a results folder (trials.jsonl), sorted into the table of configurations and
 * procedures, with what was published beside them: the data (cells_load.h reads them), and the questions that
 * tables, files and the page ask of them.
 *
 * Of a (configuration, procedure, repeat) only the last attempt counts, and only as valid or suspect. What
 * does not count, and what is suspect, stays in `records` with its reasons: nothing is left out silently. */
#ifndef LIQUIDNET_CELLS_H
#define LIQUIDNET_CELLS_H

#include "harness/cells/notes.h"
#include "harness/cells/published.h"
#include "harness/experiment/experiment.h"
#include "harness/record/quantiles.h"
#include "harness/record/records.h"
#include "harness/record/stats.h"
#include <jansson.h>
#include <stdbool.h>

/* A judgement of the difference between a mean and what was published. */
enum judgement { JUDGED_NOT, JUDGED_SAME, JUDGED_LOWER, JUDGED_HIGHER, JUDGED_INCOMPARABLE };

struct cell_subflow {
	const char *node;       /* lives as long as the cells */
	double bytes;           /* median over the counted trials of the unique payload bytes */
	double share;           /* of the medians' sum, per cent; NAN: no bytes at all */
	double published_bytes; /* NAN: not published */
	double published_share; /* NAN: not published */
};

#define CELLS_QUANTILES 4          /* p50, p90, p99, p99.9 */
#define CELLS_QUANTILE_DRAWS 10000 /* resamples behind an interval */

struct cell_samples { /* of a measure of samples, over the counted trials */
	struct quantiles *pooled;
	struct quantile shown[CELLS_QUANTILES];
};

struct cell {
	size_t configuration, procedure; /* indices of the experiment */
	size_t first, records_count;     /* its records: they stand together in cells.records */
	bool shown;                      /* planned, or has records */
	struct stats stats;              /* of the primary measure */
	double *means;                   /* a measure: over the counted trials that have it; NAN: none has */
	struct cell_samples *samples;    /* a measure; pooled NULL: it is none of samples */
	size_t suspect;                  /* among the stats.n counted */
	size_t invalid, failed;          /* attempts that do not count */
	double published, published_sd, published_n; /* NAN: not published */
	const char *published_text;                  /* the digits as published, or "" */
	int source;                                  /* of the published value: index of sources, or -1 */
	double difference;                           /* absolute; NAN: nothing to compare */
	double difference_percent;
	double half_width; /* half the 95 % interval of the difference (Welch), in the unit; NAN: no spread */
	enum judgement
		judgement;      /* distinguishable at 95 % (Welch, and the rounding of what is published)? */
	struct stats_test test; /* against the published mean, as a constant where its spread is not known */
	double hedges_g;
	uint64_t notes;         /* bits: which of cells.notes are about the published value */
	uint64_t causes;        /* of these, the ones behind the judgement */
	uint64_t subflow_notes; /* and about the published bytes */
	struct cell_subflow
		*subflows; /* in the order of expect.subflows, then as met; none without captures */
	size_t subflows_count, subflows_n /* trials behind the medians */;
};

struct cell_source {      /* a file of published values */
	const char *file; /* as the experiment names it */
	struct published_table *table;
	char *notes; /* owned: path of the notes on it, which may not be there */
};

struct cells {
	const struct experiment *experiment;
	struct cell *cells; /* [configuration * procedures_count + procedure] */
	size_t count;
	struct cell_source *sources;
	size_t sources_count;
	json_t *planned; /* "CONFIGURATION/PROCEDURE" of the run's plan (provenance.json), or NULL: not known
			  */
	int subflow_source; /* index of sources, or -1 */
	struct notes notes; /* on published values */
	const char *root,
		*folder;        /* where published files are: in the results folder, else in the project's */
	struct records records; /* those that are not valid are remarks of the summary */
};

void cells_free(struct cells *cells); /* what cells_load (cells_load.h) made */

/* An overhead in one configuration, per cent; NAN: not all means are there. How much worse `of` is than what it is
 * compared with: 100 x (1 - mean / sum), or where less is better 100 x (mean / sum - 1). */
struct overhead {
	double measured, half_width; /* half of its 95 % interval (Welch; delta method for the quotient) */
	double published;
};
/* Whether every procedure that the comparison needs is shown in that configuration. */
bool cells_comparable(const struct cells *cells, size_t configuration, const struct comparison *comparison);
struct overhead cells_overhead(
	const struct cells *cells, size_t configuration, const struct comparison *comparison);

/* Whether a measure has samples in any cell. */
bool cells_sampled(const struct cells *cells, size_t measure);
/* How many samples a cell has of a measure. */
size_t cells_samples(const struct cell *cell, size_t measure);
/* "p99.9" for 0.999. */
void quantile_name(double p, char name[16]);
/* Decimals to show the quantiles of a measure of samples with: the least median has three digits, from 100 on four. */
int cells_sample_decimals(const struct cells *cells, size_t measure);

/* The main measure, which the tables are of. */
const struct measure *cells_primary(const struct cells *cells);
/* "Mbit/s" for mbps; other units as the experiment writes them. */
const char *unit_text(const char *unit);
/* Decimals to show a measure with: so many that its largest mean has three or four digits or, from 1 on, two
 * decimals. */
int cells_decimals(const struct cells *cells, size_t measure);
const char *judgement_name(enum judgement judgement); /* "" for JUDGED_NOT */
/* What a difference means for a measure of which less is better: "better" or "worse"; "" for any other measure, where
 * higher is better, and where there is no difference. */
const char *judgement_meaning(enum judgement judgement, const struct measure *measure);
/* The judgement in words, with the numbers of its notes, and with `amount` how far apart: "higher by 1.2 %, worse [1]";
 * "-" for none. The caller frees it; NULL: out of memory. */
char *cells_verdict(const struct cells *cells, const struct cell *cell, bool amount);
/* The number that a note has in the tables, from 1, in the order of the file among those that are used; 0: it
 * is not. */
size_t cells_note_number(const struct cells *cells, size_t note);
/* The records of a cell. Returns the first, and how many there are. */
const struct record *cells_records(const struct cells *cells, const struct cell *cell, size_t *count);
/* The values of a measure over the counted trials that have it. The caller frees them; NULL: out of memory. */
double *cells_values(const struct cells *cells, const struct cell *cell, size_t measure, size_t *count);
/* Describes any measure of a cell over the counted trials that have it. 0, or -1: out of memory. */
int cells_describe(const struct cells *cells, const struct cell *cell, size_t measure, struct stats *stats);
/* Whether a record is among those that count: the last of its repeat, and valid or suspect. */
bool cells_counts(const struct record *record);

#endif
