/* What is asked of liquidnet-ndp, as checked values. */
#ifndef LIQUIDNET_NDP_HOST_OPTIONS_H
#define LIQUIDNET_NDP_HOST_OPTIONS_H

#include "lib/ndp/ndp_paths.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_MAX 64

enum transport { TRANSPORT_NDP, TRANSPORT_TCP, TRANSPORT_MPTCP, TRANSPORTS };

struct addresses {
	struct in_addr list[ADDRESSES_MAX];
	uint32_t count;
};

struct options {
	bool serve; /* else send */
	enum transport transport;
	struct addresses own, to, preferred; /* own: one a path; none: any, one path */
	uint16_t port;
	uint32_t mtu; /* of IP */
	uint64_t rate_bps;
	int64_t rto_ns;

	/* send */
	uint64_t size;   /* of a flow, bytes */
	uint32_t count;  /* flows, one after another */
	uint32_t window; /* packets sent unasked */
	enum ndp_spray spray;
	bool penalty;
	const char *meet; /* a file at which all senders meet, */
	uint32_t meeting; /* so many */
	int64_t after_ns; /* begins so long after that */

	/* serve */
	uint32_t flows; /* ends after so many; 0: never */
	int64_t bin_ns; /* of the series of what came; 0: none */
	int ready_fd;

	int64_t duration_ns; /* ends after so long; 0: not for that reason */
	uint64_t seed;
};

/* -1: go on; else the exit status, and everything is said. */
int options_read(int argc, char **argv, struct options *options);

#endif
