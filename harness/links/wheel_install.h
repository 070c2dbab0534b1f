/* Wheel, its installation on one interface, by netlink: HTB with its size table and its one class, and the
 * program on the interface's egress. */
#ifndef LIQUIDNET_WHEEL_INSTALL_H
#define LIQUIDNET_WHEEL_INSTALL_H

#include "harness/links/wheel.h"

/* To be called in the interface's namespace. `end` is the program's index of this interface. 0, or -1 with
 * *error; what a failure leaves is the caller's namespace to take along. */
int wheel_install(const char *interface, const struct wheel_settings *settings, int program_fd, unsigned end,
	char **error);

#endif
