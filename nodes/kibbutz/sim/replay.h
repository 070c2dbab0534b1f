/* Replay: gives the event trace of a device daemon (nodes/kibbutz/daemons.md) to the same policy. The answers should be the same;
 * differences are listed. */
#ifndef LIQUIDNET_SIM_REPLAY_H
#define LIQUIDNET_SIM_REPLAY_H

#include "lib/link/radio.h"
#include <stdio.h>

struct replay_result {
	unsigned calls, decisions, differences;
	struct radio radio; /* as the device's own and forwarded packets would have driven it */
	int64_t length_ns;  /* from the first call to the last */
};

/* Replays a trace and prints each difference to `out`, one line. -1 with *error "FILE:LINE: ..." when it is
 * no trace; one that ends in the middle of a line (the daemon was killed) ends there. */
int replay_trace(const char *path, FILE *out, struct replay_result *result, char **error);
#endif
