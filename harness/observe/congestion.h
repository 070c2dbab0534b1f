/* Congestion: which congestion control the sockets of a trial had. A sysctl says what new sockets are to get;
 * here the kernel is asked what every connected socket of a node has, subflows included, all through the
 * workload. */
#ifndef LIQUIDNET_CONGESTION_H
#define LIQUIDNET_CONGESTION_H

#include "harness/experiment/experiment.h"
#include "harness/place/network.h"
#include <jansson.h>

struct congestion_target {
	const char *node, *wanted;
	const struct place *place;
};

/* The nodes for which the experiment says `congestion`, as a configuration and a procedure have it: what is
 * said last wins, and a sysctl that is set over it is not looked at. An array of *count, the caller's. */
struct congestion_target *congestion_targets(const struct experiment *experiment,
	const struct configuration *configuration, const struct procedure *procedure,
	const struct network *network, size_t *count);
/* Looks five times a second until stop_fd is readable or at its end; writes {"nodes": {NODE: {"wanted": NAME,
 * "seen": {NAME: the most sockets at once}}}} to result_path. Returns an exit status. */
int congestion_watch(
	const struct congestion_target *targets, size_t count, int stop_fd, const char *result_path);
/* Judges the record by its verdict.congestion, if it has one: a trial in which a socket had another
 * congestion control, or no socket was seen, is invalid. */
void congestion_judge(json_t *record);

#endif
