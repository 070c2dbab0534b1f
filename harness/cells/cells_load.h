/* Cells, loading: from a results folder to cells. */
#ifndef LIQUIDNET_CELLS_LOAD_H
#define LIQUIDNET_CELLS_LOAD_H

#include "harness/cells/cells.h"

/* Reads `results_dir`/trials.jsonl, the published files and the notes on them (relative to `results_dir` where they are
 * there, as in an archive, else to `root`; both names live as long as the cells). NULL with *error ("FILE:LINE: ..."): a
 * fault in the records (records_load), in a published file or in the notes. */
struct cells *cells_load(
	const struct experiment *experiment, const char *root, const char *results_dir, char **error);

#endif
