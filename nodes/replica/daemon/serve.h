/* A store that serves clients: its queue, its services, and the feedback in each answer. */
#ifndef LIQUIDNET_REPLICA_SERVE_H
#define LIQUIDNET_REPLICA_SERVE_H

#include "lib/base/control.h"
#include "nodes/replica/daemon/settings.h"
#include <systemd/sd-event.h>

struct serve;

/* Opens the store and listens. NULL with *error. */
struct serve *serve_start(sd_event *loop, const struct serve_settings *settings, char **error);
void serve_stop(struct serve *serve);
/* For a context of struct serve. */
extern const struct control_command serve_commands[];

#endif
