/* Policy routing by iproute2's batches. Tables: FIRST for the own link, FIRST + 1 + i for neighbour i, FIRST
 * + 99 for new connections; with tunnels FIRST + 100 for what is forwarded, FIRST + 101 + i for the tunnel
 * through neighbour i. Order of the rules: bound addresses; then everything of the main table but its
 * default routes (neighbours, own networks); then the table for new connections, which is empty while they
 * begin at the own link. */
#include "nodes/kibbutz/routes.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/process.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
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

static void write_removal(FILE *out, const struct settings *s)
{
	struct text t;

	for (int preference = PREFERENCE; preference <= PREFERENCE + 2; preference++)
		for (unsigned i = 0; i < (preference == PREFERENCE ? 2 * s->count + 2 : 1); i++)
			fprintf(out, "rule del pref %d protocol %d\n", preference, PROTOCOL);
	for (unsigned i = 0; i < s->count; i++)
		fprintf(out, "addr del %s/%d dev %s\nroute flush table %u\nroute flush table %u\n",
			address_text(s->neighbours[i].source, &t), s->prefix, s->local, FIRST + 1 + i,
			TUNNEL + i);
	fprintf(out, "route flush table %d\nroute flush table %d\nroute flush table %d\n", FIRST, BEGIN,
		CARRIED);
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
				"route add default via %s dev %s src %s table %u\n",
				address_text(s->neighbours[i].source, &a), s->prefix, s->local,
				address_text(s->neighbours[i].address, &b), s->local, a.buffer,
				FIRST + 1 + i);
		fprintf(out, "route add default via %s dev %s src %s table %d\n",
			address_text(s->gateway, &b), s->cellular, address_text(*cellular, &a), FIRST);
		/* Forwarded packets have no other way than the tunnel, also while it is down. */
		if (s->tunnel.port)
			fprintf(out, "route add blackhole default metric 1000 table %d\n", CARRIED);
		write_rules(out, s, "add", *cellular);
	}
	return run_written(out, &text, false, error);
}

int routes_tunnel(const struct settings *s, int which, char **error)
{
	char line[128];
	struct text t;

	if (which < 0)
		snprintf(line, sizeof line, "route replace default dev %s table %d\n", s->tunnel.interface,
			CARRIED);
	else
		snprintf(line, sizeof line, "route replace default dev %s src %s table %d\n",
			s->neighbours[which].tunnel.interface,
			address_text(s->neighbours[which].tunnel.local, &t), TUNNEL + which);
	return run_batch(line, false, error);
}

int routes_begin(const struct settings *s, int neighbour, char **error)
{
	char line[256];
	struct text a, b;

	if (neighbour < 0)
		snprintf(line, sizeof line, "route flush table %d\n", BEGIN);
	else if (s->tunnel.port)
		snprintf(line, sizeof line, "route replace default dev %s src %s table %d\n",
			s->neighbours[neighbour].tunnel.interface,
			address_text(s->neighbours[neighbour].tunnel.local, &a), BEGIN);
	else
		snprintf(line, sizeof line, "route replace default via %s dev %s src %s table %d\n",
			address_text(s->neighbours[neighbour].address, &a), s->local,
			address_text(s->neighbours[neighbour].source, &b), BEGIN);
	return run_batch(line, neighbour < 0, error);
}
