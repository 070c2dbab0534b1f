/* Mappings: two hash indexes over the same entries (by client and detour port, by owner, client and remote), one hash of
 * holders (clients' addresses and members: how many each has, and where the search for a free port goes on), and two lists in
 * the order of last use, nobody's and members': their heads are the next to end. */
#include "nodes/detour/daemon/mapping.h"
#include <sodium.h>
#include <stdlib.h>

#define BUCKETS_FIRST 256
/* Other ports than the proposed one come from here: first the dynamic ports of IANA, then the registered ones. */
#define PORT_LOWEST 1024
#define PORT_FIRST 49152
#define PORT_HIGHEST 65535
#define PORT_COUNT (PORT_HIGHEST - PORT_LOWEST + 1)
/* Of the host's own ports, as many as one search may meet: each is a question to the kernel. */
#define HOST_PORTS_MOST 256
#define LOOKS_MOST 4096 /* ports that one search passes: the next one goes on there */
#define VICTIMS_LOOKED_AT 64

struct holder {
	struct holder *next;
	uint64_t owner;
	struct address address; /* none for a member */
	size_t count;
	uint16_t search; /* the port to try first when another one is wanted */
};

struct entry {
	struct mapping public; /* first: a mapping is its entry */
	struct entry *next_port, *next_remote;
	struct entry *older, *newer;
	struct holder *client, *account; /* the same for nobody's */
};

struct order {
	struct entry *oldest, *newest;
};

struct mapping_table {
	struct mapping_limits limits;
	uint8_t seed[crypto_shorthash_KEYBYTES];
	size_t count, buckets; /* buckets: a power of two, of all three indexes */
	struct entry **by_port, **by_remote;
	struct holder **holders;
	struct order orders[2]; /* nobody's, members' */
};

/* --- indexes
 * ----------------------------------------------------------------------------------------------------- */

struct key {
	uint64_t owner;
	struct address client, remote;
	uint64_t port;
};

/* SipHash with a secret key: clients cannot aim at one bucket. */
static size_t bucket(const struct mapping_table *table, const struct key *key)
{
	uint64_t hash;
	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key, sizeof *key, table->seed);
	return hash & (table->buckets - 1);
}

static size_t bucket_holder(const struct mapping_table *table, uint64_t owner, const struct address *address)
{
	return bucket(table, &(struct key){.owner = owner, .client = *address});
}

static size_t bucket_port(const struct mapping_table *table, const struct address *client, uint16_t port)
{
	return bucket(table, &(struct key){.client = *client, .port = port});
}

static size_t bucket_remote(const struct mapping_table *table, uint64_t owner, const struct address *client,
	const struct place *remote)
{
	return bucket(table, &(struct key){owner, *client, remote->address, remote->port});
}

static void link_entry(struct mapping_table *table, struct entry *entry)
{
	const struct mapping *m = &entry->public;
	struct entry **port = &table->by_port[bucket_port(table, &m->client, m->detour_port)];
	struct entry **remote = &table->by_remote[bucket_remote(table, m->owner, &m->client, &m->remote)];
	entry->next_port = *port;
	*port = entry;
	entry->next_remote = *remote;
	*remote = entry;
}

static struct order *order_of(const struct mapping_table *table, const struct mapping *mapping)
{
	return (struct order *)&table->orders[mapping->owner != MAPPING_NOBODY];
}

/* Makes the three indexes `buckets` wide. False when out of memory; the table is then as it was. */
static bool resize(struct mapping_table *table, size_t buckets)
{
	struct entry **by_port = calloc(buckets, sizeof *by_port);
	struct entry **by_remote = calloc(buckets, sizeof *by_remote);
	struct holder **holders = calloc(buckets, sizeof *holders);
	if (!by_port || !by_remote || !holders) {
		free(by_port);
		free(by_remote);
		free(holders);
		return false;
	}
	struct holder **old = table->holders;
	size_t old_buckets = table->buckets;
	free(table->by_port);
	free(table->by_remote);
	table->by_port = by_port;
	table->by_remote = by_remote;
	table->holders = holders;
	table->buckets = buckets;
	for (size_t i = 0; i < old_buckets; i++)
		for (struct holder *h = old[i], *next; h; h = next) {
			next = h->next;
			size_t at = bucket_holder(table, h->owner, &h->address);
			h->next = holders[at];
			holders[at] = h;
		}
	free(old);
	for (struct mapping *m = mapping_first(table); m; m = mapping_next(table, m))
		link_entry(table, (struct entry *)m);
	return true;
}

static const struct address no_address;

static struct holder *find_holder(
	const struct mapping_table *table, uint64_t owner, const struct address *address)
{
	struct holder *h = table->holders[bucket_holder(table, owner, address)];
	while (h && (h->owner != owner || !address_equal(&h->address, address)))
		h = h->next;
	return h;
}

static struct holder *find_account(
	const struct mapping_table *table, uint64_t owner, const struct address *client)
{
	return find_holder(table, owner, owner == MAPPING_NOBODY ? client : &no_address);
}

static struct holder *get_holder(struct mapping_table *table, uint64_t owner, const struct address *address)
{
	struct holder *h = find_holder(table, owner, address);
	if (h || !(h = calloc(1, sizeof *h)))
		return h;
	size_t at = bucket_holder(table, owner, address);
	*h = (struct holder){
		.next = table->holders[at], .owner = owner, .address = *address, .search = PORT_FIRST};
	table->holders[at] = h;
	return h;
}

static void release_holder(struct mapping_table *table, struct holder *holder)
{
	if (holder->count)
		return;
	struct holder **at = &table->holders[bucket_holder(table, holder->owner, &holder->address)];
	while (*at != holder)
		at = &(*at)->next;
	*at = holder->next;
	free(holder);
}

/* --- the order of use
 * -------------------------------------------------------------------------------------------- */

static void append(struct order *order, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = order->newest;
	*(order->newest ? &order->newest->newer : &order->oldest) = entry;
	order->newest = entry;
}

static void unlink_order(struct order *order, struct entry *entry)
{
	*(entry->older ? &entry->older->newer : &order->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &order->newest) = entry->older;
}

static void set_times(struct mapping_table *table, struct mapping *mapping, int64_t now_ns)
{
	mapping->used_ns = now_ns;
	mapping->until_ns =
		now_ns + (mapping->owner == MAPPING_NOBODY ? table->limits.idle_ns : table->limits.lease_ns);
}

/* --- the table
 * --------------------------------------------------------------------------------------------------- */

struct mapping_table *mapping_table_new(const struct mapping_limits *limits, const uint8_t seed[16])
{
	struct mapping_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	table->limits = *limits;
	memcpy(table->seed, seed, sizeof table->seed);
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
	for (struct mapping *m; (m = mapping_first(table));)
		mapping_remove(table, m);
	free(table->by_port);
	free(table->by_remote);
	free(table->holders);
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

size_t mapping_count_of(const struct mapping_table *table, uint64_t owner, const struct address *client)
{
	const struct holder *account = find_account(table, owner, client);
	return account ? account->count : 0;
}

struct mapping *mapping_find_port(
	const struct mapping_table *table, const struct address *client, uint16_t detour_port)
{
	struct entry *e = table->by_port[bucket_port(table, client, detour_port)];
	while (e && (e->public.detour_port != detour_port || !address_equal(&e->public.client, client)))
		e = e->next_port;
	return e ? &e->public : NULL;
}

struct mapping *mapping_find_remote(const struct mapping_table *table, uint64_t owner,
	const struct address *client, const struct place *remote)
{
	struct entry *e = table->by_remote[bucket_remote(table, owner, client, remote)];
	while (e && (e->public.owner != owner || !address_equal(&e->public.client, client) ||
			    !place_equal(&e->public.remote, remote)))
		e = e->next_remote;
	return e ? &e->public : NULL;
}

struct mapping *mapping_add(struct mapping_table *table, uint64_t owner, const struct address *client,
	uint16_t detour_port, const struct place *remote, int64_t now_ns)
{
	if (mapping_find_port(table, client, detour_port) ||
		mapping_find_remote(table, owner, client, remote))
		return NULL;
	/* When there is no memory for wider indexes, the present ones do: only slower. */
	if (table->count >= table->buckets)
		(void)resize(table, table->buckets * 2);
	struct entry *entry = calloc(1, sizeof *entry);
	struct holder *at = entry ? get_holder(table, MAPPING_NOBODY, client) : NULL;
	struct holder *account = !at || owner == MAPPING_NOBODY ? at : get_holder(table, owner, &no_address);
	if (!account) {
		if (at)
			release_holder(table, at);
		free(entry);
		return NULL;
	}
	entry->public = (struct mapping){.owner = owner,
		.client = *client,
		.remote = *remote,
		.detour_port = detour_port,
		.created_ns = now_ns};
	set_times(table, &entry->public, now_ns);
	entry->client = at;
	entry->account = account;
	at->count++;
	if (account != at)
		account->count++;
	link_entry(table, entry);
	append(order_of(table, &entry->public), entry);
	table->count++;
	return &entry->public;
}

void mapping_remove(struct mapping_table *table, struct mapping *mapping)
{
	struct entry *entry = (struct entry *)mapping;
	struct entry **at = &table->by_port[bucket_port(table, &mapping->client, mapping->detour_port)];
	while (*at != entry)
		at = &(*at)->next_port;
	*at = entry->next_port;
	at = &table->by_remote[bucket_remote(table, mapping->owner, &mapping->client, &mapping->remote)];
	while (*at != entry)
		at = &(*at)->next_remote;
	*at = entry->next_remote;
	unlink_order(order_of(table, mapping), entry);
	struct holder *client = entry->client, *account = entry->account;
	client->count--;
	if (account != client) {
		account->count--;
		release_holder(table, account);
	}
	release_holder(table, client);
	table->count--;
	free(entry);
}

void mapping_use(struct mapping_table *table, struct mapping *mapping, int64_t now_ns)
{
	struct entry *entry = (struct entry *)mapping;
	struct order *order = order_of(table, mapping);
	set_times(table, mapping, now_ns);
	unlink_order(order, entry);
	append(order, entry);
}

struct mapping *mapping_over(struct mapping_table *table, int64_t now_ns)
{
	for (int i = 0; i < 2; i++) {
		struct entry *oldest;
		while ((oldest = table->orders[i].oldest) && oldest->public.until_ns <= now_ns) {
			struct mapping *m = &oldest->public;
			if (m->owner != MAPPING_NOBODY || m->live == 0)
				return m;
			mapping_use(table, m, now_ns);
		}
	}
	return NULL;
}

struct mapping *mapping_victim(
	struct mapping_table *table, uint64_t owner, const struct address *client, bool own)
{
	const struct holder *account = find_account(table, owner, client);
	size_t count = account ? account->count : 0;
	int looked = 0;
	for (int i = 0; i < 2; i++)
		for (struct entry *e = table->orders[i].oldest; e && looked < VICTIMS_LOOKED_AT;
			e = e->newer, looked++)
			if (e->public.live == 0 &&
				(own ? e->account == account : e->account->count > count + 1))
				return &e->public;
	return NULL;
}

struct mapping *mapping_first(const struct mapping_table *table)
{
	struct entry *first = table->orders[0].oldest ? table->orders[0].oldest : table->orders[1].oldest;
	return first ? &first->public : NULL;
}

struct mapping *mapping_next(const struct mapping_table *table, const struct mapping *mapping)
{
	const struct entry *entry = (const struct entry *)mapping;
	struct entry *next = entry->newer;
	if (!next && mapping->owner == MAPPING_NOBODY)
		next = table->orders[1].oldest;
	return next ? &next->public : NULL;
}

/* --- the choice of a port
 * ---------------------------------------------------------------------------------------- */

static bool is_free(const struct mapping_table *table, const struct mapping_wish *wish, uint16_t port)
{
	return !mapping_find_port(table, &wish->client, port) && !wish->taken(wish->context, port);
}

/* The search goes on where the client's last one ended: O(1) on average, as every port that it passes is held by a mapping
 * or the host. Ports that became free are found when it comes round. */
static bool find_other_port(struct mapping_table *table, const struct mapping_wish *wish, uint16_t *port)
{
	struct holder *known = find_holder(table, MAPPING_NOBODY, &wish->client);
	unsigned start = known ? known->search : PORT_FIRST, of_host = 0;
	if (known && known->count >= PORT_COUNT)
		return false;
	for (unsigned i = 0; i < LOOKS_MOST && of_host < HOST_PORTS_MOST; i++) {
		uint16_t candidate = (uint16_t)(PORT_LOWEST + (start - PORT_LOWEST + i) % PORT_COUNT);
		if (mapping_find_port(table, &wish->client, candidate))
			continue;
		if (wish->taken(wish->context, candidate)) {
			of_host++;
			continue;
		}
		if (known)
			known->search = candidate == PORT_HIGHEST ? PORT_LOWEST : (uint16_t)(candidate + 1);
		*port = candidate;
		return true;
	}
	if (known) /* very many are mapped, or the host's: another request goes on from here */
		known->search = (uint16_t)(PORT_LOWEST + (start - PORT_LOWEST + LOOKS_MOST) % PORT_COUNT);
	return false;
}

enum mapping_choice mapping_choose(
	struct mapping_table *table, const struct mapping_wish *wish, uint16_t *port)
{
	const struct mapping *same = mapping_find_remote(table, wish->owner, &wish->client, &wish->remote);
	if (same) {
		*port = same->detour_port;
		return MAPPING_REUSED;
	}
	if (mapping_count_of(table, wish->owner, &wish->client) >= wish->most + wish->going)
		return MAPPING_CLIENT_FULL;
	if (table->count >= table->limits.max_mappings + wish->going)
		return MAPPING_FULL;
	if (wish->proposed && is_free(table, wish, wish->proposed)) {
		*port = wish->proposed;
		return MAPPING_AS_PROPOSED;
	}
	return find_other_port(table, wish, port) ? MAPPING_OTHER_PORT : MAPPING_NO_PORT;
}
