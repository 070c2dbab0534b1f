/* Bundle: a run as one archive fit for artifact evaluation: inputs, raw records, the pages and tables made of
 * them, what they were compared with, how to make them again, and a checksum of every file. */
#ifndef LIQUIDNET_BUNDLE_H
#define LIQUIDNET_BUNDLE_H

#include "harness/cells/cells.h"
#include <stdbool.h>

/* Writes `output` (a .tar.gz that does not exist yet) from a results folder. The same folder makes the same
 * archive, byte by byte. `captures`: with the packet captures. 0, or -1 with *error; nothing is left then. */
int bundle_make(
	const struct cells *cells, const char *folder, bool captures, const char *output, char **error);

#endif
