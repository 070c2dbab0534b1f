/* Inventory: the hosts of `--hosts FILE`, one YAML file a set of hosts: which node of the network each is, how to reach it
 * by ssh, what may be sent between them. docs/hosts.md has every key. Nothing outside of it is ever a target. */
#ifndef LIQUIDNET_INVENTORY_H
#define LIQUIDNET_INVENTORY_H

#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVENTORY_HOSTS_MAX 16
#define INVENTORY_PORTS_MAX 16

struct inventory_host {
	const char *node;
	char user_and_name[256];        /* as ssh wants it */
	char port[8];                   /* of its sshd; "": ssh's own choice */
	char address[INET6_ADDRSTRLEN]; /* by which the others reach it, as inet_ntop writes it */
	const char *interface;          /* which must have that address; NULL: whichever has */
	const char *program;            /* `liquidnet` there */
	bool sudo;
	const struct conf_node *at;
};

struct inventory_port {
	const char *protocol; /* "tcp" or "udp" */
	int number;
};

struct inventory {
	struct conf *conf;
	const char *path;
	struct inventory_host hosts[INVENTORY_HOSTS_MAX];
	size_t count;
	bool ipv6;                /* their addresses are of IPv6; else of IPv4 */
	uint64_t rate_bps, bytes; /* what one host may send to the others at the most: a second, in all */
	int64_t until_ns;         /* of a run */
	uint64_t space;           /* of memory on a host, for a trial's files */
	char *ssh_config;         /* NULL: ssh's own; owned */
	struct inventory_port ports[INVENTORY_PORTS_MAX];
	size_t ports_count;
	const struct conf_node *limits;
};

/* NULL and *error ("FILE:LINE: ...") on the first fault. */
struct inventory *inventory_load(const char *path, char **error);
/* From a text; `name` stands for the file in messages. */
struct inventory *inventory_parse(const char *name, const char *text, size_t length, char **error);
void inventory_free(struct inventory *inventory);

/* Whether an experiment can run on them as it is: every node that it does something in is a host, with one link; nothing
 * that only an emulated network has; every address that it names is one of a host; and what the plan may send is within
 * the limits. -1 and *error: the first that is not so. Applies the inventory to the networks of the plan. */
int inventory_check(const struct inventory *inventory, const struct experiment *experiment,
	const struct plan *plan, char **error);
/* Puts the hosts' addresses, and interfaces (by host; NULL: they are not known yet), into the topology's ends, in place of
 * what was there. Strings must outlive it. */
void inventory_apply(
	const struct inventory *inventory, const char *const *interfaces, struct topology *topology);
/* A node's host, or -1. */
int inventory_host(const struct inventory *inventory, const char *node);

#endif
