/* Source routing for tunnels: `from ADDRESS lookup TABLE`, and in that table `default dev DEVICE`, so that
 * whatever binds to the tunnel's address (a subflow, iperf3 -B) goes through it. What we install carries a
 * protocol number of our own
 * (`ip rule` shows it as `proto 76`): so the remains of a client that was killed are told from anybody
 * else's. */
#ifndef LIQUIDNET_CLIENT_ROUTES_H
#define LIQUIDNET_CLIENT_ROUTES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ROUTES_PROTOCOL 76

/* Installs rule and route; a rule of ours for the same table is replaced. -1 with *error. */
int routes_install(struct in_addr from, int if_index, uint32_t table, char **error);
/* Whether both are there, and the interface is up, as routes_install left them. */
bool routes_are_there(struct in_addr from, int if_index, uint32_t table);
/* Removes our rules that lead to `table` (0: to any) and our routes in there. Nothing there is no error. */
int routes_remove(uint32_t table, char **error);
#endif
