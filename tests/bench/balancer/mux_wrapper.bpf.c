/* The bench's programs: the mux's own data path inside a wrapper that gives it a fresh packet each time, the
 * wrapper without it, a generator and two sinks. BPF_PROG_TEST_RUN does not reset the packet between
 * repetitions: unwrapped, the mux would see its own encapsulated packet from the second on, and leave it
 * alone. */
#include "nodes/balancer/mux/forward.bpf.h"
#include <linux/pkt_cls.h>
#include <stdbool.h>

#define SIZE 64

volatile const __u32 flow_mask = 0;
volatile const __u32 out_ifindex = 0;
volatile const __u64 pattern[SIZE / 8]; /* the packet, without its flow */

__u32 turn;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sunk SEC(".maps");

/* Another flow than the last: its client's address and port. */
static __always_inline bool next_flow(struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	__u16 *source = (__u16 *)(ip + 1);
	if ((void *)(source + 1) > end)
		return false;
	__u32 flow = turn++ & flow_mask;
	ip->saddr = bpf_htonl(0x0a070001 + (flow >> 14));
	*source = bpf_htons((__u16)(1024 + (flow & 0x3fff)));
	return true;
}

static __always_inline void fresh_link_header(struct ethhdr *eth)
{
	__u64 *words = (__u64 *)eth;
	words[0] = pattern[0];
	*(__u32 *)(words + 1) = (__u32)pattern[1];
	((__u16 *)eth)[6] = bpf_htons(ETH_P_IP);
}

static __always_inline int wrapped(struct xdp_md *ctx, bool with_mux)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	if (!next_flow(eth, (void *)(long)ctx->data_end))
		return XDP_ABORTED;
	int action = with_mux ? forward(ctx) : XDP_PASS;
	/* The same call either way: undoing the encapsulation, or nothing. */
	if (bpf_xdp_adjust_head(ctx, with_mux ? LB_OUTER_SIZE : 0))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) + 2 > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	fresh_link_header(eth);
	return action;
}

SEC("xdp")
int bench_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int bench_wrapper(struct xdp_md *ctx)
{
	return wrapped(ctx, false);
}

SEC("xdp")
int bench_mux(struct xdp_md *ctx)
{
	return wrapped(ctx, true);
}

SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	__u64 *words = (void *)(long)ctx->data;
	if ((void *)(words + SIZE / 8) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < SIZE / 8; i++)
		words[i] = pattern[i];
	if (!next_flow((struct ethhdr *)words, (void *)(long)ctx->data_end))
		return XDP_ABORTED;
	/* Unlike the mux, the kernel looks at the checksum. */
	struct iphdr *ip = (struct iphdr *)((struct ethhdr *)words + 1);
	const __u32 *word = (const __u32 *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
	sum = (sum & 0xffffffff) + (sum >> 32);
	ip->check = lb_checksum((__u32)((sum & 0xffff) + (sum >> 16)));
	return (int)bpf_redirect(out_ifindex, 0);
}

static __always_inline void sink(void)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&sunk, &key);
	if (value)
		(*value)++;
}

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	sink();
	return XDP_DROP;
}

SEC("tc")
int bench_sink_tc(struct __sk_buff *skb)
{
	sink();
	return TC_ACT_SHOT;
}

char terms[] SEC("license") = "Dual MIT/GPL";
