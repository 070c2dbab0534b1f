/* Observe: what watches a trial while its workload runs: the captures, the lateness probe, the watch over its
 * processes, the congestion control of its sockets, the machine's own figures; and the verdict that they allow on whether the machine
 * was able to emulate the trial faithfully.
 */
#ifndef LIQUIDNET_OBSERVE_H
#define LIQUIDNET_OBSERVE_H

#include "harness/experiment/experiment.h"
#include "harness/machine/cost.h"
#include "harness/machine/probe.h"
#include "harness/observe/afar.h"
#include "harness/observe/congestion.h"
#include "harness/observe/foreign.h"
#include "harness/place/network.h"
#include <sys/types.h>

struct observer {
	const struct experiment *experiment;
	enum trial_clock clock;
	const char *folder;
	char **captures; /* path of each capture, by capture index; owned */
	pid_t capture_pid, probe_pid, congestion_pid, watch_pid;
	int probe_errno, watch_errno; /* why they could not be started, or 0: such a trial is suspect */
	int stop_fd;                  /* closing it ends them */
	struct machine_sample before;
	struct cost_sample own_before; /* of this sandbox */
	struct foreign foreign;
	struct afar *afar; /* where the nodes are hosts elsewhere: afar.h; else NULL */
};

/* Starts captures and probe, and the look at sockets where `configuration` or `procedure` say what those are
 * to have; returns when every capture is active. */
int observe_start(struct observer *observer, const struct experiment *experiment, enum trial_clock clock,
	const struct configuration *configuration, const struct procedure *procedure,
	const struct network *network, const char *folder, char **error);
/* Ends them, waits for their results and puts these under "verdict" into the record. -1 and *error when one
 * failed. */
int observe_stop(struct observer *observer, json_t *record, char **error);
/* Judges the record by the signals that were collected. Thresholds: docs/verdict.md. What was lost of time is
 * compared with the window of the experiment's main measure, where that has one. */
void observe_judge(const struct experiment *experiment, json_t *record);
/* Ends what still runs, whatever happened; frees. Harmless twice or before a start. */
void observe_abandon(struct observer *observer);

#endif
