/* The daemon itself: checks, installs, keeps subflows, answers, takes down. */
#ifndef LIQUIDNET_GRIN_DAEMON_H
#define LIQUIDNET_GRIN_DAEMON_H

#include "lib/base/daemon.h"

/* `serve` of struct daemon_parts; the configuration is a struct settings. */
int grin_serve(struct daemon *daemon, char **error);

#endif
