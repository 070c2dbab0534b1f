/* Policy routing by iproute2's batches. Tables: FIRST for the own link, FIRST + 1 + i for neighbour i, FIRST
 * + 99 for new connections; with tunnels FIRST + 100 for what is forwarded, FIRST + 101 + i for the tunnel
 * through neighbour i. Order of the rules: bound addresses; then everything of the main table but its
 * default routes (neighbours, own networks); then the table for new connections, which is empty while they
 * begin at the own link. */
#include "nodes/kibbutz/device/routes.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/process.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST 4700
#define BEGIN (FIRST + 99)
#define CARRIED (FIRST + 100)
#define TUNNEL (FIRST + 101)
#define PREFERENCE 700
#define PROTOCOL 77

struct text {
	char buffer[INET_ADDRSTRLEN];
};

static const char *address_text(struct in_addr address, struct text *text)
{
	return inet_ntop(AF_INET, &address, text->buffer, sizeof text->buffer);
}

/* Runs the lines through one `ip -batch`. With `force` what fails is passed over. */
static int run_batch(const char *lines, bool force, char **error)
{
	const char *const argv[] = {"ip", force ? "-force" : "-4", "-batch", "-", NULL};
	char *reason = NULL;
	int status = process_feed(argv, -1, lines, NULL, &reason), result = 0;
	if (status < 0 || (status > 0 && !force))
		result = error_set(error, "routes: %s", reason);
	free(reason);
	return result;
}

static int find_address(const char *interface, struct in_addr *address, char **error)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return error_set(error, "no list of addresses");
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		found = i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !strcmp(i->ifa_name, interface);
		if (found)
			*address = ((struct sockaddr_in *)i->ifa_addr)->sin_addr;
	}
	freeifaddrs(list);
	return found ? 0
		     : error_set(error, "interface %s has no IPv4 address; bring the cellular link up first",
			       interface);
}

static void write_rules(FILE *out, const struct settings *s, const char *verb, struct in_addr cellular)
{
	struct text t;

	/* What neighbours send through us takes our own link, or tunnel, wherever our own connections begin.
	 */
	fprintf(out,
		"rule %s pref %d from %s lookup %d protocol %d\n"
		"rule %s pref %d iif %s lookup %d protocol %d\n",
		verb, PREFERENCE, address_text(cellular, &t), FIRST, PROTOCOL, verb, PREFERENCE, s->local,
		s->tunnel.port ? CARRIED : FIRST, PROTOCOL);
	for (unsigned i = 0; i < s->count; i++)
		fprintf(out, "rule %s pref %d from %s lookup %u protocol %d\n", verb, PREFERENCE,
			address_text(s->neighbours[i].source, &t), FIRST + 1 + i, PROTOCOL);
	for (unsigned i = 0; i < s->count && s->tunnel.port; i++)
		fprintf(out, "rule %s pref %d from %s lookup %u protocol %d\n", verb, PREFERENCE,
			address_text(s->neighbours[i].tunnel.local, &t), TUNNEL + i, PROTOCOL);
	fprintf(out,
		"rule %s pref %d lookup main suppress_prefixlength 0 protocol %d\n"
		"rule %s pref %d lookup %d protocol %d\n",
		verb, PREFERENCE + 1, PROTOCOL, verb, PREFERENCE + 2, BEGIN, PROTOCOL);
}

/* An address, wherever it is. */
static void write_address_removal(FILE *out, const struct ifaddrs *list, struct in_addr address)
{
	struct text t;

	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET ||
			((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr != address.s_addr)
			continue;
		fprintf(out, "addr del %s/%d dev %s\n", address_text(address, &t),
			__builtin_popcount(((struct sockaddr_in *)i->ifa_netmask)->sin_addr.s_addr),
			i->ifa_name);
	}
}

/* Addresses carry no protocol number: those of a killed daemon, whose neighbours may have been others, are
 * known by its rules, which look them up in a neighbour's table. */
static void write_left_addresses(FILE *out, const struct ifaddrs *list)
{
	static const char *const argv[] = {"ip", "-4", "-N", "-j", "rule", "show", NULL};
	char *text = NULL, *error = NULL;
	json_t *rules = NULL, *rule;
	size_t i;

	if (process_feed(argv, -1, "", &text, &error) == 0)
		rules = json_loads(text, 0, NULL);
	json_array_foreach(rules, i, rule) {
		const char *from, *table, *protocol;
		struct in_addr address;
		if (json_unpack(rule, "{ss ss ss}", "src", &from, "table", &table, "protocol", &protocol) < 0)
			continue;
		int number = atoi(table);
		if (atoi(protocol) == PROTOCOL && number > FIRST && number <= FIRST + SETTINGS_NEIGHBOURS &&
			inet_pton(AF_INET, from, &address) == 1)
			write_address_removal(out, list, address);
	}
	json_decref(rules);
	free(text);
	free(error);
}

static void write_removal(FILE *out, const struct settings *s)
{
	struct ifaddrs *list = NULL;
	struct text t;

	if (getifaddrs(&list) == 0) {
		write_left_addresses(out, list);
		freeifaddrs(list);
	}
	for (unsigned i = 0; i < s->count; i++)
		fprintf(out, "addr del %s/%d dev %s\n", address_text(s->neighbours[i].source, &t), s->prefix,
			s->local);
	fprintf(out, "rule flush protocol %d\nroute flush table all proto %d\n", PROTOCOL, PROTOCOL);
}

static int run_written(FILE *out, char **text, bool force, char **error)
{
	int result =
		out && fclose(out) == 0 ? run_batch(*text, force, error) : error_set(error, "out of memory");

	free(*text);
	return result;
}

void routes_remove(const struct settings *s)
{
	char *text = NULL, *error = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		write_removal(out, s);
	if (run_written(out, &text, true, &error) < 0)
		log_warning("routes-not-removed", "error=\"%s\"", error);
	free(error);
}

int routes_install(const struct settings *s, struct in_addr *cellular, char **error)
{
	char *text = NULL;
	size_t size;
	struct text a, b;

	if (find_address(s->cellular, cellular, error) < 0)
		return -1;
	routes_remove(s);
	FILE *out = open_memstream(&text, &size);
	if (out) {
		for (unsigned i = 0; i < s->count; i++)
			fprintf(out,
				"addr add %s/%d dev %s noprefixroute\n"
				"route replace default via %s dev %s src %s table %u proto %d\n",
				address_text(s->neighbours[i].source, &a), s->prefix, s->local,
				address_text(s->neighbours[i].address, &b), s->local, a.buffer, FIRST + 1 + i,
				PROTOCOL);
		fprintf(out, "route replace default via %s dev %s src %s table %d proto %d\n",
			address_text(s->gateway, &b), s->cellular, address_text(*cellular, &a), FIRST,
			PROTOCOL);
		/* Forwarded packets have no other way than the tunnel, also while it is down. */
		if (s->tunnel.port)
			fprintf(out, "route replace blackhole default metric 1000 table %d proto %d\n",
				CARRIED, PROTOCOL);
		write_rules(out, s, "add", *cellular);
	}
	return run_written(out, &text, false, error);
}

int routes_tunnel(const struct settings *s, int which, char **error)
{
	char line[128];
	struct text t;

	if (which < 0)
		snprintf(line, sizeof line, "route replace default dev %s table %d proto %d\n",
			s->tunnel.interface, CARRIED, PROTOCOL);
	else
		snprintf(line, sizeof line, "route replace default dev %s src %s table %d proto %d\n",
			s->neighbours[which].tunnel.interface,
			address_text(s->neighbours[which].tunnel.local, &t), TUNNEL + which, PROTOCOL);
	return run_batch(line, false, error);
}

int routes_begin(const struct settings *s, int neighbour, char **error)
{
	char line[256];
	struct text a, b;

	if (neighbour < 0)
		snprintf(line, sizeof line, "route flush table %d\n", BEGIN);
	else if (s->tunnel.port)
		snprintf(line, sizeof line, "route replace default dev %s src %s table %d proto %d\n",
			s->neighbours[neighbour].tunnel.interface,
			address_text(s->neighbours[neighbour].tunnel.local, &a), BEGIN, PROTOCOL);
	else
		snprintf(line, sizeof line, "route replace default via %s dev %s src %s table %d proto %d\n",
			address_text(s->neighbours[neighbour].address, &a), s->local,
			address_text(s->neighbours[neighbour].source, &b), BEGIN, PROTOCOL);
	return run_batch(line, neighbour < 0, error);
}
