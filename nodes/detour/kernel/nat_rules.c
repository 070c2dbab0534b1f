/* The NAT detour's rules, as nft commands. They can be run again over a table that is there: its maps keep their elements,
 * and with them everybody's mappings.
 *
 * The order of a flow's first packet:
 *   arrivals  (prerouting, just before the usual DNAT, so that the order of registration decides nothing) leads what a
 *             client sends to a mapped port of this host on, and marks it in the connection tracking. The mark comes first,
 *             as what follows a dnat is not looked at, and is taken off again where no mapping was found.
 *   through   (forward) marked flows alone: where they may not go, how many one client may have, and the hops.
 *   inside    (input) a marked flow that would end on this host was led to one of its own addresses.
 *   departures (postrouting) marked flows leave under this host's address.
 * Later packets are the connection tracking's.
 *
 * Hops: what one detour emits may be addressed to a mapping of another, and that one's to the first's: one SYN circled
 * until its hop limit was used up, 254 times, with a new tracked flow each time. So each detour lowers a first packet's hop
 * limit to the next lower of 64, 48, 32 and 16, and drops what is not above 16: a circle ends after five. */
#include "lib/base/error.h"
#include "nodes/detour/kernel/nat.h"
#include "nodes/detour/kernel/syn.h"
#include <stdlib.h>

struct family {
	const char *ip, *number, *type, *hops, *bits;
};
static const struct family families[2] = {
	{"ip", "4", "ipv4_addr", "ttl", "ipv4"},
	{"ip6", "6", "ipv6_addr", "hoplimit", "ipv6"},
};

static bool of_family(const struct network *network, const struct family *family)
{
	return (address_is_v4(&network->address) && network->bits >= 96) == (family->number[0] == '4');
}

/* Networks of one set. */
struct networks {
	const struct network *parts[2];
	size_t counts[2];
};

static const struct network *network_at(const struct networks *all, size_t i)
{
	return i < all->counts[0] ? &all->parts[0][i] : &all->parts[1][i - all->counts[0]];
}

/* Whether another one has it: a set's intervals may not overlap. (nft's auto-merge looks at elements that the same transaction
 * has just flushed, and fails.) */
static bool is_covered(const struct networks *all, size_t i)
{
	const struct network *n = network_at(all, i);
	for (size_t k = 0; k < all->counts[0] + all->counts[1]; k++) {
		const struct network *other = network_at(all, k);
		bool wider = other->bits < n->bits || (other->bits == n->bits && k < i);
		if (k != i && wider && network_has(other, &n->address))
			return true;
	}
	return false;
}

static void write_networks(FILE *out, const char *set, const struct networks *all)
{
	char text[NETWORK_TEXT];
	for (size_t i = 0; i < all->counts[0] + all->counts[1]; i++)
		for (const struct family *f = families; f < families + 2; f++)
			if (of_family(network_at(all, i), f) && !is_covered(all, i))
				fprintf(out, "add element inet " NAT_TABLE " %s%s { %s }\n", set, f->number,
					network_text(network_at(all, i), text));
}

static int by_start(const void *a, const void *b)
{
	const struct reach_ports *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

static void write_ports(FILE *out, const struct reach *reach)
{
	struct reach_ports *ports = calloc(reach->port_count + 1, sizeof *ports);
	unsigned last = 0;
	if (!ports)
		abort();
	if (reach->port_count)
		memcpy(ports, reach->ports, reach->port_count * sizeof *ports);
	qsort(ports, reach->port_count, sizeof *ports, by_start);
	for (size_t i = 0; i < reach->port_count; i++) {
		unsigned from = ports[i].from > last ? ports[i].from : last + 1;
		if (from > ports[i].to)
			continue;
		last = ports[i].to;
		fprintf(out, "add element inet " NAT_TABLE " ports { %u-%u }\n", from, last);
	}
	free(ports);
}

static void write_sets(FILE *out, const struct nat_settings *s, const struct reach_surroundings *around)
{
	static const char *const policies[] = {"denied", "allowed", "special"};
	size_t special_count;
	const struct network *special = reach_special(&special_count);
	for (const struct family *f = families; f < families + 2; f++) {
		fprintf(out,
			"add map inet " NAT_TABLE
			" mappings%s { type %s . inet_service : %s . inet_service; }\n",
			f->number, f->type, f->type);
		fprintf(out, "add set inet " NAT_TABLE " held%s { type %s; size 65536; flags dynamic; }\n",
			f->number, f->type);
		fprintf(out,
			"add set inet " NAT_TABLE
			" held-pace%s { type %s; size 65536; flags dynamic,timeout; timeout 60s; }\n",
			f->number, f->type);
		for (int i = 0; i < 3; i++)
			fprintf(out,
				"add set inet " NAT_TABLE " %s%s { type %s; flags interval; }\n"
				"flush set inet " NAT_TABLE " %s%s\n",
				policies[i], f->number, f->type, policies[i], f->number);
	}
	fputs("add set inet " NAT_TABLE " ports { type inet_service; flags interval; }\n"
	      "flush set inet " NAT_TABLE " ports\n",
		out);
	write_networks(out, "denied", &(struct networks){{s->reach->deny}, {s->reach->deny_count}});
	write_networks(out, "allowed", &(struct networks){{s->reach->allow}, {s->reach->allow_count}});
	write_networks(out, "special",
		&(struct networks){{special, around->attached}, {special_count, around->attached_count}});
	write_ports(out, s->reach);
}

static void write_objects(FILE *out, const struct nat_settings *s)
{
	static const char *const counters[] = {
		"translated", "departed", "to-self", "unreachable", "too-many", "too-fast", "hops"};
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
		fprintf(out, "add counter inet " NAT_TABLE " %s\n", counters[i]);
	/* A client that vanished leaves an established flow; one that only tries leaves less, sooner. */
	for (const struct family *f = families; f < families + 2; f++)
		fprintf(out,
			"add ct timeout inet " NAT_TABLE " idle%s { protocol tcp; l3proto %s; policy = { "
			"syn_sent : 20, syn_recv : 20, established : %u, fin_wait : 120, close_wait : 60, "
			"last_ack : 30, time_wait : 30, close : 10, retrans : 120, unack : 120 }; }\n",
			f->number, f->ip, s->flow_idle_s);
}

static void write_chains(FILE *out)
{
	static const struct {
		const char *name, *hook;
	} chains[] = {
		{"signalling-in", "type filter hook prerouting priority raw;"},
		{"signalling-out", "type filter hook output priority raw;"},
		{"arrivals", "type nat hook prerouting priority -105;"},
		{"through", "type filter hook forward priority -5;"},
		{"inside", "type filter hook input priority -5;"},
		{"leaving", "type filter hook postrouting priority 95;"},
		{"departures", "type nat hook postrouting priority srcnat;"},
	};
	fputs("add chain inet " NAT_TABLE " ours\nflush chain inet " NAT_TABLE " ours\n", out);
	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
		fprintf(out,
			"add chain inet " NAT_TABLE " %s { %s policy accept; }\n"
			"flush chain inet " NAT_TABLE " %s\n",
			chains[i].name, chains[i].hook, chains[i].name);
}

static void rule(FILE *out, const char *chain)
{
	fprintf(out, "add rule inet " NAT_TABLE " %s ", chain);
}

/* What one client may have of the connection tracking, so that nobody's flows are without room or outgoing ports. */
static void write_limits(FILE *out, const struct nat_settings *s, const struct family *f)
{
	rule(out, "ours");
	fprintf(out,
		"update @held-pace%s { ct original %s saddr limit rate over %u/second burst %u packets } "
		"counter name \"too-fast\" drop\n",
		f->number, f->ip, s->flow_rate, s->flow_rate);
	rule(out, "ours");
	fprintf(out, "add @held%s { ct original %s saddr ct count over %u } counter name \"too-many\" drop\n",
		f->number, f->ip, s->flows_most);
}

static void write_reach(FILE *out, const struct nat_settings *s, const struct family *f)
{
	rule(out, "ours");
	fprintf(out, "%s daddr @denied%s counter name \"unreachable\" drop\n", f->ip, f->number);
	rule(out, "ours");
	fprintf(out, "%s daddr @special%s %s daddr != @allowed%s counter name \"unreachable\" drop\n", f->ip,
		f->number, f->ip, f->number);
	if (s->reach->port_count && f == families) {
		rule(out, "ours");
		fputs("tcp dport != @ports counter name \"unreachable\" drop\n", out);
	}
}

/* From below: what a rule has lowered, the next ones do not see. */
static void write_hops(FILE *out, const struct family *f)
{
	static const struct {
		int from, to, then;
	} steps[] = {{17, 32, 16}, {33, 48, 32}, {49, 64, 48}, {65, 255, 64}};
	rule(out, "ours");
	fprintf(out, "%s %s < 17 counter name \"hops\" drop\n", f->ip, f->hops);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		rule(out, "ours");
		fprintf(out, "%s %s %d-%d %s %s set %d\n", f->ip, f->hops, steps[i].from, steps[i].to, f->ip,
			f->hops, steps[i].then);
	}
}

static void write_arrivals(FILE *out, const struct nat_settings *s)
{
	/* What syn.bpf.c has taken off the SYN stands where the frame's destination was. */
	if (s->option) {
		rule(out, "arrivals");
		fprintf(out,
			"meta nfproto ipv4 meta l4proto tcp meta mark 0x%08x meta mark set 0 fib daddr type local "
			"ct mark set ct mark and 0x%08x or 0x%08x dnat ip to @ll,0,32\n",
			SYN_MARK, ~s->mark_mask, s->mark);
	}
	for (const struct family *f = families; f < families + 2; f++) {
		rule(out, "arrivals");
		fprintf(out,
			"meta nfproto %s meta l4proto tcp fib daddr type local ct mark set ct mark and 0x%08x or "
			"0x%08x dnat %s to %s saddr . tcp dport map @mappings%s\n",
			f->bits, ~s->mark_mask, s->mark, f->ip, f->ip, f->number);
	}
	rule(out, "arrivals");
	fprintf(out, "ct mark and 0x%08x == 0x%08x ct mark set ct mark and 0x%08x\n", s->mark_mask, s->mark,
		~s->mark_mask);
}

void nat_write_rules(
	FILE *out, const struct nat_settings *s, const struct reach_surroundings *around, bool anew)
{
	fputs("add table inet " NAT_TABLE "\n", out);
	if (anew)
		fputs("delete table inet " NAT_TABLE "\nadd table inet " NAT_TABLE "\n", out);
	write_chains(out);
	write_sets(out, s, around);
	write_objects(out, s);
	rule(out, "signalling-in");
	fprintf(out, "udp dport %u fib daddr type local notrack\n", s->port);
	rule(out, "signalling-out");
	fprintf(out, "udp sport %u notrack\n", s->port);
	write_arrivals(out, s);
	rule(out, "inside");
	fprintf(out, "ct state new ct mark and 0x%08x == 0x%08x counter name \"to-self\" drop\n",
		s->mark_mask, s->mark);
	rule(out, "through");
	fprintf(out, "ct state new ct mark and 0x%08x == 0x%08x jump ours\n", s->mark_mask, s->mark);
	for (const struct family *f = families; f < families + 2; f++)
		write_reach(out, s, f);
	for (const struct family *f = families; f < families + 2; f++)
		write_limits(out, s, f);
	for (const struct family *f = families; f < families + 2; f++) {
		write_hops(out, f);
		rule(out, "ours");
		fprintf(out, "meta nfproto %s ct timeout set \"idle%s\"\n", f->bits, f->number);
	}
	rule(out, "ours");
	fputs("ct event set new,protoinfo,assured,destroy counter name \"translated\"\n", out);
	/* Counted as in `through`, repetitions too: the difference is what something else dropped. */
	rule(out, "leaving");
	fprintf(out, "ct state new ct mark and 0x%08x == 0x%08x counter name \"departed\"\n", s->mark_mask,
		s->mark);
	rule(out, "departures");
	fprintf(out, "ct mark and 0x%08x == 0x%08x masquerade\n", s->mark_mask, s->mark);
}
