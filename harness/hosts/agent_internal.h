/* The agent's parts. */
#ifndef LIQUIDNET_AGENT_INTERNAL_H
#define LIQUIDNET_AGENT_INTERNAL_H

#include "harness/hosts/agent.h"
#include "harness/place/message.h"
#include <net/if.h>
#include <stdint.h>

#define AGENT_GROUP 45672 /* group of what a trial starts: by it the rules know its packets */
#define AGENT_TABLE "liquidnet_host"
#define AGENT_SCRATCH "/tmp/agent"

struct address; /* lib/net/address.h */

struct agent {
	json_t *orders; /* what came first on standard input; owned */
	const char *name, *address, *socket;
	bool ipv6; /* the address is of IPv6; else of IPv4 */
	char interface[IF_NAMESIZE];
	int listen_fd, lock_fd;
	int run_fd;  /* the host's own /run, where the socket is */
	int wire_fd; /* body: to the outer process; which hears of settings there */
};

/* ---- the body, agent_body.c */

/* Process 1 of its namespaces: serves until the wire ends. Returns an exit status. */
int agent_body(struct agent *agent);
/* A word to the outer process and its answer: "set KEY VALUE" or "restore"; *answer "" is success. */
int agent_wire(const struct agent *agent, const char *word, char answer[512]);

/* ---- conversations; each in a process of its own, which ends with it */

void agent_start(struct agent *agent, struct channel *channel, struct message *first);   /* agent_program.c */
void agent_observe(struct agent *agent, struct channel *channel, struct message *first); /* agent_observe.c */
json_t *agent_way(const struct agent *agent, const json_t *what);                        /* agent_way.c */
json_t *agent_hear(const struct agent *agent, const json_t *what, int fd);               /* agent_ports.c */
json_t *agent_knock(const struct agent *agent, const json_t *what);
/* The address that a text is; false: it is none of the inventory's. */
bool agent_knows(const struct agent *agent, const char *text, struct address *address);

/* ---- traffic, agent_traffic.c */

int agent_traffic_install(const struct agent *agent, char **error);
void agent_traffic_remove(void);
/* {"out_bytes", "own_bytes", "other_bytes", "stranger_packets", "cut_packets"} since the rules were made: sent to the
 * hosts, to and from them, to and from others but this login; NULL: the rules are gone. */
json_t *agent_traffic_read(void);

/* ---- what daemons leave when they are killed, agent_remains.c */

struct remains;
struct remains *agent_remains_note(void);
/* Removes what has come since, as far as it bears our name; frees. */
void agent_remains_remove(struct remains *remains);

/* {"error": TEXT} as a last word. */
void agent_refuse(int fd, const char *text);

#endif
