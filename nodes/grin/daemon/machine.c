/* Addresses, rules and routes by `ip -batch`, the mark by nftables, the next hop by a BPF program; see the header. */
#include "nodes/grin/daemon/machine.h"

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/net/nft.h"
#include "nodes/grin/daemon/next.skel.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL "71"
#define TABLE 7100 /* and the preference of rules; one more per cable */
#define NEXT "grin-next"
#define NEXT_PEER "grin-next-end"
#define NFT "ip liquidnet-grin"

struct machine {
	const struct settings *settings;
	struct nft_ctx *nft;
};

static const char *text_of(uint32_t address, char text[INET_ADDRSTRLEN])
{
	struct in_addr in = {.s_addr = htonl(address)};

	return inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}

/* ---- what must be so */

static bool read_sysctl(const char *path, char value[16])
{
	char file[160];
	int fd;

	snprintf(file, sizeof file, "/proc/sys/net/%s", path);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, value, 15);
	if (fd >= 0)
		close(fd);
	value[n > 0 ? n : 0] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return n > 0;
}

static int need_sysctl(const char *path, const char *wanted, const char *why, char **error)
{
	char value[16], name[128];

	snprintf(name, sizeof name, "net.%s", path);
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '.';
	if (!read_sysctl(path, value))
		return error_set(error, "%s cannot be read: %s", name, strerror(errno));
	return strcmp(value, wanted) == 0
		       ? 0
		       : error_set(error, "%s is %s: %s; run `sysctl -w %s=%s` in this network namespace",
				 name, value, why, name, wanted);
}

static int need_interface(const char *name, char **error)
{
	char path[64];

	if (!if_nametoindex(name))
		return error_set(error, "no interface `%s` in this network namespace", name);
	snprintf(path, sizeof path, "ipv4/conf/%s/rp_filter", name);
	return need_sysctl(path, "0",
		"packets of neighbours come by ways that a reverse path filter takes for wrong", error);
}

static json_t *list(const char *const *argv, char **error)
{
	char *output = NULL;
	json_t *json = NULL;
	const struct process_options options = {.argv = argv,
		.netns_fd = -1,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.keep_fd = -1,
		.die_with_parent = true};

	if (process_run(&options, false, 20000, &output, error) == 0)
		/* Nothing to list is nothing at all, for some versions of ip. */
		json = output[strspn(output, " \n")] ? json_loads(output, 0, NULL) : json_array();
	free(output);
	if (!json && error && !*error)
		error_set(error, "ip: its answer is no JSON; iproute2 of Debian 12 or later is needed");
	return json;
}

static int need_address(const struct settings *s, char **error)
{
	const char *const argv[] = {"ip", "-j", "-4", "addr", "show", "dev", s->uplink, NULL};
	json_t *interfaces = list(argv, error), *interface, *address;
	char mine[INET_ADDRSTRLEN];
	bool found = false;
	size_t i, k;

	text_of(settings_me(s)->primary, mine);
	json_array_foreach(interfaces, i, interface)
		json_array_foreach(json_object_get(interface, "addr_info"), k, address) {
			const char *local = json_string_value(json_object_get(address, "local"));
			found |= local && !strcmp(local, mine);
		}
	if (interfaces && !found)
		error_set(error,
			"the uplink %s has not this server's address; run `ip addr add %s/11 dev %s`",
			s->uplink, mine, s->uplink);
	json_decref(interfaces);
	return found ? 0 : -1;
}

int machine_check(const struct settings *s, char **error)
{
	char value[16];

	if (!read_sysctl("mptcp/pm_type", value))
		return error_set(error,
			"net.mptcp.pm_type cannot be read: %s; a kernel with CONFIG_MPTCP (5.19 or later) is needed",
			strerror(errno));
	if (need_sysctl("mptcp/pm_type", "1", "subflows are the kernel's own path manager's business",
		    error) < 0 ||
		need_sysctl("ipv4/ip_forward", "1", "neighbours' packets go nowhere", error) < 0 ||
		need_sysctl("ipv4/conf/all/rp_filter", "0",
			"packets of neighbours come by ways that a reverse path filter takes for wrong",
			error) < 0 ||
		need_interface(s->uplink, error) < 0)
		return -1;
	for (unsigned e = 0; e < settings_me(s)->count; e++)
		if (need_interface(s->cables[e], error) < 0)
			return -1;
	return need_address(s, error);
}

/* ---- the computed next hop */

static int feed(const char *batch, bool force, char **error)
{
	const char *const plain[] = {"ip", "-batch", "-", NULL}, *const forced[] = {
									 "ip", "-force", "-batch", "-", NULL};
	char *said = NULL;
	char *ignored = NULL;
	int status =
		*batch ? process_feed(force ? forced : plain, -1, batch, &said, force ? &ignored : error) : 0;

	free(said);
	free(ignored);
	return status == 0 || force ? 0 : -1;
}

static int attach_next(const struct settings *s, char **error)
{
	int result = -1;

	libbpf_set_print(NULL); /* it would say that a hook is there already */
	struct next_bpf *bpf = next_bpf__open();

	if (!bpf)
		return error_set(error, "BPF: %s", strerror(errno));
	bpf->rodata->uplink = if_nametoindex(s->uplink);
	bpf->rodata->primary = htonl(settings_me(s)->primary);
	LIBBPF_OPTS(
		bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(NEXT_PEER), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1, .flags = BPF_TC_F_REPLACE);
	if ((result = next_bpf__load(bpf)) < 0)
		error_set(error,
			"BPF program of the next hop: %s; write `routing: static` where the kernel has no BPF",
			strerror(-result));
	else if ((result = bpf_tc_hook_create(&hook)) < 0 && result != -EEXIST)
		error_set(error, "clsact: %s; the kernel needs CONFIG_NET_CLS_ACT, or `routing: static`",
			strerror(-result));
	else {
		options.prog_fd = bpf_program__fd(bpf->progs.next_hop);
		if ((result = bpf_tc_attach(&hook, &options)) < 0)
			error_set(error,
				"BPF program of the next hop: %s; the kernel needs CONFIG_NET_CLS_BPF, or `routing: static`",
				strerror(-result));
	}
	next_bpf__destroy(bpf); /* what is attached lives on */
	return result < 0 ? -1 : 0;
}

/* A pair of interfaces: what is routed to one comes out of the other, without its route. (With its route it would be lost where the next hop's hardware
 * address is still to be asked for: the kernel then sends what waited for it by the neighbour of the route.) It neither asks nor answers for addresses. */
static int install_next(const struct settings *s, char **error)
{
	if (s->routing != PLAN_COMPUTED)
		return if_nametoindex(NEXT) ? feed("link del " NEXT "\n", true, error) : 0;
	if (!if_nametoindex(NEXT) &&
		feed("link add " NEXT " type veth peer name " NEXT_PEER "\n", false, error) < 0)
		return -1;
	if (feed("link set dev " NEXT_PEER " arp off up\nlink set dev " NEXT " arp off mtu 65535 up\n", false,
		    error) < 0)
		return -1;
	return attach_next(s, error);
}

/* ---- addresses, rules, routes */

struct batch {
	FILE *file,
		*stale; /* what is to be there; what is to go, which may go by itself meanwhile: routes with their addresses */
	char *text, *stale_text;
	size_t size, stale_size;
	const struct settings *settings;
	json_t *wanted; /* "TABLE DESTINATION" of routes */
};

static void put_route(void *context, const struct plan_route *route)
{
	struct batch *b = context;
	const struct settings *s = b->settings;
	const struct plan_server *me = settings_me(s);
	char to[INET_ADDRSTRLEN + 8], via[INET_ADDRSTRLEN], key[64];
	unsigned table = route->from ? TABLE + (unsigned)route->end : 254;

	if (route->length == 0)
		snprintf(to, sizeof to, "default");
	else {
		text_of(route->to, to);
		if (route->length < 32)
			snprintf(to + strlen(to), 8, "/%u", route->length);
	}
	if (route->kind == PLAN_UPLINK)
		return; /* the network's own: the uplink's address has it */
	fprintf(b->file, "route replace %s table %u proto " PROTOCOL " ", to, table);
	if (route->kind == PLAN_CABLE && route->from)
		fprintf(b->file, "via %s dev %s onlink\n", text_of(me->ends[route->end].peer_address, via),
			s->cables[route->end]);
	else if (route->kind == PLAN_CABLE)
		fprintf(b->file, "dev %s src %s\n", s->cables[route->end],
			text_of(me->ends[route->end].address, via));
	else if (route->kind == PLAN_VIA)
		fprintf(b->file, "via %s dev %s onlink\n", text_of(route->via, via), s->uplink);
	else
		fprintf(b->file, "dev " NEXT " src %s\n", text_of(me->primary, via));
	snprintf(key, sizeof key, "%u %s", table, to);
	json_object_set_new(b->wanted, key, json_true());
}

static bool has_rule(json_t *rules, unsigned preference, const char *from)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) {
		const char *src = json_string_value(json_object_get(rule, "src"));
		if (json_integer_value(json_object_get(rule, "priority")) == preference && src && from &&
			!strcmp(src, from))
			return true;
	}
	return false;
}

static void put_rules(struct batch *b, json_t *rules)
{
	const struct plan_server *me = settings_me(b->settings);
	char from[INET_ADDRSTRLEN];
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) {
		json_int_t preference = json_integer_value(json_object_get(rule, "priority"));
		const char *src = json_string_value(json_object_get(rule, "src"));
		unsigned end = (unsigned)(preference - TABLE);
		if (preference < TABLE || preference >= TABLE + PLAN_LINKS || !src)
			continue;
		if (end >= me->count || strcmp(src, text_of(me->ends[end].address, from)) != 0)
			fprintf(b->stale, "rule del pref %lld from %s\n", (long long)preference, src);
	}
	for (unsigned e = 0; e < me->count; e++)
		if (!has_rule(rules, TABLE + e, text_of(me->ends[e].address, from)))
			fprintf(b->file, "rule add pref %u from %s table %u protocol " PROTOCOL "\n",
				TABLE + e, from, TABLE + e);
}

/* Which cable of ours has this address on this interface, or -1. */
static int end_of(const struct settings *s, const char *interface, const char *address)
{
	char text[INET_ADDRSTRLEN];

	for (unsigned e = 0; s && e < settings_me(s)->count; e++)
		if (!strcmp(interface, s->cables[e]) &&
			!strcmp(address, text_of(settings_me(s)->ends[e].address, text)))
			return (int)e;
	return -1;
}

/* Takes away what is signed and not of these settings (NULL: all); notes which ends have theirs. */
static void put_stale_addresses(
	FILE *file, const struct settings *s, json_t *interfaces, bool there[PLAN_LINKS])
{
	json_t *interface, *address;
	size_t i, k;

	json_array_foreach(interfaces, i, interface)
		json_array_foreach(json_object_get(interface, "addr_info"), k, address) {
			const char *name = json_string_value(json_object_get(interface, "ifname"));
			const char *local = json_string_value(json_object_get(address, "local"));
			struct in_addr in;
			if (!name || !local || inet_pton(AF_INET, local, &in) != 1 ||
				!plan_inside(ntohl(in.s_addr)) || plan_g(ntohl(in.s_addr)) == 0 ||
				json_integer_value(json_object_get(address, "prefixlen")) != 32)
				continue;
			int end = end_of(s, name, local);
			if (end >= 0)
				there[end] = true;
			else
				fprintf(file, "addr del %s/32 dev %s\n", local, name);
		}
}

static void put_stale_routes(struct batch *b, json_t *routes)
{
	json_t *route;
	size_t i;

	json_array_foreach(routes, i, route) {
		const char *to = json_string_value(json_object_get(route, "dst"));
		const char *table = json_string_value(json_object_get(route, "table"));
		char key[64];
		snprintf(key, sizeof key, "%s %s", table && strcmp(table, "main") != 0 ? table : "254",
			to ? to : "");
		if (to && !json_object_get(b->wanted, key))
			fprintf(b->stale, "route del %s table %s proto " PROTOCOL "\n", to,
				table ? table : "main");
	}
}

static json_t *list_addresses(char **error)
{
	static const char *const argv[] = {"ip", "-j", "-4", "addr", "show", NULL};
	return list(argv, error);
}

static json_t *list_rules(char **error)
{
	static const char *const argv[] = {"ip", "-j", "-4", "rule", "show", NULL};
	return list(argv, error);
}

static json_t *list_routes(char **error)
{
	static const char *const argv[] = {
		"ip", "-j", "-4", "route", "show", "table", "all", "proto", PROTOCOL, NULL};
	return list(argv, error);
}

static int install_ways(const struct settings *s, char **error)
{
	struct batch b = {.settings = s, .wanted = json_object()};
	json_t *addresses = list_addresses(error), *rules = addresses ? list_rules(error) : NULL,
	       *routes = rules ? list_routes(error) : NULL;
	bool there[PLAN_LINKS] = {false};
	char text[INET_ADDRSTRLEN];
	int result = -1;

	if (routes) {
		b.file = open_memstream(&b.text, &b.size);
		b.stale = open_memstream(&b.stale_text, &b.stale_size);
		if (!b.file || !b.stale)
			abort();
		put_stale_addresses(b.stale, s, addresses, there);
		for (unsigned e = 0; e < settings_me(s)->count; e++)
			if (!there[e])
				fprintf(b.file, "addr add %s/32 dev %s\n",
					text_of(settings_me(s)->ends[e].address, text), s->cables[e]);
		plan_routes(s->plan, s->me, s->routing, put_route, &b);
		put_rules(&b, rules);
		put_stale_routes(&b, routes);
		fclose(b.file);
		fclose(b.stale);
		result = feed(b.stale_text, true, error) < 0 ? -1 : feed(b.text, false, error);
	}
	free(b.text);
	free(b.stale_text);
	json_decref(b.wanted);
	json_decref(addresses);
	json_decref(rules);
	json_decref(routes);
	return result;
}

/* ---- the mark */

static int install_mark(struct machine *m, char **error)
{
	char mine[INET_ADDRSTRLEN], commands[1024];

	text_of(settings_me(m->settings)->primary, mine);
	snprintf(commands, sizeof commands,
		"add table " NFT "\ndelete table " NFT "\nadd table " NFT "\n"
		"add counter " NFT " marked\nadd counter " NFT " forwarded\n"
		"add chain " NFT " out { type filter hook output priority mangle; }\n"
		"add chain " NFT " through { type filter hook forward priority filter; }\n"
		"add rule " NFT " through ip saddr 10.0.0.0/8 ip daddr 10.0.0.0/8 counter name forwarded\n"
		"%s%s%s",
		m->settings->priority ? "add rule " NFT " out ip protocol tcp ip saddr " : "",
		m->settings->priority ? mine : "",
		m->settings->priority ? " ip daddr 10.0.0.0/11 counter name marked ip dscp set ef\n" : "");
	return nft_run(m->nft, commands, error);
}

static int read_counter(struct machine *m, const char *name, uint64_t *packets, uint64_t *bytes, char **error)
{
	char command[64];
	const char *text;
	json_t *answer, *item;
	json_int_t p = 0, b = 0;
	size_t i;

	snprintf(command, sizeof command, "list counter " NFT " %s", name);
	if (nft_list(m->nft, command, &text, error) < 0)
		return -1;
	answer = json_loads(text, 0, NULL);
	json_array_foreach(json_object_get(answer, "nftables"), i, item)
		json_unpack(item, "{s:{s:I, s:I}}", "counter", "packets", &p, "bytes", &b);
	json_decref(answer);
	*packets = (uint64_t)p;
	*bytes = (uint64_t)b;
	return 0;
}

int machine_traffic(struct machine *m, struct machine_traffic *traffic, char **error)
{
	uint64_t ignored;

	return read_counter(m, "forwarded", &traffic->forwarded_packets, &traffic->forwarded_bytes, error) <
				       0 ||
			       read_counter(m, "marked", &traffic->marked_packets, &ignored, error) < 0
		       ? -1
		       : 0;
}

/* ---- the whole */

struct machine *machine_open(const struct settings *settings, char **error)
{
	struct machine *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->settings = settings;
	m->nft = nft_open(error);
	if (m->nft && install_next(settings, error) == 0 && install_ways(settings, error) == 0 &&
		install_mark(m, error) == 0)
		return m;
	machine_close(m);
	return NULL;
}

/* Rules first: nothing shall look into tables that are empty. */
static void remove_ways(void)
{
	char *text = NULL, *error = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	json_t *addresses = list_addresses(&error), *rules = list_rules(&error), *rule;
	size_t i;

	if (!file)
		abort();
	json_array_foreach(rules, i, rule) {
		json_int_t preference = json_integer_value(json_object_get(rule, "priority"));
		const char *src = json_string_value(json_object_get(rule, "src"));
		if (preference >= TABLE && preference < TABLE + PLAN_LINKS && src)
			fprintf(file, "rule del pref %lld from %s\n", (long long)preference, src);
	}
	fprintf(file, "route flush table all proto " PROTOCOL "\n");
	put_stale_addresses(file, NULL, addresses, NULL);
	if (if_nametoindex(NEXT))
		fprintf(file, "link del " NEXT "\n");
	fclose(file);
	if (feed(text, true, &error) < 0)
		log_warning("left", "problem=\"%s\"", error);
	free(text);
	free(error);
	json_decref(addresses);
	json_decref(rules);
}

void machine_close(struct machine *m)
{
	if (!m)
		return;
	remove_ways();
	if (m->nft)
		nft_run(m->nft, "delete table " NFT, NULL);
	nft_close(m->nft);
	free(m);
}
