/* The tract server. */
#ifndef LIQUIDNET_TREVI_SERVE_H
#define LIQUIDNET_TREVI_SERVE_H

#include "lib/base/control.h"
#include "nodes/trevi/daemon/settings.h"
#include <systemd/sd-event.h>

struct serve;

/* Opens the store and its sockets. NULL with *error. */
struct serve *serve_start(sd_event *loop, const struct settings *settings, char **error);
void serve_stop(struct serve *serve);
extern const struct control_command serve_commands[];

#endif
