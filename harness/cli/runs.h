/* Runs: from what the user typed to a folder of results. */
#ifndef LIQUIDNET_RUNS_H
#define LIQUIDNET_RUNS_H

#include <stddef.h>
#include <sys/types.h>

/* `named`: a folder (results/EXPERIMENT/TIME, or results/EXPERIMENT, which means its latest), or an experiment's name,
 * whose latest run in results/ here is meant; NULL: the newest run in results/ here. Writes the folder's path, without
 * links. -1 and *error: there is none, and what was looked for. */
int runs_find(const char *named, char *folder, size_t size, char **error);
/* The process that writes there now; 0: none. */
pid_t runs_writer(const char *folder);

#endif
