/* The mux's data path in the kernel: read, pick a server, encapsulate, send. No state but the ring, which
 * user space fills and swaps: of two, one is read while the other is written. */
#ifndef LIQUIDNET_MUX_FORWARD_BPF_H
#define LIQUIDNET_MUX_FORWARD_BPF_H

#include "nodes/balancer/mux/ring.h"
#include "nodes/balancer/mux/xdp_modes.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

volatile const __u32 forward_mode = FORWARD_ROUTE;
volatile const __u32 flow_entries = 0; /* 0: no flow table */

struct mux_ring rings[2];
__u32 active; /* which of the two is read: its lowest bit */

/* All counters in one value: one look-up a packet. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mux_counters);
} counters SEC(".maps");

/* Where a server's packets go, as the kernel's routes last said: asking for every packet costs four times
 * what all the rest does. Asked again after HOP_NS, so that long at most does a change of routes take. */
#define HOP_NS 50000000ULL
struct hop {
	__u64 until; /* coarse CLOCK_MONOTONIC; 0: not known */
	__u32 ifindex, dip;
	__u16 mtu;
	__u8 destination[ETH_ALEN], source[ETH_ALEN];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_SERVERS_MAX);
	__type(key, __u32);
	__type(value, struct hop);
} hops SEC(".maps");

/* For comparison only: the way of muxes that remember connections (P. Patel et al., "Ananta", SIGCOMM 2013).
 */
struct flow_key {
	__u32 client, ports;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, __u32);
} flows SEC(".maps");

static __always_inline int drop(struct mux_counters *c, __u32 why)
{
	c->counts[why]++;
	return XDP_DROP;
}

/* A packet that leaves. What comes after us may still drop it: nobody tells. */
static __always_inline void count_forwarded(struct mux_counters *c, __u32 server, const struct iphdr *outer)
{
	c->counts[MUX_FORWARDED]++;
	if (server >= LB_SERVERS_MAX)
		return; /* cannot be */
	c->servers[server].packets++;
	c->servers[server].bytes += bpf_ntohs(outer->tot_len) - LB_OUTER_SIZE;
}

static __always_inline __u32 remembered(const struct mux_ring *ring, const struct lb_flow *flow)
{
	struct flow_key key = {flow->client, lb_ports(flow->source, flow->port)};
	__u32 *known = bpf_map_lookup_elem(&flows, &key);
	if (known && *known < LB_SERVERS_MAX && ring->dip[*known])
		return *known;
	__u32 server = mux_pick(ring, flow);
	bpf_map_update_elem(&flows, &key, &server, BPF_ANY);
	return server;
}

/* Asks the kernel's routes and neighbours. Returns bpf_fib_lookup's result; *hop is good after success. */
static __always_inline long find_hop(struct xdp_md *ctx, const struct iphdr *outer, struct hop *hop)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.tos = outer->tos,
		.l4_protocol = IPPROTO_IPIP,
		.tot_len = bpf_ntohs(outer->tot_len),
		.ipv4_src = outer->saddr,
		.ipv4_dst = outer->daddr,
		.ifindex = ctx->ingress_ifindex,
	};
	long result = bpf_fib_lookup(ctx, &fib, sizeof fib, 0);
	if (result != BPF_FIB_LKUP_RET_SUCCESS)
		return result;
	__builtin_memcpy(hop->destination, fib.dmac, ETH_ALEN);
	__builtin_memcpy(hop->source, fib.smac, ETH_ALEN);
	hop->ifindex = fib.ifindex;
	hop->mtu = fib.mtu_result;
	return result;
}

/* The link-layer header of an encapsulated packet, and the interface that it leaves by. */
static __always_inline int route(struct xdp_md *ctx, struct mux_counters *c, __u32 server, struct ethhdr *eth,
	const struct iphdr *outer)
{
	__u64 now = bpf_ktime_get_coarse_ns();
	struct hop *hop = bpf_map_lookup_elem(&hops, &server);
	if (!hop)
		return XDP_ABORTED; /* cannot be */
	if (hop->until < now || hop->dip != outer->daddr || bpf_ntohs(outer->tot_len) > hop->mtu) {
		long result = find_hop(ctx, outer, hop);
		if (result == BPF_FIB_LKUP_RET_NO_NEIGH) {
			count_forwarded(c, server, outer);
			return XDP_PASS; /* the kernel asks for the neighbour and sends it */
		}
		if (result != BPF_FIB_LKUP_RET_SUCCESS)
			return drop(c, result == BPF_FIB_LKUP_RET_FRAG_NEEDED ? MUX_TOO_BIG : MUX_NO_ROUTE);
		hop->dip = outer->daddr;
		hop->until = now + HOP_NS;
	}
	__builtin_memcpy(eth->h_dest, hop->destination, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hop->source, ETH_ALEN);
	count_forwarded(c, server, outer);
	return (int)bpf_redirect(hop->ifindex, 0);
}

static __always_inline int send(struct xdp_md *ctx, struct mux_counters *c, __u32 server, struct ethhdr *eth,
	const struct ethhdr *came, const struct iphdr *outer)
{
	if (forward_mode == FORWARD_ROUTE)
		return route(ctx, c, server, eth, outer);
	count_forwarded(c, server, outer);
	if (forward_mode == FORWARD_KERNEL)
		return XDP_PASS;
	__builtin_memcpy(eth->h_dest, came->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, came->h_dest, ETH_ALEN);
	return XDP_TX;
}

static __always_inline int encapsulate(struct xdp_md *ctx, struct mux_counters *c,
	const struct mux_ring *ring, const struct lb_flow *flow, __u32 server, __u32 dip)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr came, *eth = data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	came = *eth;
	if (bpf_xdp_adjust_head(ctx, -LB_OUTER_SIZE))
		return drop(c, MUX_FAILED);
	eth = (void *)(long)ctx->data;
	struct iphdr *outer = (struct iphdr *)(eth + 1);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = came;
	lb_write_outer(outer, flow, ring->vip, dip, (__u16)ring->generation);
	return send(ctx, c, server, eth, &came, outer);
}

static __always_inline int forward(struct xdp_md *ctx)
{
	const struct mux_ring *ring = &rings[active & 1];
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct lb_flow flow = {0};
	__u32 zero = 0;
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || !ring->vip)
		return XDP_PASS;
	enum lb_verdict verdict = lb_read(ip, end, (__u32)(end - (void *)ip), ring->vip, &flow);
	struct mux_counters *c = bpf_map_lookup_elem(&counters, &zero);
	if (!c || verdict >= LB_VERDICTS)
		return XDP_ABORTED; /* cannot be */
	if (verdict != LB_GOOD) {
		c->counts[verdict]++;
		return verdict == LB_OTHER ? XDP_PASS : XDP_DROP;
	}
	__u32 server = flow_entries ? remembered(ring, &flow) : mux_pick(ring, &flow);
	if (server >= LB_SERVERS_MAX)
		return drop(c, MUX_NO_SERVER);
	return encapsulate(ctx, c, ring, &flow, server, ring->dip[server]);
}

#endif
