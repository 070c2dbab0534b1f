/* What the kernel knows: the living MPTCP subflows that began here, by sock_diag. The way back to the truth
 * after events were lost, and the first look of a client that starts among connections. */
#ifndef LIQUIDNET_CLIENT_SURVEY_H
#define LIQUIDNET_CLIENT_SURVEY_H

#include "nodes/client/paths.h"

struct survey_subflow {
	uint32_t token;
	struct endpoint local, remote;
	uint8_t local_id;
	bool initial; /* of its connection */
};

/* Lists the established IPv4 subflows (also those of IPv6 sockets) of connections that this host opened.
 * *list is the caller's to free. -1 with *error. */
int survey_take(struct survey_subflow **list, size_t *count, char **error);
#endif
