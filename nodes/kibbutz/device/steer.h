/* Steering of the device's own MPTCP connections: which subflows each has, and with which priority, as the
 * policy says, through the kernel's user-space path manager. */
#ifndef LIQUIDNET_KIBBUTZ_STEER_H
#define LIQUIDNET_KIBBUTZ_STEER_H

#include "lib/mptcp/survey.h"
#include "nodes/kibbutz/device/settings.h"
#include <jansson.h>
#include <systemd/sd-event.h>

struct steer;

/* `cellular`: the own link's address. Connections that live already are taken over. NULL with *error. */
struct steer *steer_start(
	sd_event *loop, const struct settings *settings, struct in_addr cellular, char **error);
void steer_stop(struct steer *steer);
/* What the policy wants from now on. */
void steer_open(struct steer *steer, unsigned neighbour, bool backup);
void steer_close(struct steer *steer, unsigned neighbour);
void steer_own(struct steer *steer, bool backup);
/* Connections with a subflow through a neighbour. */
unsigned steer_active(const struct steer *steer);
/* [{"token": "...", "paths": {"own": {...}, "bob": {...}}}] */
json_t *steer_report(const struct steer *steer);
#endif
