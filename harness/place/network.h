/* Network: the nodes and links of one trial, built inside the sandbox by topologies/driver.py; or hosts elsewhere. */
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
	bool elsewhere;       /* they are hosts, or nobody's */
	int said_fd; /* why what stands for the driver ended, where it is not the driver; -1: nothing tells */
	json_t *before; /* what the nodes had counted before; NULL: their kernels are as old as the network */
};

/* Builds it; waits until it is up. The description that the driver prints must agree with `topology`. `file`: where
 * the topology is, when it is not one of the project's; may be NULL. */
int network_build(struct network *network, const char *root, const char *file,
	const struct topology *topology, int64_t deadline_ns, char **error);
/* The network that is there already: hosts whose agents answer on these sockets, by node index; NULL: nobody's. What is
 * changed on a host, or begun there, is undone there when the network is freed or this process ends; a host that goes away
 * shows as the end of the driver. */
int network_of_hosts(
	struct network *network, const struct topology *topology, const char *const *sockets, char **error);
/* Something failed: where a host has gone, that is why, and *error is about that instead. */
void network_blame(struct network *network, char **error);
/* Frees what we hold; the nodes live as long as the sandbox. */
void network_free(struct network *network);

#endif
