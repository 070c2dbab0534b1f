/* Fidelity: did each link do what it was configured to do? Two witnesses: the back end's counters (packets
 * lost, bytes sent, lateness) over the whole trial, and a train of stamped packets that crosses each
 * direction once the workload is over, which no back end counts for us. */
#ifndef LIQUIDNET_FIDELITY_H
#define LIQUIDNET_FIDELITY_H

#include "harness/experiment/experiment.h"
#include "harness/place/network.h"
#include <jansson.h>

/* Sends a train over every direction of every shaped link whose ends have addresses, all at the same time,
 * and notes under "observed" of the direction in `links` (of shape_collect): {"sent", "received",
 * "error_median_us", "error_min_us", "error_max_us", "delay_us", "rate_bps"}. Errors are against the link's
 * model fed with the train; delay is the configured one plus the median error; rate only where the link was
 * the bottleneck and lost nothing. Where a train could not run "observed" is {"reason", "no_route"}. Takes
 * twice the longest delay and some 50 ms. Where a train is late by 1 ms, or did not come, it is sent again:
 * three rounds in all, and more until what the workload left in the queues must be through, while it is late
 * by 2 ms. */
void fidelity_observe(const struct network *network, const struct link_shape *shapes, json_t *links);

/* Judges record.links against the configured shapes: the emulator's own failures on every shaped link, the
 * rest where a link is a pipe that stays as it is. `seconds`: how long the workload ran. Thresholds:
 * docs/verdict.md. */
void fidelity_judge(
	const struct topology *topology, const struct link_shape *shapes, double seconds, json_t *record);

#endif
