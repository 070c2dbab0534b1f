/* Link network: two nodes, a and b, with one or more links between them, shaped by one of the harness's own
 * back ends, for measuring that back end. The nodes are processes of ours: it needs a private PID and mount
 * namespace, with /proc and /run of their own (link_sandbox). */
#ifndef LIQUIDNET_BENCH_LINK_NETWORK_H
#define LIQUIDNET_BENCH_LINK_NETWORK_H

#include "harness/links/shape.h"
#include <stddef.h>

struct link_network {
	struct topology *topology;
	struct network network;
	struct link_shape *links;
	const struct shape_backend **chosen;
	struct shaping shaping;
};

/* Runs body(context) as the first process of namespaces that die with it; returns its exit status. */
int link_sandbox(int (*body)(void *context), void *context);

/* `backend` NULL: bare veth pairs. Segmentation offloads are off on every interface, so that all carry the
 * packets of the wire. Both directions get `shape`. -1 and *error; link_network_close either way. */
int link_network_open(struct link_network *network, size_t links, const struct shape_backend *backend,
	const struct shape *shape, char **error);
void link_network_close(struct link_network *network);

/* The address of a link's end: node 0 is a, node 1 is b. */
const char *link_network_address(const struct link_network *network, size_t link, int node);

#endif
