/* The configuration file of liquidnet-steer (steer.example.yaml explains it). */
#ifndef LIQUIDNET_STEER_CONFIG_H
#define LIQUIDNET_STEER_CONFIG_H

#include "nodes/steer/daemon/ring.h"
#include "nodes/steer/steps.h"
#include "nodes/steer/waypoint.h"

struct steer_config {
	struct conf *conf; /* what the texts here are part of */
	const char *interfaces[RING_INTERFACES];
	unsigned interface_count;
	struct identity identity;
	struct waypoint waypoints[WAYPOINTS_MOST];
	unsigned waypoint_count;
	struct rules rules;
	struct steps_settings steps;
	uint32_t table;
};

/* NULL with *error: one line, with file and line. A waypoint that no route reaches is an error. */
struct steer_config *steer_config_load(const char *path, char **error);
void steer_config_free(struct steer_config *config);
/* The waypoint of that name, or -1. */
int steer_config_waypoint(const struct steer_config *config, const char *name);

#endif
