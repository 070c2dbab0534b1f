/* Identical: whether the trials of two runs are the same to the byte, as one seed makes them in virtual time
 * (docs/virtual.md). */
#ifndef LIQUIDNET_IDENTICAL_H
#define LIQUIDNET_IDENTICAL_H

#include <stddef.h>

struct identical {
	size_t trials, same; /* of `then` that `now` has too (configuration, procedure, repeat, attempt) */
	size_t missing;      /* that it has not */
	char first[600]; /* what differs first: the trial, and the file or the record's member; "": nothing */
};

/* Compares each trial's record and its files. What the host did for it is left out: processor and wall time, memory, how many ran
 * at once, the kernel's messages; names of the two folders count as the same. -1 and *error: a folder cannot be read. */
int identical_runs(const char *then, const char *now, struct identical *identical, char **error);

#endif
