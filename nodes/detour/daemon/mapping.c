/* Mappings: two hash indexes over the same entries (by client and detour port, by client and remote), one
 * hash of clients (count, and where the search for a free port goes on), and a list in the order of last use,
 * whose head is the next to end. */
#include "nodes/detour/daemon/mapping.h"
#include <stdlib.h>

#define BUCKETS_FIRST 256
/* Other ports than the proposed one come from here: first the dynamic ports of IANA, then the registered
 * ones. */
#define PORT_LOWEST 1024
#define PORT_FIRST 49152
#define PORT_HIGHEST 65535
#define PORT_COUNT (PORT_HIGHEST - PORT_LOWEST + 1)

struct client {
	struct client *next;
	struct in_addr address;
	size_t count;
	uint16_t search; /* the port to try first when another one is wanted */
};

struct entry {
	struct mapping public; /* first: a mapping is its entry */
	struct entry *next_port, *next_remote;
	struct entry *older, *newer;
	struct client *client;
};

struct mapping_table {
	struct mapping_limits limits;
	uint64_t seed;
	size_t count, buckets; /* buckets: a power of two, of all three indexes */
	struct entry **by_port, **by_remote;
	struct client **clients;
	struct entry *oldest, *newest;
};

/* --- indexes
 * ----------------------------------------------------------------------------------------------------- */

/* Mixing of MurmurHash3's end; with a secret seed, clients cannot aim at one bucket blindly. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static size_t bucket_client(const struct mapping_table *table, struct in_addr client)
{
	return mix(table->seed ^ client.s_addr) & (table->buckets - 1);
}

static size_t bucket_port(const struct mapping_table *table, struct in_addr client, uint16_t port)
{
	return mix(table->seed ^ ((uint64_t)client.s_addr << 16 | port)) & (table->buckets - 1);
}

static size_t bucket_remote(
	const struct mapping_table *table, struct in_addr client, struct in_addr remote, uint16_t port)
{
	uint64_t first = mix(table->seed ^ ((uint64_t)remote.s_addr << 16 | port));
	return mix(first ^ client.s_addr) & (table->buckets - 1);
}

static void link_entry(struct mapping_table *table, struct entry *entry)
{
	const struct mapping *m = &entry->public;
	struct entry **port = &table->by_port[bucket_port(table, m->client, m->detour_port)];
	struct entry **remote = &table->by_remote[bucket_remote(table, m->client, m->remote, m->remote_port)];
	entry->next_port = *port;
	*port = entry;
	entry->next_remote = *remote;
	*remote = entry;
}

/* Makes the three indexes `buckets` wide. False when out of memory; the table is then as it was. */
static bool resize(struct mapping_table *table, size_t buckets)
{
	struct entry **by_port = calloc(buckets, sizeof *by_port);
	struct entry **by_remote = calloc(buckets, sizeof *by_remote);
	struct client **clients = calloc(buckets, sizeof *clients);
	if (!by_port || !by_remote || !clients) {
		free(by_port);
		free(by_remote);
		free(clients);
		return false;
	}
	struct client **old = table->clients;
	size_t old_buckets = table->buckets;
	free(table->by_port);
	free(table->by_remote);
	table->by_port = by_port;
	table->by_remote = by_remote;
	table->clients = clients;
	table->buckets = buckets;
	for (size_t i = 0; i < old_buckets; i++)
		for (struct client *c = old[i], *next; c; c = next) {
			next = c->next;
			size_t at = bucket_client(table, c->address);
			c->next = clients[at];
			clients[at] = c;
		}
	free(old);
	for (struct entry *e = table->oldest; e; e = e->newer)
		link_entry(table, e);
	return true;
}

static struct client *find_client(const struct mapping_table *table, struct in_addr address)
{
	struct client *c = table->clients[bucket_client(table, address)];
	while (c && c->address.s_addr != address.s_addr)
		c = c->next;
	return c;
}

static struct client *get_client(struct mapping_table *table, struct in_addr address)
{
	struct client *c = find_client(table, address);
	if (c || !(c = calloc(1, sizeof *c)))
		return c;
	size_t at = bucket_client(table, address);
	*c = (struct client){.next = table->clients[at], .address = address, .search = PORT_FIRST};
	table->clients[at] = c;
	return c;
}

static void release_client(struct mapping_table *table, struct client *client)
{
	if (client->count)
		return;
	struct client **at = &table->clients[bucket_client(table, client->address)];
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	free(client);
}

/* --- the order of use
 * -------------------------------------------------------------------------------------------- */

static void append(struct mapping_table *table, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = table->newest;
	*(table->newest ? &table->newest->newer : &table->oldest) = entry;
	table->newest = entry;
}

static void unlink_order(struct mapping_table *table, struct entry *entry)
{
	*(entry->older ? &entry->older->newer : &table->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &table->newest) = entry->older;
}

/* --- the table
 * --------------------------------------------------------------------------------------------------- */

struct mapping_table *mapping_table_new(const struct mapping_limits *limits, uint64_t seed)
{
	struct mapping_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	table->limits = *limits;
	table->seed = seed;
	if (!resize(table, BUCKETS_FIRST)) {
		free(table);
		return NULL;
	}
	return table;
}

void mapping_table_free(struct mapping_table *table)
{
	if (!table)
		return;
	while (table->oldest)
		mapping_remove(table, &table->oldest->public);
	free(table->by_port);
	free(table->by_remote);
	free(table->clients);
	free(table);
}

void mapping_table_limit(struct mapping_table *table, const struct mapping_limits *limits)
{
	table->limits = *limits;
}

size_t mapping_count(const struct mapping_table *table)
{
	return table->count;
}

const struct mapping *mapping_find_port(
	const struct mapping_table *table, struct in_addr client, uint16_t detour_port)
{
	const struct entry *e = table->by_port[bucket_port(table, client, detour_port)];
	while (e && (e->public.client.s_addr != client.s_addr || e->public.detour_port != detour_port))
		e = e->next_port;
	return e ? &e->public : NULL;
}

const struct mapping *mapping_find_remote(
	const struct mapping_table *table, struct in_addr client, struct in_addr remote, uint16_t remote_port)
{
	const struct entry *e = table->by_remote[bucket_remote(table, client, remote, remote_port)];
	while (e && (e->public.client.s_addr != client.s_addr || e->public.remote.s_addr != remote.s_addr ||
			    e->public.remote_port != remote_port))
		e = e->next_remote;
	return e ? &e->public : NULL;
}

const struct mapping *mapping_add(struct mapping_table *table, struct in_addr client, uint16_t detour_port,
	struct in_addr remote, uint16_t remote_port, int64_t now_ns)
{
	if (mapping_find_port(table, client, detour_port) ||
		mapping_find_remote(table, client, remote, remote_port))
		return NULL;
	/* When there is no memory for wider indexes, the present ones do: only slower. */
	if (table->count >= table->buckets)
		(void)resize(table, table->buckets * 2);
	struct entry *entry = calloc(1, sizeof *entry);
	struct client *owner = entry ? get_client(table, client) : NULL;
	if (!owner) {
		free(entry);
		return NULL;
	}
	entry->public = (struct mapping){.client = client,
		.remote = remote,
		.detour_port = detour_port,
		.remote_port = remote_port,
		.created_ns = now_ns,
		.used_ns = now_ns};
	entry->client = owner;
	owner->count++;
	link_entry(table, entry);
	append(table, entry);
	table->count++;
	return &entry->public;
}

void mapping_remove(struct mapping_table *table, const struct mapping *mapping)
{
	struct entry *entry = (struct entry *)mapping;
	struct entry **at = &table->by_port[bucket_port(table, mapping->client, mapping->detour_port)];
	while (*at != entry)
		at = &(*at)->next_port;
	*at = entry->next_port;
	at = &table->by_remote[bucket_remote(table, mapping->client, mapping->remote, mapping->remote_port)];
	while (*at != entry)
		at = &(*at)->next_remote;
	*at = entry->next_remote;
	unlink_order(table, entry);
	entry->client->count--;
	release_client(table, entry->client);
	table->count--;
	free(entry);
}

void mapping_use(struct mapping_table *table, const struct mapping *mapping, int64_t now_ns)
{
	struct entry *entry = (struct entry *)mapping;
	entry->public.used_ns = now_ns;
	unlink_order(table, entry);
	append(table, entry);
}

const struct mapping *mapping_idle(const struct mapping_table *table, int64_t now_ns)
{
	const struct entry *oldest = table->oldest;
	return oldest && mapping_is_idle(table, &oldest->public, now_ns) ? &oldest->public : NULL;
}

bool mapping_is_idle(const struct mapping_table *table, const struct mapping *mapping, int64_t now_ns)
{
	return now_ns - mapping->used_ns >= table->limits.idle_ns;
}

const struct mapping *mapping_first(const struct mapping_table *table)
{
	return table->oldest ? &table->oldest->public : NULL;
}

const struct mapping *mapping_next(const struct mapping_table *table, const struct mapping *mapping)
{
	(void)table;
	const struct entry *newer = ((const struct entry *)mapping)->newer;
	return newer ? &newer->public : NULL;
}

/* --- the choice of a port
 * ---------------------------------------------------------------------------------------- */

static bool is_free(
	const struct mapping_table *table, struct in_addr client, uint16_t port, const struct port_set *taken)
{
	return !port_set_has(taken, port) && !mapping_find_port(table, client, port);
}

/* The search goes on where the client's last one ended: O(1) on average, as every port that it passes is held
 * by a mapping or the host. Ports that became free are found when it comes round. */
static bool find_other_port(
	struct mapping_table *table, struct in_addr client, const struct port_set *taken, uint16_t *port)
{
	struct client *known = find_client(table, client);
	unsigned start = known ? known->search : PORT_FIRST;
	for (unsigned i = 0; i < PORT_COUNT; i++) {
		uint16_t candidate = (uint16_t)(PORT_LOWEST + (start - PORT_LOWEST + i) % PORT_COUNT);
		if (!is_free(table, client, candidate, taken))
			continue;
		if (known)
			known->search = candidate == PORT_HIGHEST ? PORT_LOWEST : (uint16_t)(candidate + 1);
		*port = candidate;
		return true;
	}
	return false;
}

enum mapping_choice mapping_choose(struct mapping_table *table, struct in_addr client, struct in_addr remote,
	uint16_t remote_port, uint16_t proposed, const struct port_set *taken, uint16_t *port)
{
	const struct mapping *same = mapping_find_remote(table, client, remote, remote_port);
	if (same) {
		*port = same->detour_port;
		return MAPPING_REUSED;
	}
	if (table->count >= table->limits.max_mappings)
		return MAPPING_FULL;
	const struct client *known = find_client(table, client);
	if (known && known->count >= table->limits.max_per_client)
		return MAPPING_CLIENT_FULL;
	if (is_free(table, client, proposed, taken)) {
		*port = proposed;
		return MAPPING_AS_PROPOSED;
	}
	return find_other_port(table, client, taken, port) ? MAPPING_OTHER_PORT : MAPPING_NO_PORT;
}
