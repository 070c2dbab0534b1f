/* Rerouting: the daemon's side of dynamic source routing (routing.h): ten looks a second at what every subflow has delivered, and
 * what the policy makes of them goes to the paths. Between them trains of probes (trains.h) go to the detours that could be used by a
 * connection and are not, from its own address. */
#ifndef LIQUIDNET_CLIENT_REROUTING_H
#define LIQUIDNET_CLIENT_REROUTING_H

#include "nodes/detour/client/paths.h"
#include "nodes/detour/client/request.h"
#include <systemd/sd-event.h>

struct rerouting;

struct rerouting_counters {
	uint64_t looks, dead, better;
	uint64_t told;   /* changes by rerouting_use() */
	uint64_t direct; /* direct subflows that were dead */
};

struct rerouting_settings {
	unsigned routes;  /* detours */
	unsigned limit;   /* subflows across them of a connection */
	int64_t probe_ns; /* from one train to the next, of a detour that is not used; 0: none */
};

/* `settled` is called after a change. NULL with *error. */
struct rerouting *rerouting_new(sd_event *loop, struct paths *paths, struct requests *requests,
	const struct rerouting_settings *settings, void (*settled)(void *context), void *context,
	char **error);
/* Somebody else chooses: from now on every connection's subflows go across the detours with `chosen` (one a detour), and what the policy
 * thinks is not done. NULL: the policy chooses again. */
void rerouting_use(struct rerouting *rerouting, const bool *chosen);
/* A train was answered (request_handlers). */
void rerouting_probed(struct rerouting *rerouting, unsigned detour, const struct address *local,
	unsigned sent, unsigned arrived, int64_t span_ns, unsigned size);
/* Another detour, or none, is at this place: what was seen of it counts for nothing. */
void rerouting_forget(struct rerouting *rerouting, unsigned detour);
/* What a subflow would carry, in bytes a second, as the last trains say; 0: not known. */
double rerouting_worth(const struct rerouting *rerouting, unsigned detour);
void rerouting_free(struct rerouting *rerouting);
const struct rerouting_counters *rerouting_counters(const struct rerouting *rerouting);

#endif
