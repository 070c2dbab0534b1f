/* A client of tract servers: writes and reads blobs tract by tract, by symbols or, to compare, over TCP. */
#ifndef LIQUIDNET_TREVI_CLIENT_H
#define LIQUIDNET_TREVI_CLIENT_H

#include "nodes/trevi/table.h"
#include <stdio.h>

enum client_by { BY_TREVI, BY_UNICAST, BY_TCP, BY_MPTCP };
extern const char *const client_by_names[]; /* "trevi", "unicast", "tcp", "mptcp", NULL */

struct client_settings {
	const struct table *table;
	uint8_t guid[WIRE_GUID];
	enum client_by by;
	bool put;
	uint32_t tracts, parallel,
		repeat; /* parallel: tracts at once; repeat: rounds, each of which begins when the last one is whole */
	unsigned sources; /* most servers that a read asks */
	uint32_t tract_size;
	uint16_t fragment;
	unsigned ttl;                               /* of multicast */
	int64_t timeout_ns, straggler_ns, noise_ns; /* noise: that the machine adds to a round trip */
	uint8_t *bytes; /* put: what is written; get: where it goes, tract_size per tract */
	uint64_t length;
	uint64_t
		read; /* get: filled in: bytes of the blob from its beginning, to the end of the last tract */
};

/* Runs the client, and prints its measurements as JSON to `out`. Returns the exit status: 0, or 1 if a part failed. *error, if set, is a line about the first
 * server that failed; a read may be complete without that server. */
int client_run(struct client_settings *settings, FILE *out, char **error);

#endif
