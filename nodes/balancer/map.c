/* The map's changes: who owns which token after servers come and go; see lb_map.h. Text is in lb_map_text.c.
 */
#include "nodes/balancer/map.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

struct lb_map *lb_map_new(struct in_addr vip, uint32_t tokens, char **error)
{
	if (tokens < 1 || tokens > LB_TOKENS_MAX) {
		error_set(error, "%u tokens; a ring has 1 to %u", tokens, LB_TOKENS_MAX);
		return NULL;
	}
	struct lb_map *map = calloc(1, sizeof *map);
	if (map)
		map->chains = malloc(tokens * sizeof *map->chains);
	if (!map || !map->chains) {
		free(map);
		error_set(error, "out of memory");
		return NULL;
	}
	memset(map->chains, 0xff, tokens * sizeof *map->chains);
	map->generation = 1;
	map->vip = vip;
	map->tokens = tokens;
	map->history = LB_CHAIN_MAX - 1;
	return map;
}

struct lb_map *lb_map_copy(const struct lb_map *map)
{
	struct lb_map *copy = malloc(sizeof *copy);
	if (!copy)
		return NULL;
	*copy = *map;
	copy->chains = malloc(map->tokens * sizeof *copy->chains);
	if (!copy->chains) {
		free(copy);
		return NULL;
	}
	memcpy(copy->chains, map->chains, map->tokens * sizeof *copy->chains);
	return copy;
}

void lb_map_free(struct lb_map *map)
{
	if (!map)
		return;
	free(map->chains);
	free(map);
}

static bool present(const struct lb_map *map, unsigned server)
{
	return map->servers[server].name[0] != '\0';
}

static bool active(const struct lb_map *map, unsigned server)
{
	return present(map, server) && !map->servers[server].drained;
}

unsigned lb_map_find(const struct lb_map *map, const char *name)
{
	for (unsigned i = 0; *name && i < LB_SERVERS_MAX; i++)
		if (strcmp(map->servers[i].name, name) == 0)
			return i;
	return LB_NO_SERVER;
}

unsigned lb_map_find_dip(const struct lb_map *map, struct in_addr dip)
{
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		if (present(map, i) && map->servers[i].dip.s_addr == dip.s_addr)
			return i;
	return LB_NO_SERVER;
}

uint32_t lb_map_load(const struct lb_map *map, unsigned server)
{
	uint32_t load = 0;
	for (uint32_t t = 0; t < map->tokens; t++)
		load += map->chains[t][0] == server;
	return load;
}

unsigned lb_map_active(const struct lb_map *map)
{
	unsigned count = 0;
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		count += active(map, i);
	return count;
}

unsigned lb_map_next(const struct lb_map *map, uint32_t token, unsigned server, bool *member)
{
	const uint16_t *chain = map->chains[token];
	*member = false;
	for (unsigned i = 0; i < LB_CHAIN_MAX && chain[i] != LB_NO_SERVER; i++)
		if (chain[i] == server) {
			*member = true;
			return i + 1 < LB_CHAIN_MAX ? chain[i + 1] : LB_NO_SERVER;
		}
	return LB_NO_SERVER;
}

/* ---- chains */

/* Takes a server out of a chain. */
static void cut(uint16_t *chain, unsigned server)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < LB_CHAIN_MAX; i++)
		if (chain[i] != server)
			chain[kept++] = chain[i];
	while (kept < LB_CHAIN_MAX)
		chain[kept++] = LB_NO_SERVER;
}

/* The server becomes the owner, the owner the first of the former ones. */
static void own(const struct lb_map *map, uint32_t token, unsigned server)
{
	uint16_t *chain = map->chains[token];
	if (chain[0] == server)
		return;
	if (chain[0] != LB_NO_SERVER && !present(map, chain[0]))
		cut(chain, chain[0]); /* removed: it must not push another out of the history */
	cut(chain, server);
	memmove(chain + 1, chain, (LB_CHAIN_MAX - 1) * sizeof *chain);
	chain[0] = (uint16_t)server;
	for (unsigned i = map->history + 1; i < LB_CHAIN_MAX; i++)
		chain[i] = LB_NO_SERVER;
}

/* ---- assignment */

struct quota {
	uint16_t server;
	uint32_t load;
	uint32_t wanted;
};

/* Fullest first; among equals the one that was there first. */
static int by_load(const void *left, const void *right)
{
	const struct quota *a = left, *b = right;
	if (a->load != b->load)
		return a->load < b->load ? 1 : -1;
	return a->server < b->server ? -1 : a->server > b->server;
}

/* How many tokens each active server is to have. The tokens that are left over by the division go to the
 * fullest: each that went to a less full one would be one more move. Returns the number of servers. */
static size_t set_quotas(
	const struct lb_map *map, struct quota quotas[LB_SERVERS_MAX], uint32_t wanted[LB_SERVERS_MAX])
{
	size_t count = 0;
	uint32_t loads[LB_SERVERS_MAX] = {0};
	for (uint32_t t = 0; t < map->tokens; t++)
		if (map->chains[t][0] != LB_NO_SERVER)
			loads[map->chains[t][0]]++;
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++) {
		wanted[i] = 0;
		if (active(map, i))
			quotas[count++] = (struct quota){.server = (uint16_t)i, .load = loads[i]};
	}
	qsort(quotas, count, sizeof *quotas, by_load);
	for (size_t i = 0; i < count; i++) {
		quotas[i].wanted = map->tokens / (uint32_t)count + (i < map->tokens % count);
		wanted[quotas[i].server] = quotas[i].wanted;
	}
	return count;
}

/* Tokens above a server's quota go, in runs, to those that lack some: runs keep the map's text short, and
 * which token goes makes no difference to the load. */
static void assign_evenly(const struct lb_map *map)
{
	struct quota quotas[LB_SERVERS_MAX];
	uint32_t left[LB_SERVERS_MAX];
	size_t count = set_quotas(map, quotas, left), needy = 0;
	for (uint32_t t = 0; t < map->tokens; t++) {
		uint16_t *chain = map->chains[t];
		if (chain[0] != LB_NO_SERVER && left[chain[0]] > 0) {
			left[chain[0]]--;
			continue;
		}
		while (needy < count && quotas[needy].load >= quotas[needy].wanted)
			needy++;
		if (needy == count)
			continue; /* no server at all */
		quotas[needy].load++;
		own(map, t, quotas[needy].server);
	}
}

static void assign_modulo(const struct lb_map *map)
{
	unsigned list[LB_SERVERS_MAX], count = 0;
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		if (active(map, i))
			list[count++] = i;
	for (uint32_t t = 0; count && t < map->tokens; t++)
		own(map, t, list[t % count]);
}

static int changed(struct lb_map *map)
{
	if (map->assignment == LB_MODULO)
		assign_modulo(map);
	else
		assign_evenly(map);
	map->generation++;
	return 0;
}

/* ---- servers */

static int find_named(const struct lb_map *map, const char *name, unsigned *server, char **error)
{
	*server = lb_map_find(map, name);
	return *server == LB_NO_SERVER ? error_set(error, "no server `%s` in the map; see `show`", name) : 0;
}

int lb_map_add(struct lb_map *map, const char *name, struct in_addr dip, char **error)
{
	unsigned slot = 0;
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	if (!*name || strlen(name) >= LB_NAME_SIZE || name[strspn(name, letters)])
		return error_set(error, "`%s` is no server's name; it has 1 to %d letters, digits, - _ .",
			name, LB_NAME_SIZE - 1);
	if (lb_map_find(map, name) != LB_NO_SERVER)
		return error_set(error, "server `%s` is in the map", name);
	if (dip.s_addr == map->vip.s_addr || lb_map_find_dip(map, dip) != LB_NO_SERVER)
		return error_set(error, "the address of `%s` is the VIP's or another server's", name);
	if ((lb_map_active(map) + 1) * 10 > map->tokens)
		return error_set(error,
			"%u tokens are too few for %u servers; a ring has at least ten a server", map->tokens,
			lb_map_active(map) + 1);
	while (slot < LB_SERVERS_MAX && present(map, slot))
		slot++;
	if (slot == LB_SERVERS_MAX)
		return error_set(error, "the map is full: %d servers", LB_SERVERS_MAX);
	map->servers[slot] = (struct lb_server){.dip = dip};
	strcpy(map->servers[slot].name, name);
	return changed(map);
}

int lb_map_drain(struct lb_map *map, const char *name, char **error)
{
	unsigned server;
	if (find_named(map, name, &server, error) < 0)
		return -1;
	if (map->servers[server].drained)
		return error_set(error, "server `%s` is drained", name);
	if (lb_map_active(map) == 1)
		return error_set(error, "`%s` is the last server with tokens; add another first", name);
	map->servers[server].drained = true;
	return changed(map);
}

int lb_map_undrain(struct lb_map *map, const char *name, char **error)
{
	unsigned server;
	if (find_named(map, name, &server, error) < 0)
		return -1;
	if (!map->servers[server].drained)
		return error_set(error, "server `%s` is not drained", name);
	if ((lb_map_active(map) + 1) * 10 > map->tokens)
		return error_set(error, "%u tokens are too few for one more server", map->tokens);
	map->servers[server].drained = false;
	return changed(map);
}

static unsigned servers(const struct lb_map *map)
{
	unsigned count = 0;
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		count += present(map, i);
	return count;
}

static void remove_ports(struct lb_map *map, unsigned server)
{
	size_t kept = 0;
	for (size_t i = 0; i < map->port_count; i++)
		if (map->ports[i].server != server)
			map->ports[kept++] = map->ports[i];
	map->port_count = kept;
}

/* Its tokens are given away while it still is in their chains, then it is cut out of all of them: the owners
 * that remain keep what they had. */
int lb_map_remove(struct lb_map *map, const char *name, char **error)
{
	unsigned server;
	if (find_named(map, name, &server, error) < 0)
		return -1;
	if (!map->servers[server].drained && lb_map_active(map) == 1 && servers(map) > 1)
		return error_set(
			error, "`%s` is the last server with tokens; add or undrain another first", name);
	map->servers[server] = (struct lb_server){0};
	remove_ports(map, server);
	changed(map);
	for (uint32_t t = 0; t < map->tokens; t++)
		cut(map->chains[t], server);
	return 0;
}

int lb_map_set_port(struct lb_map *map, uint16_t port, const char *name, char **error)
{
	size_t at = 0;
	unsigned server = LB_NO_SERVER;
	if (name && find_named(map, name, &server, error) < 0)
		return -1;
	while (at < map->port_count && map->ports[at].port != port)
		at++;
	if (!port || (!name && at == map->port_count))
		return error_set(error, "port %u has no server of its own", port);
	if (at == LB_PORTS_MAX)
		return error_set(error, "%d ports have servers of their own: no more", LB_PORTS_MAX);
	if (name) {
		map->ports[at] = (struct lb_port){port, (uint16_t)server};
		map->port_count += at == map->port_count;
	} else {
		map->ports[at] = map->ports[--map->port_count];
	}
	map->generation++;
	return 0;
}
