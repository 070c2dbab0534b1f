/* Elements of the detour's nftables maps, many in one transaction: netlink by libnftnl (measured: 6 us for one, 1.4 us each
 * in a transaction of 64; libnftables' text takes 110 us). An element is one mapping: (client, port) to (remote, port), in
 * the map of its family, with the owner in its comment. */
#ifndef LIQUIDNET_DETOUR_ELEMENTS_H
#define LIQUIDNET_DETOUR_ELEMENTS_H

#include "nodes/detour/daemon/mapping.h"

struct elements;

struct elements_change {
	const struct mapping *mapping;
	bool removed;
};

/* For the maps "mappings4" and "mappings6" of `inet TABLE`. NULL with *error. */
struct elements *elements_open(const char *table, char **error);
void elements_close(struct elements *elements);
/* Of our netlink socket, for ruleset_watch_ignore. */
uint32_t elements_port_id(const struct elements *elements);
/* All of them or, on failure, none. Returns 0, or -1 with errno: ENOENT when the map, or what was to be removed, is not
 * there; EEXIST when what was to be added is. */
int elements_commit(struct elements *elements, const struct elements_change *changes, size_t count);
/* Calls `found` with each element that is there, as they stream in; only owner, client, remote and detour_port of the
 * mapping are set. Returns how many; 0 when there is no table. */
size_t elements_read(struct elements *elements, void (*found)(void *context, const struct mapping *mapping),
	void *context);

/* Calls `found` with each named counter of the table. False when there is none. (libnftables' list of counters reads every
 * element of the table first: two seconds and 170 MB with 100,000.) */
bool elements_counters(struct elements *elements,
	void (*found)(void *context, const char *name, uint64_t packets), void *context);

#endif
