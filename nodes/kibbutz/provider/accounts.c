/* OpenVPN servers, one a tunnel (point to point, TLS, certificates by fingerprint), and an nftables table
 * that counts what comes out of and goes into each. Counting inside the tunnel counts what was authentic and
 * new, and nothing else. */
#include "nodes/kibbutz/provider/accounts.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "lib/net/openvpn.h"
#include "nodes/kibbutz/provider/downlink.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "ip liquidnet-kibbutz-provider"

struct accounts {
	const struct settings *settings;
	struct nft_ctx *nft;
	bool installed, inherited; /* the table; a predecessor's */
	struct openvpn *tunnels[SETTINGS_TUNNELS];
};

struct count {
	json_int_t packets, bytes;
};

static struct count counter_of(json_t *list, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		json_t *counter = json_object_get(item, "counter");
		const char *found = json_string_value(json_object_get(counter, "name"));
		if (found && !strcmp(found, name))
			return (struct count){json_integer_value(json_object_get(counter, "packets")),
				json_integer_value(json_object_get(counter, "bytes"))};
	}
	return (struct count){0, 0};
}

/* The counters as they are; NULL with *error when there is no table. */
static json_t *list_counters(struct accounts *a, char **error)
{
	const char *text;

	if (nft_list(a->nft, "list table " TABLE, &text, error) < 0)
		return NULL;
	json_t *root = json_loads(text, 0, NULL), *list = json_incref(json_object_get(root, "nftables"));
	json_decref(root);
	return list ? list : json_array();
}

/* Counters are named by whom they count, not by interface: a new configuration may order tunnels otherwise.
 */
static void counter_name(const struct settings *s, unsigned i, const char *direction, char name[96])
{
	const struct settings_tunnel *t = &s->tunnels[i];

	snprintf(name, 96, "of/%s/%s/%s", t->device, t->via < 0 ? "own" : s->tunnels[t->via].device,
		direction);
}

static void write_counter(FILE *out, json_t *before, const char *name)
{
	struct count c = counter_of(before, name);

	fprintf(out, "	counter %s { packets %lld bytes %lld }\n", name, (long long)c.packets,
		(long long)c.bytes);
}

static void write_rules(FILE *out, const struct settings *s, json_t *before)
{
	static const char *const directions[] = {"up", "down"};
	static const char *const hooks[] = {"prerouting", "postrouting"}, *const sides[] = {
										  "iifname", "oifname"};
	char name[96], remote[INET_ADDRSTRLEN];

	fprintf(out, "add table " TABLE "\ndelete table " TABLE "\ntable " TABLE " {\n");
	write_counter(out, before, "strays");
	for (unsigned i = 0; i < s->count; i++)
		for (int d = 0; d < 2; d++) {
			counter_name(s, i, directions[d], name);
			write_counter(out, before, name);
		}
	fprintf(out, "	chain input {\n		type filter hook input priority filter; policy accept;\n");
	for (unsigned i = 0; i < s->count; i++)
		if (s->tunnels[i].via >= 0)
			fprintf(out,
				"		udp dport %u iifname != \"%s\" counter name strays drop\n",
				s->tunnels[i].port, s->tunnels[s->tunnels[i].via].interface);
	fprintf(out, "	}\n");
	for (int d = 0; d < 2; d++) {
		fprintf(out,
			"	chain %s {\n		type filter hook %s priority filter; policy accept;\n",
			directions[d], hooks[d]);
		for (unsigned i = 0; i < s->count; i++) {
			inet_ntop(AF_INET, &s->tunnels[i].remote, remote, sizeof remote);
			counter_name(s, i, directions[d], name);
			/* Only the address that the tunnel has: nobody sends in another's name. */
			if (d == 0)
				fprintf(out,
					"		iifname \"%s\" ip saddr != %s counter name \"strays\" drop\n",
					s->tunnels[i].interface, remote);
			fprintf(out, "		%s \"%s\" counter name %s\n", sides[d],
				s->tunnels[i].interface, name);
		}
		fprintf(out, "	}\n");
	}
	downlink_write_rules(out, s);
	fprintf(out, "}\n");
}

static int install(struct accounts *a, char **error)
{
	char *text = NULL;
	size_t size;
	json_t *before = list_counters(a, NULL);
	FILE *out = open_memstream(&text, &size);

	a->inherited = before != NULL;
	if (out)
		write_rules(out, a->settings, before);
	json_decref(before);
	int result =
		out && fclose(out) == 0 ? nft_run(a->nft, text, error) : error_set(error, "out of memory");
	free(text);
	a->installed = result == 0;
	return result;
}

static char *options_of(const struct settings *s, const struct settings_tunnel *t, char **error)
{
	char fingerprint[96], local[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN], *text;

	if (openvpn_fingerprint(t->certificate, fingerprint, error) < 0)
		return NULL;
	inet_ntop(AF_INET, &t->local, local, sizeof local);
	inet_ntop(AF_INET, &t->remote, remote, sizeof remote);
	/* multihome: answers come from the address that was asked, also inside a carrier's tunnel. float: a
	 * carrier translates addresses, and its next life has others. Replayed packets are dropped by
	 * OpenVPN's default window of 64 packets and 15 s. No keepalive: it would wake the radios of devices
	 * that have nothing to say, and of their carriers. */
	if (asprintf(&text,
		    "proto udp4\nlport %u\n"
		    "multihome\ntls-server\ndh none\nfloat\n"
		    "ifconfig %s %s\ntun-mtu %d\n"
		    "cert \"%s\"\nkey \"%s\"\npeer-fingerprint %s\n%s",
		    t->port, local, remote, t->via < 0 ? OPENVPN_OUTER_MTU : OPENVPN_INNER_MTU,
		    s->certificate, s->key, fingerprint, openvpn_options_silent) < 0) {
		error_set(error, "out of memory");
		return NULL;
	}
	return text;
}

static void on_change(void *context, enum openvpn_state state, struct in_addr local, const char *device)
{
	(void)context;
	(void)local;
	if (state == OPENVPN_UP)
		openvpn_silence(device);
}

static int start_tunnel(struct accounts *a, sd_event *loop, unsigned i, char **error)
{
	const struct settings *s = a->settings;
	char name[32], *options = options_of(s, &s->tunnels[i], error);
	struct openvpn_events events = {.changed = on_change};

	if (!options)
		return -1;
	snprintf(name, sizeof name, "tunnel%u", i);
	a->tunnels[i] =
		openvpn_start(loop, name, s->directory, options, s->tunnels[i].interface, &events, error);
	free(options);
	return a->tunnels[i] ? 0 : error_prefix(error, "tunnel of %s", s->tunnels[i].device);
}

struct accounts *accounts_start(sd_event *loop, const struct settings *settings, char **error)
{
	struct accounts *a = calloc(1, sizeof *a);
	int result;

	if (!a)
		abort();
	a->settings = settings;
	a->nft = nft_open(error);
	result = a->nft ? 0 : -1;
	if (result == 0 && settings->count)
		result = folders_make(settings->directory, 0700, error);
	if (result == 0 && settings->count)
		result = install(a, error);
	for (unsigned i = 0; i < settings->count && result == 0; i++)
		result = start_tunnel(a, loop, i, error);
	if (result == 0)
		return a;
	accounts_abandon(a);
	return NULL;
}

void accounts_abandon(struct accounts *a)
{
	if (a && a->inherited)
		a->installed = false;
	accounts_stop(a);
}

void accounts_stop(struct accounts *a)
{
	char *error = NULL;

	if (!a)
		return;
	if (a->installed) {
		json_t *last = accounts_report(a, NULL);
		char *text = last ? json_dumps(json_object_get(last, "devices"), JSON_COMPACT) : NULL;
		log_info("accounts", "devices=%s", text ? text : "?");
		free(text);
		json_decref(last);
		if (nft_run(a->nft, "delete table " TABLE, &error) < 0)
			log_warning("table-not-removed", "error=\"%s\"", error);
	}
	for (unsigned i = 0; i < a->settings->count; i++)
		openvpn_stop(a->tunnels[i]);
	free(error);
	nft_close(a->nft);
	free(a);
}

static void add_to(json_t *devices, const char *device, const char *key, json_int_t bytes)
{
	json_t *entry = json_object_get(devices, device);

	if (!entry) {
		entry = json_pack("{si si}", "given", 0, "taken", 0);
		json_object_set_new(devices, device, entry);
	}
	json_object_set_new(
		entry, key, json_integer(json_integer_value(json_object_get(entry, key)) + bytes));
}

json_t *accounts_report(struct accounts *a, char **error)
{
	static const char *const states[] = {"down", "starting", "up"};
	const struct settings *s = a->settings;
	json_t *list = s->count ? list_counters(a, error) : json_array(), *devices = json_object(),
	       *tunnels = json_array();
	char name[96];

	for (unsigned i = 0; i < s->count && list; i++) {
		const struct settings_tunnel *t = &s->tunnels[i];
		const char *carrier = t->via < 0 ? NULL : s->tunnels[t->via].device;
		counter_name(s, i, "up", name);
		json_int_t up = counter_of(list, name).bytes;
		counter_name(s, i, "down", name);
		json_int_t down = counter_of(list, name).bytes;
		add_to(devices, t->device, "taken", carrier ? up + down : 0);
		if (carrier)
			add_to(devices, carrier, "given", up + down);
		json_array_append_new(
			tunnels, json_pack("{ss ss? ss sI sI}", "device", t->device, "via", carrier, "state",
					 a->tunnels[i] ? states[openvpn_state(a->tunnels[i])] : "down", "up",
					 up, "down", down));
	}
	json_t *whole = list ? json_pack("{sO sO sI}", "devices", devices, "tunnels", tunnels, "strays",
				       counter_of(list, "strays").packets)
			     : NULL;
	json_decref(devices);
	json_decref(tunnels);
	json_decref(list);
	return whole;
}
