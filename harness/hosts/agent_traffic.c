/* Agent, traffic: a table of nftables that counts what goes between the hosts and what else the interface carries, cuts
 * what is beyond the inventory's limits, and lets nothing that a trial has started send to a stranger. */
#include "harness/hosts/agent_internal.h"
#include "harness/hosts/login.h"

#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/net/address.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NFT_MS 10000
#define BURST_MAX UINT32_MAX /* bytes: of the kernel's limit */

struct family { /* as nftables calls it */
	const char *ip, *protocol, *type;
};
static const struct family ipv4 = {"ip", "ipv4", "ipv4_addr"}, ipv6 = {"ip6", "ipv6", "ipv6_addr"};

/* The harness's own connection: it is neither a trial's nor a stranger's. It need not be of the hosts' family. */
static void write_own_login(FILE *out)
{
	struct login login;
	if (!login_find(&login))
		return;
	const char *ip = (login.ipv6 ? &ipv6 : &ipv4)->ip;
	fprintf(out,
		"add rule inet " AGENT_TABLE " leaving %s daddr %s tcp sport %u tcp dport %u accept\n"
		"add rule inet " AGENT_TABLE " coming %s saddr %s tcp dport %u tcp sport %u accept\n",
		ip, login.from, login.to_port, login.from_port, ip, login.from, login.to_port,
		login.from_port);
}

static void write_hosts(FILE *out, const json_t *hosts, const struct family *family)
{
	json_t *one;
	size_t i;
	fprintf(out, "add set inet " AGENT_TABLE " hosts { type %s; elements = { ", family->type);
	json_array_foreach(hosts, i, one)
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(one));
	fprintf(out, " }; }\n");
}

/* Addresses are put into a program's input: nothing but addresses may stand there, and a set has one family. */
static int check_hosts(const struct agent *a, const json_t *hosts, char **error)
{
	struct address address;
	json_t *one;
	size_t i;
	if (json_array_size(hosts) == 0)
		return error_set(error, "it was told of no hosts");
	json_array_foreach(hosts, i, one)
		if (!json_is_string(one) || !address_parse(json_string_value(one), &address) ||
			address_is_none(&address) || address_is_v4(&address) == a->ipv6)
			return error_set(error, "it was told of a host without an address of its family");
	return 0;
}

static void write_rules(FILE *out, const struct agent *a)
{
	uint64_t rate = (uint64_t)message_number(a->orders, "rate_bps") / 8;
	const struct family *family = a->ipv6 ? &ipv6 : &ipv4, *other = a->ipv6 ? &ipv4 : &ipv6;
	static const char *const counters[] = {
		"own_out", "own_in", "other_out", "other_in", "stranger", "cut", NULL};
	fprintf(out, "add table inet " AGENT_TABLE "\ndelete table inet " AGENT_TABLE
		     "\nadd table inet " AGENT_TABLE "\n");
	write_hosts(out, json_object_get(a->orders, "hosts"), family);
	for (const char *const *c = counters; *c; c++)
		fprintf(out, "add counter inet " AGENT_TABLE " %s\n", *c);
	fprintf(out,
		"add quota inet " AGENT_TABLE " most { over %" PRIu64 " bytes; }\n"
		"add chain inet " AGENT_TABLE " leaving { type filter hook postrouting priority 300; }\n"
		"add chain inet " AGENT_TABLE " coming { type filter hook prerouting priority -350; }\n"
		"add rule inet " AGENT_TABLE " leaving oifname != \"%s\" accept\n"
		"add rule inet " AGENT_TABLE " coming iifname != \"%s\" accept\n",
		(uint64_t)message_number(a->orders, "may_send"), a->interface, a->interface);
	write_own_login(out);
	fprintf(out,
		"add rule inet " AGENT_TABLE
		" leaving meta skgid %d %s daddr != @hosts counter name stranger drop\n"
		"add rule inet " AGENT_TABLE
		" leaving meta skgid %d meta nfproto %s counter name stranger drop\n",
		AGENT_GROUP, family->ip, AGENT_GROUP, other->protocol);
	/* Who is at which address of the link: for IPv4 the table does not see that (ARP). */
	static const char *const chains[] = {"leaving", "coming", NULL};
	for (const char *const *chain = chains; *chain; chain++)
		fprintf(out,
			"add rule inet " AGENT_TABLE
			" %s icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept\n",
			*chain);
	fprintf(out,
		"add rule inet " AGENT_TABLE " leaving %s daddr != @hosts counter name other_out accept\n"
		"add rule inet " AGENT_TABLE " leaving meta nfproto %s counter name other_out accept\n"
		"add rule inet " AGENT_TABLE " leaving quota name most counter name cut drop\n"
		"add rule inet " AGENT_TABLE " leaving limit rate over %" PRIu64
		" bytes/second burst %" PRIu64 " bytes counter name cut drop\n"
		"add rule inet " AGENT_TABLE " leaving counter name own_out\n"
		"add rule inet " AGENT_TABLE " coming %s saddr @hosts counter name own_in accept\n"
		"add rule inet " AGENT_TABLE " coming counter name other_in\n",
		family->ip, other->protocol, rate, rate < BURST_MAX ? rate : (uint64_t)BURST_MAX, family->ip);
}

int agent_traffic_install(const struct agent *a, char **error)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	char *text = NULL;
	size_t size = 0;
	if (check_hosts(a, json_object_get(a->orders, "hosts"), error) < 0)
		return -1;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(error, "no memory");
	write_rules(out, a);
	fclose(out);
	int status = process_feed(argv, -1, text, NULL, error);
	free(text);
	return status == 0 ? 0 : error_prefix(error, "the rules that cap its traffic");
}

void agent_traffic_remove(void)
{
	static const char *const argv[] = {"nft", "delete", "table", "inet", AGENT_TABLE, NULL};
	struct process_options o = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	o.argv = argv;
	process_run(&o, true, NFT_MS, &output, &error);
	free(output);
	free(error);
}

static json_int_t of_counter(const json_t *counters, const char *name, const char *what)
{
	return json_integer_value(json_object_get(json_object_get(counters, name), what));
}

json_t *agent_traffic_read(void)
{
	static const char *const argv[] = {
		"nft", "-j", "list", "counters", "table", "inet", AGENT_TABLE, NULL};
	struct process_options o = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	json_t *counters = json_object(), *item;
	size_t i;
	o.argv = argv;
	int status = process_run(&o, false, NFT_MS, &output, &error);
	json_t *said = status == 0 ? json_loads(output, 0, NULL) : NULL;
	json_array_foreach(json_object_get(said, "nftables"), i, item) {
		json_t *counter = json_object_get(item, "counter");
		const char *name = json_string_value(json_object_get(counter, "name"));
		if (name)
			json_object_set(counters, name, counter);
	}
	json_t *result = json_object_size(counters) == 0
				 ? NULL
				 : json_pack("{s:I, s:I, s:I, s:I, s:I}", "out_bytes",
					   of_counter(counters, "own_out", "bytes"), "own_bytes",
					   of_counter(counters, "own_out", "bytes") +
						   of_counter(counters, "own_in", "bytes"),
					   "other_bytes",
					   of_counter(counters, "other_out", "bytes") +
						   of_counter(counters, "other_in", "bytes"),
					   "stranger_packets", of_counter(counters, "stranger", "packets"),
					   "cut_packets", of_counter(counters, "cut", "packets"));
	json_decref(said);
	json_decref(counters);
	free(output);
	free(error);
	return result;
}
