/* The device's tunnels to the provider. Each one is an OpenVPN process that ends with the daemon. In its own tunnel the device sends what
 * it forwards for neighbours. In the tunnel through a neighbour it sends what that neighbour forwards for it. A tunnel is made when it is
 * first needed, over a radio that is up at that moment. After that it sends nothing of its own, so an idle tunnel wakes no radio. Without
 * tunnels in the settings all functions here report success and do nothing. */
#ifndef LIQUIDNET_KIBBUTZ_TUNNELS_H
#define LIQUIDNET_KIBBUTZ_TUNNELS_H

#include "nodes/kibbutz/device/settings.h"
#include <jansson.h>
#include <systemd/sd-event.h>

/* The mark of packets of the own tunnel. They do not count as the device's own packets, although this host makes them. */
#define TUNNELS_MARK 0x4b42

/* `which`: a neighbour's number, or KIBBUTZ_OWN. The tunnel has come up, or is not to be used any more. */
typedef void tunnels_changed(void *context, int which);

struct tunnels;

/* Reads certificates, makes the directory; starts nothing yet. NULL with *error. */
struct tunnels *tunnels_new(sd_event *loop, const struct settings *settings, struct in_addr cellular,
	tunnels_changed *changed, void *context, char **error);
/* Ends them. NULL-safe. */
void tunnels_stop(struct tunnels *tunnels);
/* Starts the tunnel if that has not been done. A failure is logged, and tried again at the next call. */
void tunnels_want(struct tunnels *tunnels, int which);
/* May be used now. */
bool tunnels_up(const struct tunnels *tunnels, int which);
/* Nothing comes back through the tunnel: it makes a new session. */
void tunnels_renew(struct tunnels *tunnels, int which);
/* To be called from time to time with the bytes that have gone up and come down through the own tunnel so far. Two calls in a row
 * without an answer renew the tunnel. */
void tunnels_look(struct tunnels *tunnels, int64_t up, int64_t down);
/* {"own": STATE, "NEIGHBOUR": STATE, ...}, states off, down, starting, up; empty without tunnels. */
json_t *tunnels_report(const struct tunnels *tunnels);
#endif
