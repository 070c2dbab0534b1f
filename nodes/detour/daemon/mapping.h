/* Mappings: which detour port of which client leads to which remote endpoint. Pure policy: no sockets, no
 * clock, no kernel; time and the ports in use by the host are given. Everything is O(1) a mapping.
 *
 * A mapping is (client, detour port) -> (remote address, remote port). The client's own port is no part of
 * it, so that one mapping serves all its flows to that remote (S. Brennan 2017, section 4.1.2). */
#ifndef LIQUIDNET_DETOUR_MAPPING_H
#define LIQUIDNET_DETOUR_MAPPING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	struct in_addr client, remote;     /* network order */
	uint16_t detour_port, remote_port; /* host order */
	int64_t created_ns, used_ns;
};

struct mapping_limits {
	int64_t idle_ns;       /* a mapping ends when it has not been used for so long */
	size_t max_mappings;   /* in all; 1 to 1 << 20 */
	size_t max_per_client; /* 1 to 60000 */
};

/* A set of TCP ports: those that the host uses itself. */
struct port_set {
	uint8_t bits[65536 / 8];
};
static inline void port_set_add(struct port_set *set, uint16_t port)
{
	set->bits[port >> 3] |= (uint8_t)(1u << (port & 7));
}
static inline bool port_set_has(const struct port_set *set, uint16_t port)
{
	return set->bits[port >> 3] >> (port & 7) & 1;
}

enum mapping_choice {
	MAPPING_REUSED,      /* there is one for that client and remote already: its port */
	MAPPING_AS_PROPOSED, /* a new one, at the proposed port */
	MAPPING_OTHER_PORT,  /* a new one; the proposed port is taken, here is another */
	MAPPING_CLIENT_FULL, /* refused: the client has as many as it may have */
	MAPPING_FULL,        /* refused: there are as many as there may be */
	MAPPING_NO_PORT,     /* refused: every port is taken */
};

struct mapping_table;

/* An empty table; `seed` is any number that clients cannot guess. NULL when out of memory. */
struct mapping_table *mapping_table_new(const struct mapping_limits *limits, uint64_t seed);
void mapping_table_free(struct mapping_table *table);
/* New limits; mappings beyond them stay until they end. */
void mapping_table_limit(struct mapping_table *table, const struct mapping_limits *limits);
size_t mapping_count(const struct mapping_table *table);

/* Decides on the port for a request; changes nothing but where the search for another port goes on. *port is
 * set for the first three results. `taken`: ports that the host listens on. */
enum mapping_choice mapping_choose(struct mapping_table *table, struct in_addr client, struct in_addr remote,
	uint16_t remote_port, uint16_t proposed, const struct port_set *taken, uint16_t *port);

/* Adds a mapping, whatever the limits say. NULL when the client has that port or that remote mapped already,
 * or memory is out. The table owns it. */
const struct mapping *mapping_add(struct mapping_table *table, struct in_addr client, uint16_t detour_port,
	struct in_addr remote, uint16_t remote_port, int64_t now_ns);

const struct mapping *mapping_find_port(
	const struct mapping_table *table, struct in_addr client, uint16_t detour_port);
const struct mapping *mapping_find_remote(const struct mapping_table *table, struct in_addr client,
	struct in_addr remote, uint16_t remote_port);

/* The mapping has been used: its idle time starts again. */
void mapping_use(struct mapping_table *table, const struct mapping *mapping, int64_t now_ns);
/* The mapping unused for longest when it has been so for the idle time, else NULL. */
const struct mapping *mapping_idle(const struct mapping_table *table, int64_t now_ns);
/* Whether a mapping has been unused for the idle time: those that have are the first ones of mapping_first's
 * order. */
bool mapping_is_idle(const struct mapping_table *table, const struct mapping *mapping, int64_t now_ns);
/* Takes a mapping out and frees it. */
void mapping_remove(struct mapping_table *table, const struct mapping *mapping);

/* All mappings, longest unused first: `for (m = mapping_first(t); m; m = mapping_next(t, m))`. The next one
 * must be taken before the present one is removed. */
const struct mapping *mapping_first(const struct mapping_table *table);
const struct mapping *mapping_next(const struct mapping_table *table, const struct mapping *mapping);

#endif
