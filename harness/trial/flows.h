/* Flows: which of a capture's connections carry the workload's data, and where their subflows come from. */
#ifndef LIQUIDNET_FLOWS_H
#define LIQUIDNET_FLOWS_H

#include "harness/experiment/experiment.h"
#include <jansson.h>

/* Whether a connection of `connections` is meant: with a port those to it; without, the one that delivered most. */
bool flows_meant(json_t *connections, const json_t *connection, const struct flow_selection *flows);
/* Of those that are meant the one that delivered most; NULL: there is none. */
json_t *flows_busiest(json_t *connections, const struct flow_selection *flows);
/* Whether the one connection that is meant when no port is named carries the capture's data: no other one, and no
 * datagrams, have more than a hundredth of its bytes. -1 and *error with the remedy: others have (a test by UDP, a
 * test of several streams), and a number of one would be wrong. With a port named: 0. */
int flows_unambiguous(
	json_t *connections, const struct flow_selection *flows, const char *capture, char **error);
/* "forward" or "reverse": the direction that delivered more. */
const char *flows_direction(const json_t *connection);
/* Bytes delivered in the `window`th window, by all that are meant, in the direction that delivered more in all. */
double flows_window(json_t *connections, const struct flow_selection *flows, size_t window);
/* The node and the link that have an address; -1 in both: none has. */
void flows_place(const struct topology *topology, const char *address, int *node, int *link);

#endif
