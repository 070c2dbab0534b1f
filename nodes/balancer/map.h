/* Load balancer: the map of tokens to servers, with the history that hands connections over. Pure: no files,
 * no network.
 *
 * Each token has a chain: its owner, which gets new connections, and then the servers that owned it before, the latest
 * first, each at most once. A server that gets a packet of a connection that it does not have passes it to the next server
 * of the chain. So a server needs only one former owner per token, whatever moved in between. A chain is cut to the map's
 * `history`; servers that are cut off lose their connections of that token.
 *
 * Every change of the map increments its generation. */
#ifndef LIQUIDNET_LB_MAP_H
#define LIQUIDNET_LB_MAP_H

#include "nodes/balancer/wire.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_CHAIN_MAX 8 /* an owner and seven former ones */
#define LB_NAME_SIZE 32
#define LB_PORTS_MAX 256
#define LB_TEXT_MAX (16U << 20) /* bytes of a map's text */

enum lb_assignment {
	LB_EVEN,   /* loads of any two servers differ by at most one token; the fewest moves */
	LB_MODULO, /* token modulo the number of servers: for comparison */
};

struct lb_server {
	char name[LB_NAME_SIZE]; /* "" in a slot that is free */
	struct in_addr dip;      /* its own address */
	bool drained;            /* owns no token; may be in chains */
};

/* A port of the VIP that belongs to one server, whatever the token (MPTCP's further subflows). */
struct lb_port {
	uint16_t port; /* host order */
	uint16_t server;
};

struct lb_map {
	uint32_t generation;
	struct in_addr vip;
	uint32_t tokens;
	unsigned history; /* former owners kept, 0 to LB_CHAIN_MAX - 1 */
	enum lb_assignment assignment;
	struct lb_server servers[LB_SERVERS_MAX]; /* by number: stable while the server is there */
	struct lb_port ports[LB_PORTS_MAX];
	size_t port_count;
	uint16_t (*chains)[LB_CHAIN_MAX]; /* by token: servers' numbers; LB_NO_SERVER after the last */
};

/* A map without servers, generation 1. NULL and *error when a number is out of range. */
struct lb_map *lb_map_new(struct in_addr vip, uint32_t tokens, char **error);
struct lb_map *lb_map_copy(const struct lb_map *map);
void lb_map_free(struct lb_map *map);

/* Reads a map's text (`name` stands for it in errors, `NAME:LINE: ...`); NULL and *error when anything is
 * wrong. */
struct lb_map *lb_map_parse(const char *name, const char *text, size_t length, char **error);
/* The map as text, allocated, NUL-ended; NULL when there is no memory. Read back, it is the same map. */
char *lb_map_format(const struct lb_map *map);

/* Changes. Each leads to generation + 1, or to -1 and *error, and then nothing has changed. */
int lb_map_add(struct lb_map *map, const char *name, struct in_addr dip, char **error);
/* Takes the server's tokens away; its connections live on. Refused for the last server that has tokens. */
int lb_map_drain(struct lb_map *map, const char *name, char **error);
/* Drained: gives it tokens again. */
int lb_map_undrain(struct lb_map *map, const char *name, char **error);
/* The server and its connections are gone, or are given up. Refused for the last server that has tokens when
 * there are drained ones. */
int lb_map_remove(struct lb_map *map, const char *name, char **error);
/* Gives a port to a server; `name` NULL: to no server. */
int lb_map_set_port(struct lb_map *map, uint16_t port, const char *name, char **error);

/* A server's number, or LB_NO_SERVER. */
unsigned lb_map_find(const struct lb_map *map, const char *name);
unsigned lb_map_find_dip(const struct lb_map *map, struct in_addr dip);
/* Tokens that a server owns / servers that own or may own tokens. */
uint32_t lb_map_load(const struct lb_map *map, unsigned server);
unsigned lb_map_active(const struct lb_map *map);
/* The next server after `server` in the token's chain: LB_NO_SERVER at the end; *member tells whether
 * `server` is in the chain at all. */
unsigned lb_map_next(const struct lb_map *map, uint32_t token, unsigned server, bool *member);

#endif
