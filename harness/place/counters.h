/* Counters: what the nodes' kernels counted (TcpExt, MPTcpExt, Udp, Ip, ...) since the network was built,
 * or found. */
#ifndef LIQUIDNET_COUNTERS_H
#define LIQUIDNET_COUNTERS_H

#include "harness/place/network.h"

/* {NODE: {"MPTcpExtMPCapableSYNTX": 2, ...}} for every node; only counters that are not zero. */
json_t *counters_read(const struct network *network, char **error);
/* The first counter of a node's object whose name begins with `prefix` and contains `part`; NULL when all are
 * zero. */
const char *counters_find(json_t *counters, const char *prefix, const char *part, const char **node);

#endif
