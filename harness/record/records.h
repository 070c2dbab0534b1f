/* Records: the lines of trials.jsonl as data. */
#ifndef LIQUIDNET_RECORDS_H
#define LIQUIDNET_RECORDS_H

#include "harness/experiment/experiment.h"
#include "harness/record/quantiles.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trial_status { TRIAL_VALID, TRIAL_SUSPECT, TRIAL_INVALID, TRIAL_FAILED };

struct record_subflow {
	const char *node; /* of the topology, or of records.names */
	double unique_bytes;
	double *series; /* bytes a step of record.series_step_s since the capture began */
	size_t series_count;
};

struct record {
	unsigned line;
	size_t configuration, procedure;
	int64_t repeat, attempt;
	enum trial_status status;
	bool last;                       /* of its repeat: the one that counts, if it is valid or suspect */
	char *reasons;                   /* joined by "; " */
	double *measures;                /* as many as the experiment has; NAN: not in the record */
	struct sample_list *samples;     /* of each measure; of count 0 where it has none */
	struct record_subflow *subflows; /* a node once, its subflows added up */
	size_t subflows_count;
	double series_step_s; /* NAN: no series */
};

struct records {
	struct record *items; /* by configuration, procedure, repeat, attempt, line */
	size_t count;
	char **names; /* of nodes in the records that the topology does not have */
	size_t names_count;
	size_t measures_count; /* of the experiment */
	bool torn;             /* the last line of the file was cut off, and is not in here */
	size_t broken; /* lines in the middle that are no records, and are not in here: a disk that was full, a crash */
	unsigned broken_line; /* the first of them */
};

/* Reads a file of records. A last line that is cut off is left out (torn), and so are broken lines, as long as there are others. A record that would count but
 * lacks the primary measure counts as failed, and says so. 0, or -1 with *error ("FILE:LINE: ..."): no line
 * is a record; one lacks its configuration, repeat or attempt; a configuration, procedure or status that is not known; samples that are no numbers.
 * records_free is due either way. */
int records_load(
	struct records *records, const struct experiment *experiment, const char *path, char **error);
void records_free(struct records *records);
/* "valid", "suspect", "invalid", "failed". */
const char *trial_status_name(enum trial_status status);

#endif
