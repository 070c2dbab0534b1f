/* The NAT detour's nftables table: a map for the way in (DNAT), a set for the way out (SNAT). */
#include "nodes/detour/daemon/nat.h"
#include "lib/base/error.h"
#include "lib/net/nft.h"
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* prerouting: what a client sends to this host itself at a mapped port. postrouting: what the first chain has
 * led on, known by its original tuple together with its new destination: a flow that some other rule of the
 * host has translated is not ours. NAT chains see the first packet of a flow only; connection tracking does
 * the rest, in both directions. */
static const char rules[] =
	"add table ip " NAT_TABLE "\n"
	"delete table ip " NAT_TABLE "\n"
	"table ip " NAT_TABLE " {\n"
	"	comment \"detour protocol version 1\"\n"
	"	map mappings { type ipv4_addr . inet_service : ipv4_addr . inet_service; }\n"
	"	set flows { type ipv4_addr . inet_service . ipv4_addr . inet_service; }\n"
	"	chain prerouting {\n"
	"		type nat hook prerouting priority dstnat; policy accept;\n"
	"		fib daddr type local dnat ip to ip saddr . tcp dport map @mappings\n"
	"	}\n"
	"	chain postrouting {\n"
	"		type nat hook postrouting priority srcnat; policy accept;\n"
	"		meta l4proto tcp ct status dnat ct original ip saddr . ct original proto-dst . ip daddr . tcp dport @flows masquerade\n"
	"	}\n"
	"}\n";

struct texts {
	char client[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];
};

static struct texts texts_of(const struct mapping *mapping)
{
	struct texts t;
	inet_ntop(AF_INET, &mapping->client, t.client, sizeof t.client);
	inet_ntop(AF_INET, &mapping->remote, t.remote, sizeof t.remote);
	return t;
}

int nat_add(struct nft_ctx *nft, const struct mapping *m, char **error)
{
	char commands[512];
	struct texts t = texts_of(m);
	snprintf(commands, sizeof commands,
		"add element ip " NAT_TABLE " mappings { %s . %u : %s . %u }\n"
		"add element ip " NAT_TABLE " flows { %s . %u . %s . %u }\n",
		t.client, m->detour_port, t.remote, m->remote_port, t.client, m->detour_port, t.remote,
		m->remote_port);
	return nft_run(nft, commands, error);
}

/* A text of commands under construction. */
struct commands {
	char *text;
	size_t size;
	FILE *out;
};

static int commands_open(struct commands *c, char **error)
{
	*c = (struct commands){0};
	c->out = open_memstream(&c->text, &c->size);
	return c->out ? 0 : error_set(error, "nftables: out of memory");
}

static int commands_run(struct commands *c, struct nft_ctx *nft, char **error)
{
	int result = fclose(c->out) == 0 ? nft_run(nft, c->text, error)
					 : error_set(error, "nftables: out of memory");
	free(c->text);
	return result;
}

static void write_mapping(FILE *out, const struct mapping *m, bool with_value)
{
	struct texts t = texts_of(m);
	fprintf(out, "%s . %u", t.client, m->detour_port);
	if (with_value)
		fprintf(out, " : %s . %u", t.remote, m->remote_port);
	fputs(",\n", out);
}

static void write_flow(FILE *out, const struct mapping *m)
{
	struct texts t = texts_of(m);
	fprintf(out, "%s . %u . %s . %u,\n", t.client, m->detour_port, t.remote, m->remote_port);
}

/* Both of these: one command an array of elements, as a command each would cost a lookup of the set each. */
int nat_install(struct nft_ctx *nft, const struct mapping_table *table, char **error)
{
	struct commands c;
	if (commands_open(&c, error) < 0)
		return -1;
	fputs(rules, c.out);
	if (mapping_count(table)) {
		fputs("add element ip " NAT_TABLE " mappings {\n", c.out);
		for (const struct mapping *m = mapping_first(table); m; m = mapping_next(table, m))
			write_mapping(c.out, m, true);
		fputs("}\nadd element ip " NAT_TABLE " flows {\n", c.out);
		for (const struct mapping *m = mapping_first(table); m; m = mapping_next(table, m))
			write_flow(c.out, m);
		fputs("}\n", c.out);
	}
	return commands_run(&c, nft, error);
}

int nat_remove(struct nft_ctx *nft, const struct mapping *const *mappings, size_t count, char **error)
{
	struct commands c;
	if (commands_open(&c, error) < 0)
		return -1;
	fputs("delete element ip " NAT_TABLE " mappings {\n", c.out);
	for (size_t i = 0; i < count; i++)
		write_mapping(c.out, mappings[i], false);
	fputs("}\ndelete element ip " NAT_TABLE " flows {\n", c.out);
	for (size_t i = 0; i < count; i++)
		write_flow(c.out, mappings[i]);
	fputs("}\n", c.out);
	return commands_run(&c, nft, error);
}

int nat_uninstall(struct nft_ctx *nft, char **error)
{
	return nft_run(nft, "delete table ip " NAT_TABLE, error);
}

/* --- what an earlier life left
 * ----------------------------------------------------------------------------------- */

/* {"concat": ["10.0.1.1", 5201]} */
static bool read_endpoint(json_t *value, struct in_addr *address, uint16_t *port)
{
	const char *text;
	int number;
	if (json_unpack(value, "{s:[s,i!]}", "concat", &text, &number) < 0)
		return false;
	*port = (uint16_t)number;
	return inet_pton(AF_INET, text, address) == 1 && number > 0 && number <= UINT16_MAX;
}

static json_t *find_elements(json_t *root)
{
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(root, "nftables"), i, item) {
		json_t *elements = json_object_get(json_object_get(item, "map"), "elem");
		if (elements)
			return elements;
	}
	return NULL;
}

size_t nat_adopt(struct nft_ctx *nft, struct mapping_table *table, int64_t now_ns,
	bool (*keep)(void *context, struct in_addr client), void *context)
{
	const char *text;
	/* That the table is not there is what we expect; that we may not look is told by the installation. */
	if (nft_list(nft, "list map ip " NAT_TABLE " mappings", &text, NULL) < 0)
		return 0;
	json_t *root = json_loads(text, 0, NULL);
	size_t i, adopted = 0;
	json_t *item;
	json_array_foreach(find_elements(root), i, item) {
		struct in_addr client, remote;
		uint16_t detour_port, remote_port;
		if (read_endpoint(json_array_get(item, 0), &client, &detour_port) &&
			read_endpoint(json_array_get(item, 1), &remote, &remote_port) &&
			keep(context, client) &&
			mapping_add(table, client, detour_port, remote, remote_port, now_ns))
			adopted++;
	}
	json_decref(root);
	return adopted;
}
