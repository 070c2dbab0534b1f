/* The few requests about interfaces that shaping needs (rtnetlink, ethtool), each on a socket of its own in
 * the namespace that the caller is in. Functions return 0, or -1 with errno. */
#ifndef LIQUIDNET_RTNL_H
#define LIQUIDNET_RTNL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct rtnl_interface {
	uint32_t mtu, gso_max_segs;
	char alias[256];
	uint64_t tx_dropped;
};

int rtnl_get(int ifindex, struct rtnl_interface *interface);
/* `alias` "" removes it. */
int rtnl_set_alias(int ifindex, const char *alias);
int rtnl_set_gso_max_segs(int ifindex, uint32_t segments);
/* Switches super-packets off on an interface of the calling thread's network: no offloads, and one segment per packet of TCP,
 * which otherwise also builds super-packets above the queue. With super-packets, queues, losses and captures would count
 * packets that no link carries. -1 with *error. */
int rtnl_plain_packets(const char *interface, char **error);
/* Up, without addresses of its own making, without ARP, `length` frames of queue. */
int rtnl_up_bare(int ifindex, uint32_t length);
/* Frames go straight to the device: no queue discipline in between. */
int rtnl_no_queue(int ifindex);
/* Whether its clsact hook has any filter, of this or another program: 1; 0 (also if there is no hook); or -1 with errno. */
int rtnl_has_filters(int ifindex);

/* An interface is set up or down. IPv4 addresses stay on one that is down, routes do not. */
int rtnl_set_up(int ifindex, bool up);
/* Adds an IPv4 address to an interface (no error if it is there already), or removes it (EADDRNOTAVAIL: it is not there).
 * `prefix`: 0..32. */
int rtnl_set_address(int ifindex, struct in_addr address, unsigned prefix, bool there);
/* The default route, in place of the one that is there. */
int rtnl_set_default_route(int ifindex, struct in_addr gateway);

/* Segmentation offloads of a device, each 0 or 1. A device that lacks one has it off. */
struct rtnl_offloads {
	uint32_t tso, gso, gro;
};
int rtnl_get_offloads(const char *interface, struct rtnl_offloads *offloads);
/* Sets each of them, even if another one fails. */
int rtnl_set_offloads(const char *interface, const struct rtnl_offloads *offloads);

#endif
