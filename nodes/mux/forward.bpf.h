/* The mux's data path in the kernel: read, pick a server, encapsulate, send. No state but the ring, which
 * user space fills and swaps: of two, one is read while the other is written. */
#ifndef LIQUIDNET_MUX_FORWARD_BPF_H
#define LIQUIDNET_MUX_FORWARD_BPF_H

#include "nodes/mux/ring.h"
#include "nodes/mux/xdp_modes.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

volatile const __u32 forward_mode = FORWARD_ROUTE;
volatile const __u32 flow_entries = 0; /* 0: no flow table */

struct mux_ring rings[2];
__u32 active; /* which of the two is read: its lowest bit */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MUX_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_SERVERS_MAX);
	__type(key, __u32);
	__type(value, struct mux_traffic);
} traffic SEC(".maps");

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

static __always_inline int count(__u32 what, int action)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &what);
	if (value)
		(*value)++;
	return action;
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

/* The link-layer header of an encapsulated packet, by the kernel's routes and neighbours. */
static __always_inline int route(struct xdp_md *ctx, struct ethhdr *eth, const struct iphdr *outer)
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
	switch (bpf_fib_lookup(ctx, &fib, sizeof fib, 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
		__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
		return count(MUX_FORWARDED, bpf_redirect(fib.ifindex, 0));
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return count(MUX_FORWARDED, XDP_PASS); /* the kernel asks for the neighbour and sends it */
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return count(MUX_TOO_BIG, XDP_DROP);
	default:
		return count(MUX_NO_ROUTE, XDP_DROP);
	}
}

static __always_inline int send(
	struct xdp_md *ctx, struct ethhdr *eth, const struct ethhdr *came, const struct iphdr *outer)
{
	if (forward_mode == FORWARD_ROUTE)
		return route(ctx, eth, outer);
	if (forward_mode == FORWARD_KERNEL)
		return count(MUX_FORWARDED, XDP_PASS);
	__builtin_memcpy(eth->h_dest, came->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, came->h_dest, ETH_ALEN);
	return count(MUX_FORWARDED, XDP_TX);
}

static __always_inline int encapsulate(
	struct xdp_md *ctx, const struct mux_ring *ring, const struct lb_flow *flow, __u32 dip)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr came, *eth = data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	came = *eth;
	if (bpf_xdp_adjust_head(ctx, -LB_OUTER_SIZE))
		return count(MUX_FAILED, XDP_DROP);
	eth = (void *)(long)ctx->data;
	struct iphdr *outer = (struct iphdr *)(eth + 1);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = came;
	lb_write_outer(outer, flow, ring->vip, dip, (__u16)ring->generation);
	return send(ctx, eth, &came, outer);
}

static __always_inline int forward(struct xdp_md *ctx)
{
	const struct mux_ring *ring = &rings[active & 1];
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct lb_flow flow = {0};
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || !ring->vip)
		return XDP_PASS;
	enum lb_verdict verdict = lb_read(ip, end, (__u32)(end - (void *)ip), ring->vip, &flow);
	if (verdict == LB_OTHER)
		return count(LB_OTHER, XDP_PASS);
	if (verdict != LB_GOOD)
		return count(verdict, XDP_DROP);
	__u32 server = flow_entries ? remembered(ring, &flow) : mux_pick(ring, &flow);
	if (server >= LB_SERVERS_MAX)
		return count(MUX_NO_SERVER, XDP_DROP);
	__u32 dip = ring->dip[server]; /* at once: the verifier forgets the bound at the next call */
	struct mux_traffic *sent = bpf_map_lookup_elem(&traffic, &server);
	if (!sent)
		return XDP_DROP;
	sent->packets++;
	sent->bytes += flow.size;
	return encapsulate(ctx, ring, &flow, dip);
}

#endif
