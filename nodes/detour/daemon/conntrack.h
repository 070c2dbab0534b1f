/* The live flows that run through mappings, from the kernel's connection tracking. */
#ifndef LIQUIDNET_DETOUR_CONNTRACK_H
#define LIQUIDNET_DETOUR_CONNTRACK_H

#include <netinet/in.h>
#include <stdint.h>

struct conntrack;

/* NULL with *error when the kernel's connection tracking cannot be read. */
struct conntrack *conntrack_open(char **error);
void conntrack_close(struct conntrack *conntrack);
/* Calls `flow` once for each TCP flow over IPv4 that was given another destination and has not ended: who
 * opened it, to which of our ports, and where it was led. One dump: O(flows of the host). -1 with *error. */
int conntrack_read(struct conntrack *conntrack,
	void (*flow)(void *context, struct in_addr client, uint16_t detour_port, struct in_addr remote,
		uint16_t remote_port),
	void *context, char **error);
#endif
