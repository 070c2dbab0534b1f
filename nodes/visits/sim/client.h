/* Simulates what arrives at one client with one radio, when a server sends over several access points, each on a channel of its own. Wires,
 * air and radio are the models of lib/link, as in the link daemon. The transport is one window per subflow. */
#ifndef LIQUIDNET_VISITS_CLIENT_H
#define LIQUIDNET_VISITS_CLIENT_H

#include "nodes/visits/sim/scenario.h"

enum client_measure {
	CLIENT_TOTAL, /* goodput, Mbit/s */
	CLIENT_FIRST, /* of the first access point */
	CLIENT_SECOND,
	CLIENT_DELAY,  /* mean time of a packet from the server to the client, ms */
	CLIENT_LOST,   /* packets per million of which every try failed */
	CLIENT_VISITS, /* a second */
	CLIENT_IDLE,   /* share of visits that ended by Tw */
	CLIENT_AWAY,   /* share of the time that the radio was on its way */
	CLIENT_MEASURES
};
extern const char *const client_measure_names[CLIENT_MEASURES + 1];

/* One seed, one outcome. -1 with *error: no memory. */
int client_run(const struct scenario *scenario, uint64_t seed, double values[CLIENT_MEASURES], char **error);

#endif
