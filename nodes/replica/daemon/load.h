/* Clients of stores: each chooses for itself (chooser.h), over a connection of its own to every store; generators ask through them. What it measures is
 * printed as JSON at the end. */
#ifndef LIQUIDNET_REPLICA_LOAD_H
#define LIQUIDNET_REPLICA_LOAD_H

#include "lib/base/control.h"
#include "nodes/replica/daemon/settings.h"
#include <stdio.h>
#include <systemd/sd-event.h>

struct load;

/* Connects; the loop exits when all is done. NULL with *error. */
struct load *load_start(sd_event *loop, const struct load_settings *settings, char **error);
void load_stop(struct load *load);
/* False: it did not come to its end. */
bool load_done(const struct load *load);
void load_print(const struct load *load, FILE *out);
extern const struct control_command load_commands[];

#endif
