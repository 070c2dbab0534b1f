/* Network: the nodes and links of one trial, built inside the sandbox by topologies/driver.py. */
#ifndef LIQUIDNET_NETWORK_H
#define LIQUIDNET_NETWORK_H

#include "harness/experiment/topology.h"
#include "harness/place/place.h"
#include "lib/base/process.h"

struct network {
	const struct topology *topology;
	struct process driver;
	int driver_stdin;     /* closing it ends the driver */
	struct place *places; /* by node index */
};

/* Builds it; waits until it is up. The description that the driver prints must agree with `topology`. `file`: where
 * the topology is, when it is not one of the project's; may be NULL. */
int network_build(struct network *network, const char *root, const char *file,
	const struct topology *topology, int64_t deadline_ns, char **error);
/* Frees what we hold; the nodes live as long as the sandbox. */
void network_free(struct network *network);

#endif
