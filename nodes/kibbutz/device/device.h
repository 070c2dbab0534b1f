/* The device: passes events of the network to the policy, and the policy's actions to the neighbours, to nftables, to routing and to the
 * path manager. It makes no decisions itself. */
#ifndef LIQUIDNET_KIBBUTZ_DEVICE_H
#define LIQUIDNET_KIBBUTZ_DEVICE_H

#include "lib/base/control.h"
#include "nodes/kibbutz/device/settings.h"
#include <systemd/sd-event.h>

struct device;

/* Installs rules, routes and sockets and says HELLO to the neighbours. NULL with *error; nothing is left
 * then. */
struct device *device_start(sd_event *loop, const struct settings *settings, char **error);
void device_stop(struct device *device);
extern const struct control_command device_commands[];
#endif
