/* Results: the folder of one run, results/EXPERIMENT/TIME/: experiment.yaml, provenance.json, trials.jsonl, a
 * folder a trial. Records are appended and flushed one by one; nothing is overwritten. `latest` points to the
 * newest run. */
#ifndef LIQUIDNET_RESULTS_H
#define LIQUIDNET_RESULTS_H

#include <jansson.h>
#include <stddef.h>

struct results {
	char folder[4096]; /* absolute */
	int log_fd;        /* trials.jsonl */
	int lock_fd;       /* held while this process lives: one writer a folder */
};

/* Makes PLACE/NAME/TIME (UTC), copies the experiment file into it as experiment.yaml, and its base (NULL:
 * none) under the base's own name; moves `latest`. */
int results_open(struct results *results, const char *place, const char *name, const char *experiment_path,
	const char *base_path, char **error);
/* Opens the folder of an interrupted run (a path, `latest` too) to go on with it: cuts off a last line that a
 * crash tore, and writes the highest number that a trial's folder has. Refused while another run writes
 * there. */
int results_reopen(struct results *results, const char *folder, unsigned *number, char **error);
/* Makes the folder of a trial and writes its path. */
int results_trial_folder(
	const struct results *results, const char *label, char *path, size_t size, char **error);
/* Appends one record as one line; on return it has reached the disk. */
int results_append(struct results *results, const json_t *record, char **error);
int results_write_json(const struct results *results, const char *name, const json_t *value, char **error);
/* Appends a line, with the time, to a file of the run's folder. What cannot be written is not missed. */
void results_note(const struct results *results, const char *file, const char *line);
void results_close(struct results *results);

#endif
