/* An instance of a scenario, packet by packet: the plan's paths over links with queues, and Multipath TCP of lib/sim on them. */
#ifndef LIQUIDNET_GRIN_PACKETS_H
#define LIQUIDNET_GRIN_PACKETS_H

#include "nodes/grin/sim/ways.h"

/* Fills in what packets tell, and for streams rates[i], in uplinks: what flow i has in the measured part. An uplink is what full packets carry of a link. -1 with *error. */
int packets_run(const struct ways *ways, const struct traffic_flow *flows, unsigned count, double *rates,
	struct scenario_outcome *outcome, char **error);

#endif
