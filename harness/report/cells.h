/* Cells: the records of a results folder (trials.jsonl), sorted into the table of configurations and
 * procedures, with what was published beside them. All that the tables and files of a summary say is worked
 * out here.
 *
 * Of a (configuration, procedure, repeat) only the last attempt counts, and only as valid or suspect. What
 * does not count, and what is suspect, stays in `records` with its reasons: nothing is left out silently. */
#ifndef LIQUIDNET_CELLS_H
#define LIQUIDNET_CELLS_H

#include "harness/experiment/experiment.h"
#include "harness/record/records.h"
#include "harness/record/stats.h"
#include "harness/report/notes.h"
#include "harness/report/published.h"
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

struct cell {
	size_t configuration, procedure; /* indices of the experiment */
	bool shown;                      /* planned, or has records */
	struct stats stats;              /* of the primary measure */
	double *means;                   /* a measure: over the counted trials that have it; NAN: none has */
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

/* Reads `results_dir`/trials.jsonl, the published files and the notes on them (relative to `results_dir`
 * where they are there, as in an archive, else to `root`; both names live as long as the cells). NULL with
 * *error
 * ("FILE:LINE: ..."): a fault in the records (records_load), in a published file or in the notes. */
struct cells *cells_load(
	const struct experiment *experiment, const char *root, const char *results_dir, char **error);
void cells_free(struct cells *cells);

/* An overhead in one configuration, per cent; NAN: not all means are there. */
struct overhead {
	double measured, half_width; /* half of its 95 % interval (Welch; delta method for the quotient) */
	double published;
};
/* Whether every procedure that the comparison needs is shown in that configuration. */
bool cells_comparable(const struct cells *cells, size_t configuration, const struct comparison *comparison);
struct overhead cells_overhead(
	const struct cells *cells, size_t configuration, const struct comparison *comparison);

/* "Mbit/s" for mbps; other units as the experiment writes them. */
const char *unit_text(const char *unit);
/* Decimals to show a measure with: so many that its largest mean has three or four digits or, from 1 on, two
 * decimals. */
int cells_decimals(const struct cells *cells, size_t measure);
const char *judgement_name(enum judgement judgement); /* "" for JUDGED_NOT */
/* The judgement in words, with how far apart and the numbers of its notes: "higher by 1.2 % [1]"; "-" for
 * none.
 */
void cells_verdict(const struct cells *cells, const struct cell *cell, char *text, size_t size);
/* The number that a note has in the tables, from 1, in the order of the file among those that are used; 0: it
 * is not. */
size_t cells_note_number(const struct cells *cells, size_t note);
/* The records of a cell: they stand together. Returns the first, and how many there are. */
const struct record *cells_records(const struct cells *cells, const struct cell *cell, size_t *count);
/* Describes any measure of a cell over the counted trials that have it. 0, or -1: out of memory. */
int cells_describe(const struct cells *cells, const struct cell *cell, size_t measure, struct stats *stats);
/* Whether a record is among those that count: the last of its repeat, and valid or suspect. */
bool cells_counts(const struct record *record);

#endif
