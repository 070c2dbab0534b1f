/* Clients of stores. Each client chooses for itself (chooser.h) and has its own connection to every store; generators send requests through
 * the clients. The results are printed as JSON at the end. */
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
