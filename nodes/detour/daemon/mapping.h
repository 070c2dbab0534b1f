/* Mappings: which detour port of which client leads to which remote endpoint. Pure policy: no sockets, no clock, no
 * kernel; time and the ports in use by the host are given. Everything is O(1) a mapping.
 *
 * A mapping is (client, detour port) -> (remote address, remote port). The client's own port is no part of it, so that one
 * mapping serves all its flows to that remote (S. Brennan 2017, section 4.1.2). It belongs to an owner: a member of the
 * collective (version 2), or nobody (version 1: then its client's address answers for it). Owners behind one address share
 * its ports, and no mappings. */
#ifndef LIQUIDNET_DETOUR_MAPPING_H
#define LIQUIDNET_DETOUR_MAPPING_H

#include "lib/net/address.h"

#define MAPPING_NOBODY 0 /* owner of a mapping of version 1 */

struct mapping {
	uint64_t owner; /* member_id, or MAPPING_NOBODY */
	struct address client;
	struct place remote;
	uint16_t detour_port; /* host order */
	int64_t created_ns, used_ns, until_ns;
	uint32_t live; /* flows through it that both ends have answered */
};

struct mapping_limits {
	size_t max_mappings; /* in all; 1 to 1 << 20 */
	int64_t idle_ns;     /* nobody's: ends when it had neither a request nor a live flow for so long */
	int64_t lease_ns;    /* a member's: ends so long after its last request */
};

/* Who asks for what. */
struct mapping_wish {
	uint64_t owner;
	struct address client;
	struct place remote;
	uint16_t proposed; /* port; 0: any */
	size_t most;       /* mappings that the owner may have */
	size_t going;      /* mappings that will be removed for this one */
	/* Whether the host itself uses a port, towards that client. */
	bool (*taken)(void *context, uint16_t port);
	void *context;
};

enum mapping_choice {
	MAPPING_REUSED,      /* there is one of that owner for that client and remote already: its port */
	MAPPING_AS_PROPOSED, /* a new one, at the proposed port */
	MAPPING_OTHER_PORT,  /* a new one; the proposed port is taken, here is another */
	MAPPING_CLIENT_FULL, /* refused: the owner has as many as it may have */
	MAPPING_FULL,        /* refused: there are as many as there may be */
	MAPPING_NO_PORT,     /* refused: every port is taken, or too many in a row were */
};

struct mapping_table;

/* An empty table; `seed` are bytes that clients cannot guess. NULL when out of memory. */
struct mapping_table *mapping_table_new(const struct mapping_limits *limits, const uint8_t seed[16]);
void mapping_table_free(struct mapping_table *table);
/* New limits; mappings beyond them stay until they end, and keep the end that they had until they are used again. */
void mapping_table_limit(struct mapping_table *table, const struct mapping_limits *limits);
size_t mapping_count(const struct mapping_table *table);
/* How many an owner has (a client's address, for nobody). */
size_t mapping_count_of(const struct mapping_table *table, uint64_t owner, const struct address *client);

/* Decides on the port for a wish; changes nothing but where the search for another port goes on. *port is set for the
 * first three results. */
enum mapping_choice mapping_choose(
	struct mapping_table *table, const struct mapping_wish *wish, uint16_t *port);

/* Adds a mapping, whatever the limits say. NULL when the client has that port mapped already or the owner that remote, or
 * memory is out. The table owns it. */
struct mapping *mapping_add(struct mapping_table *table, uint64_t owner, const struct address *client,
	uint16_t detour_port, const struct place *remote, int64_t now_ns);

struct mapping *mapping_find_port(
	const struct mapping_table *table, const struct address *client, uint16_t detour_port);
struct mapping *mapping_find_remote(const struct mapping_table *table, uint64_t owner,
	const struct address *client, const struct place *remote);

/* The mapping has been asked for, or a flow began or ended in it: its time starts again. */
void mapping_use(struct mapping_table *table, struct mapping *mapping, int64_t now_ns);
/* The next mapping whose time is over, else NULL. Nobody's with live flows are used, not over. O(1) a mapping. */
struct mapping *mapping_over(struct mapping_table *table, int64_t now_ns);
/* A mapping to make room for one of `owner`: it has no live flow and was used longest ago among those looked at (64). When
 * the table is full, one of an owner that has more than this one; with `own`, one of its own. NULL: there is none. */
struct mapping *mapping_victim(
	struct mapping_table *table, uint64_t owner, const struct address *client, bool own);
/* Takes a mapping out and frees it. */
void mapping_remove(struct mapping_table *table, struct mapping *mapping);

/* All mappings, longest unused first within nobody's and within members':
 * `for (m = mapping_first(t); m; m = mapping_next(t, m))`. The next one must be taken before the present one is removed. */
struct mapping *mapping_first(const struct mapping_table *table);
struct mapping *mapping_next(const struct mapping_table *table, const struct mapping *mapping);

#endif
