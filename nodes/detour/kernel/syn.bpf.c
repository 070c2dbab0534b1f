/* The destination in the SYN: written where a client's SYN leaves (lqn_syn_out), taken off where it arrives at a detour (lqn_syn_in). The
 * option is the header's last, and a SYN of a join has no data, so that it is the packet's end, too. */
#include "nodes/detour/kernel/syn.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_AT ((int)sizeof(struct ethhdr))
#define TCP_AT (IP_AT + (int)sizeof(struct iphdr))
#define CHECK_AT (TCP_AT + (int)offsetof(struct tcphdr, check))
#define OFFSET_AT (TCP_AT + 12) /* doff and the flags */
#define HEADER_MOST 60

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SYN_WANTS);
	__type(key, struct syn_want);
	__type(value, struct syn_option);
} wants SEC(".maps");

/* Those whose first SYN has gone: it may be sent again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SYN_FLOWS);
	__type(key, struct syn_flow);
	__type(value, struct syn_option);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SYN_MEMBERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct syn_member);
} members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYN_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &what);
	if (value)
		(*value)++;
}

/* A whole SYN over IPv4 that carries nothing. */
static __always_inline bool read_syn(struct __sk_buff *skb, struct iphdr *ip, struct tcphdr *tcp)
{
	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, IP_AT, ip, sizeof *ip) < 0 ||
		ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP ||
		(ip->frag_off & bpf_htons(0x3fff)) || bpf_skb_load_bytes(skb, TCP_AT, tcp, sizeof *tcp) < 0)
		return false;
	return tcp->syn && !tcp->ack && !tcp->rst && !tcp->fin && tcp->doff >= 5 &&
	       bpf_ntohs(ip->tot_len) == sizeof *ip + tcp->doff * 4 &&
	       skb->len == IP_AT + sizeof *ip + tcp->doff * 4;
}

/* The header is longer (or shorter) by the option: its length in TCP, in IP, and in both checksums. */
static __always_inline bool resize(
	struct __sk_buff *skb, const struct iphdr *ip, const struct tcphdr *tcp, int more, __s64 changed)
{
	__u16 was, is, length = tcp->doff * 4, total = bpf_htons(bpf_ntohs(ip->tot_len) + more);
	if (bpf_skb_load_bytes(skb, OFFSET_AT, &was, sizeof was) < 0)
		return false;
	is = bpf_htons(bpf_ntohs(was) + (more / 4) * 0x1000);
	return changed >= 0 && bpf_skb_store_bytes(skb, OFFSET_AT, &is, sizeof is, 0) == 0 &&
	       bpf_l4_csum_replace(skb, CHECK_AT, was, is, sizeof is) == 0 &&
	       bpf_l4_csum_replace(skb, CHECK_AT, 0, changed, 0) == 0 &&
	       bpf_l4_csum_replace(skb, CHECK_AT, bpf_htons(length), bpf_htons(length + more),
		       BPF_F_PSEUDO_HDR | sizeof length) == 0 &&
	       bpf_l3_csum_replace(
		       skb, IP_AT + offsetof(struct iphdr, check), ip->tot_len, total, sizeof total) == 0 &&
	       bpf_skb_store_bytes(skb, IP_AT + offsetof(struct iphdr, tot_len), &total, sizeof total, 0) ==
		       0;
}

/* What this SYN is to say; NULL: nothing. */
static __always_inline struct syn_option *option_of(const struct iphdr *ip, const struct tcphdr *tcp)
{
	struct syn_flow flow = {ip->saddr, ip->daddr, tcp->source, tcp->dest};
	struct syn_want want = {ip->saddr, ip->daddr, tcp->dest, 0};
	struct syn_option *option = bpf_map_lookup_elem(&flows, &flow);
	if (option)
		return option;
	option = bpf_map_lookup_elem(&wants, &want);
	if (!option || bpf_map_update_elem(&flows, &flow, option, BPF_ANY) != 0)
		return NULL;
	bpf_map_delete_elem(&wants, &want);
	return bpf_map_lookup_elem(&flows, &flow);
}

SEC("tc")
int lqn_syn_out(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct tcphdr tcp;
	__u8 option[DESTINATION_SIZE];
	if (!read_syn(skb, &ip, &tcp))
		return TC_ACT_UNSPEC;
	struct syn_option *wanted = option_of(&ip, &tcp);
	if (!wanted)
		return TC_ACT_UNSPEC;
	if (tcp.doff * 4 + DESTINATION_SIZE > HEADER_MOST) {
		count(SYN_NO_ROOM);
		return TC_ACT_UNSPEC;
	}
	destination_write(&wanted->key, bpf_ntohs(tcp.dest), bpf_ntohl(wanted->remote), option);
	__u32 end = skb->len;
	if (bpf_skb_change_tail(skb, end + DESTINATION_SIZE, 0) < 0) {
		count(SYN_FAILED);
		return TC_ACT_UNSPEC;
	}
	/* From here on a failure leaves a packet that is not whole. */
	if (bpf_skb_store_bytes(skb, end, option, sizeof option, 0) < 0 ||
		!resize(skb, &ip, &tcp, DESTINATION_SIZE,
			bpf_csum_diff(NULL, 0, (__be32 *)option, sizeof option, 0))) {
		count(SYN_FAILED);
		return TC_ACT_SHOT;
	}
	count(SYN_WRITTEN);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int lqn_syn_in(struct __sk_buff *skb)
{
	struct iphdr ip;
	struct tcphdr tcp;
	__u8 option[DESTINATION_SIZE];
	if (!read_syn(skb, &ip, &tcp) || tcp.doff * 4 < sizeof tcp + DESTINATION_SIZE ||
		bpf_skb_load_bytes(skb, skb->len - DESTINATION_SIZE, option, sizeof option) < 0 ||
		!destination_is(option))
		return TC_ACT_UNSPEC;
	struct syn_member *member = bpf_map_lookup_elem(&members, &ip.saddr);
	if (!member || member->until_ns < bpf_ktime_get_boot_ns() ||
		!(member->key.words[0] | member->key.words[1])) {
		count(SYN_STRANGE);
		return TC_ACT_UNSPEC;
	}
	__u32 remote = bpf_htonl(destination_read(&member->key, bpf_ntohs(tcp.dest), option));
	if (!resize(skb, &ip, &tcp, -DESTINATION_SIZE,
		    bpf_csum_diff((__be32 *)option, sizeof option, NULL, 0, 0)) ||
		bpf_skb_change_tail(skb, skb->len - DESTINATION_SIZE, 0) < 0 ||
		bpf_skb_store_bytes(skb, 0, &remote, sizeof remote, 0) < 0) {
		count(SYN_FAILED);
		return TC_ACT_SHOT;
	}
	skb->mark = SYN_MARK;
	count(SYN_LED);
	return TC_ACT_UNSPEC;
}

char terms[] SEC("license") = "Dual MIT/GPL";
