/* Sysctl: a switch of the kernel (a sysctl of one digit) that a daemon needs in its network namespace while it runs, and
 * restores when it ends. */
#ifndef LIQUIDNET_SYSCTL_H
#define LIQUIDNET_SYSCTL_H

#include <stdbool.h>

struct sysctl_switch {
	const char *name; /* "net.ipv4.ip_forward" */
	char before;      /* what is to be put back; 0: nothing */
};

/* Gives the switch that value; with `may_set` false it must have the value already. -1 with *error. */
int sysctl_need(struct sysctl_switch *sysctl, char value, bool may_set, char **error);
/* Puts back what sysctl_need changed; a failure is logged. */
void sysctl_put_back(struct sysctl_switch *sysctl);

#endif
