/* Flows that run through mappings, as the kernel's connection tracking tells of them: events of our own flows alone (by their
 * mark, filtered in the kernel), so that a table full of others' flows costs nothing here. */
#ifndef LIQUIDNET_DETOUR_FLOWS_H
#define LIQUIDNET_DETOUR_FLOWS_H

#include "lib/net/address.h"
#include <systemd/sd-event.h>

struct flow {
	struct place client;   /* who opened it */
	struct place detour;   /* to which address and port of ours */
	struct place outgoing; /* the address and port under which it left */
	struct place remote;
	uint64_t bytes_up,
		bytes_down; /* from, to the client; 0 unless accounted (net.netfilter.nf_conntrack_acct) */
	bool live;          /* both ends have answered, and have not both said the end */
};

enum flow_event {
	FLOW_BEGAN, /* its first packet has left */
	FLOW_LIVE,  /* both ends have answered; once a flow at most */
	FLOW_OVER,  /* it lives no longer; after FLOW_LIVE, once */
	FLOW_ENDED, /* the kernel has forgotten it, up to a minute later: its bytes are all counted */
};

struct flows_handlers {
	void (*event)(void *context, enum flow_event event, const struct flow *flow);
	/* Events were lost: what is known of live flows must be counted anew (flows_each). */
	void (*lost)(void *context);
	void *context;
};

struct flows;

/* `mark` under `mask` are ours. NULL with *error when the kernel's connection tracking cannot be read. */
struct flows *flows_open(
	sd_event *loop, uint32_t mark, uint32_t mask, const struct flows_handlers *handlers, char **error);
void flows_close(struct flows *flows);
/* Calls `each` for all of our flows that there are now, and knows of those that live from here on. The kernel walks its whole
 * table for it: for starts, and after losses. -1 with *error. */
int flows_each(struct flows *flows, void (*each)(void *context, const struct flow *flow), void *context,
	char **error);
/* Ends those of our flows that `which` chooses: their next packet finds nothing. Returns how many. */
size_t flows_cut(struct flows *flows, bool (*which)(void *context, const struct flow *flow), void *context);
uint64_t flows_losses(const struct flows *flows);

#endif
