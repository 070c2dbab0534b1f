/* The host's own addresses and the networks that it is attached to, as they are now: from the kernel, which tells when they
 * change (rtnetlink). The policy of destinations (reach.h) needs both. */
#ifndef LIQUIDNET_DETOUR_NEIGHBOURHOOD_H
#define LIQUIDNET_DETOUR_NEIGHBOURHOOD_H

#include "nodes/detour/reach.h"
#include <systemd/sd-event.h>

struct neighbourhood;

/* Reads them, and again after every change; `changed` is called from the loop then. NULL with *error. */
struct neighbourhood *neighbourhood_new(
	sd_event *loop, void (*changed)(void *context), void *context, char **error);
void neighbourhood_free(struct neighbourhood *neighbourhood);
/* Sets own and attached of *around; valid until the next change. `own` is in reach_order. */
void neighbourhood_get(const struct neighbourhood *neighbourhood, struct reach_surroundings *around);

#endif
