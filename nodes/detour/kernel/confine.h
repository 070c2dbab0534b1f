/* Least privileges: what a daemon gives away once everything is open. */
#ifndef LIQUIDNET_DETOUR_CONFINE_H
#define LIQUIDNET_DETOUR_CONFINE_H

#include <stdbool.h>

/* Keeps CAP_NET_ADMIN alone of all capabilities, for good, and gains none by executing anything. Unless `may_execute` (OpenVPN is a
 * child), a seccomp filter then refuses (EPERM) whatever such a daemon never does: executing programs, other processes' memory, mounts,
 * namespaces, modules, keys, BPF. -1 with *error: nothing more is given away than was until then. */
int confine(bool may_execute, char **error);

#endif
