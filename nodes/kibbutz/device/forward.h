/* Forwarding for neighbours, and reports of packets. nftables admits a neighbour's packets while its advertisement is valid, translates
 * them onto the cellular link, and counts them. Its log reports each packet that the policy must know: the device's own packets on the
 * cellular link and through a neighbour, and neighbours' packets through this device. */
#ifndef LIQUIDNET_KIBBUTZ_FORWARD_H
#define LIQUIDNET_KIBBUTZ_FORWARD_H

#include "nodes/kibbutz/device/settings.h"
#include <jansson.h>
#include <systemd/sd-event.h>

struct forward;

struct forward_handlers {
	void (*own)(void *context);                           /* an own packet leaves on the own link */
	void (*used)(void *context, unsigned neighbour);      /* an own packet leaves through a neighbour */
	void (*forwarded)(void *context, unsigned neighbour); /* a neighbour's packet leaves on our link */
	void *context;
};

/* Installs the table (an earlier one is replaced) and listens. NULL with *error. */
struct forward *forward_start(sd_event *loop, const struct settings *settings,
	const struct forward_handlers *handlers, char **error);
/* Removes the table. NULL-safe. */
void forward_stop(struct forward *forward);
/* Forwards for a neighbour from now on, for `ttl_ns`; 0 ends it. -1 with *error. */
int forward_admit(struct forward *forward, unsigned neighbour, int64_t ttl_ns, char **error);
/* Bytes per neighbour: {"NAME": {"given_up": N, "given_down": N}}; and "refused", packets without an
 * advertisement. A new reference, or NULL with *error. */
json_t *forward_accounts(struct forward *forward, char **error);
/* Bytes forwarded for all of them. -1 with *error. */
int forward_bytes(struct forward *forward, int64_t *up, int64_t *down, char **error);
/* Packets whose report was lost: the policy may have missed one. */
uint64_t forward_missed(const struct forward *forward);
#endif
