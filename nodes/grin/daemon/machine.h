/* Machine: what the daemon needs of its network namespace and installs there: addresses, rules, routes, the computed next hop, the mark on direct subflows.
 * All of it carries a sign by which the next daemon knows it: routes of protocol 71, rules of preference 7100 to 7106 and tables of the same number,
 * addresses of 10.32.0.0 to 10.255.255.255 with a prefix of 32 bits (nobody else may use them: 3.3.2.3), the interface `grin-next`, the nft table
 * `liquidnet-grin`. What a predecessor left and fits stays: what runs through it does not notice. */
#ifndef LIQUIDNET_GRIN_MACHINE_H
#define LIQUIDNET_GRIN_MACHINE_H

#include "nodes/grin/daemon/settings.h"

struct machine;

/* Checks: forwarding, no reverse path filter, the path manager in user space's hands, interfaces, this server's address. -1 with *error, one line
 * with the remedy. Nothing is changed. */
int machine_check(const struct settings *settings, char **error);
/* Installs. NULL with *error; then what it had installed is gone. */
struct machine *machine_open(const struct settings *settings, char **error);
/* Takes away what is signed, and nothing else. */
void machine_close(struct machine *machine);

/* What was forwarded for others since the start, and how many packets of direct subflows were marked. */
struct machine_traffic {
	uint64_t forwarded_packets, forwarded_bytes, marked_packets;
};
int machine_traffic(struct machine *machine, struct machine_traffic *traffic, char **error);

#endif
