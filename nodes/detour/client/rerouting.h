/* Rerouting: the daemon's side of dynamic source routing (routing.h): five looks a second at what every subflow has delivered, and
 * what the policy makes of them goes to the paths. */
#ifndef LIQUIDNET_CLIENT_REROUTING_H
#define LIQUIDNET_CLIENT_REROUTING_H

#include "nodes/detour/client/paths.h"
#include <systemd/sd-event.h>

struct rerouting;

struct rerouting_counters {
	uint64_t looks, dead, better;
};

/* `settled` is called after a change. `routes`: detours; `limit`: subflows across them of a connection. NULL with *error. */
struct rerouting *rerouting_new(sd_event *loop, struct paths *paths, unsigned routes, unsigned limit,
	void (*settled)(void *context), void *context, char **error);
void rerouting_free(struct rerouting *rerouting);
const struct rerouting_counters *rerouting_counters(const struct rerouting *rerouting);

#endif
