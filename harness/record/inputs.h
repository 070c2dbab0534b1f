/* Inputs: what a bundle keeps beside its copy of the experiment: the network's description (topologies/) and
 * the published values (data/). */
#ifndef LIQUIDNET_INPUTS_H
#define LIQUIDNET_INPUTS_H

#include "harness/experiment/experiment.h"

/* The path of a file of published values, as an experiment names it ("data/SYSTEM/FILE"; absolute: itself): in
 * `folder` where it is there, else in `root`. What was called data/FILE before systems had folders of their own is
 * found in theirs. The caller frees it; NULL: out of memory. */
char *inputs_path(const char *folder, const char *root, const char *file);
/* The name of the notes on a file of published values: notes.yaml beside it. The caller frees it. */
char *inputs_notes(const char *file);
/* Whether a name is of a file below data/, so that bundles keep it: data/FILE or data/SYSTEM/FILE. */
bool inputs_in_data(const char *file);

/* -1 and *error: beside the experiment's file there is a network of that name, and `root`, whose networks are
 * built, has another one. Where either has none, there is nothing to check. */
int inputs_check_network(const struct experiment *e, const char *root, char **error);
/* Copies the published values and notes that lie beside the experiment's file, and are not those of `root`,
 * into a new run's folder, so that its tables are made with them. */
int inputs_copy_published(const struct experiment *e, const char *root, const char *folder, char **error);

#endif
