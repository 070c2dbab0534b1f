/* The host agent's two programs (tc). In: takes the outer header off packets from muxes, makes the VIP this
 * server's own address, and passes packets of connections that are not here to the token's former owner. Out:
 * makes the address the VIP again, so that answers go to clients without passing a mux. */
#include "nodes/balancer/agent/state.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
/* What is needed of the kernel's own types; the loader finds where it lies in the running kernel. */
#define KERNEL_TYPE __attribute__((preserve_access_index))
struct tcp_request_sock {
	__u32 rcv_isn, snt_isn;
} KERNEL_TYPE;
/* Where a field of a kernel's type lies. */
#ifdef __bpf__
#define OFFSET(type, field) __builtin_preserve_field_info(((type *)0)->field, 0)
#else /* a fuzz target, outside the kernel */
#define OFFSET(type, field) ((__u32)offsetof(type, field))
#endif
struct sock_common {
	__u32 skc_tw_snd_nxt;
} KERNEL_TYPE;
struct inet_timewait_sock {
	struct sock_common __tw_common;
} KERNEL_TYPE;
struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
} KERNEL_TYPE;
#include <bpf/bpf_helpers.h>

#define TCP_STATE_TIME_WAIT 6
#define TCP_STATE_LISTEN 10
#define TCP_STATE_NEW_SYN_RECV 12
#define INNER ((int)sizeof(struct ethhdr) + LB_OUTER_SIZE) /* where the inner IP header begins */
#define HEADERS (INNER + 20 + 8 + 20 + 8) /* the most that is read: an ICMP error with what it is about */
#define IP_AT ((int)sizeof(struct ethhdr))
#define L4_AT (IP_AT + 20)
#define AT(base, type, field) ((__u32)(base) + (__u32)offsetof(type, field))

struct agent_state state;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AGENT_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* Of a connection that is being made. The helper that would give us the kernel's own refuses Multipath TCP's,
 * which begin alike. */
struct request_copy {
	__u8 bytes[512];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request_copy);
} copies SEC(".maps");

static __always_inline int count(__u32 what, int action)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &what);
	if (value)
		(*value)++;
	return action;
}

/* Makes the first `size` bytes readable, or all there are. */
static __always_inline void pull(struct __sk_buff *skb, __u32 size)
{
	if ((void *)(long)skb->data + size > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, skb->len < size ? skb->len : size);
}

/* ---- is the connection here? */

/* A connection that is being made: the packet is of the same one only if it answers the number that we sent.
 * A SYN that was sent again after its token moved makes a second one here, while the first server has the
 * client's answer. */
static __always_inline bool answers(struct bpf_sock *sk, const struct tcphdr *tcp)
{
	const __u32 sent_at = OFFSET(struct tcp_request_sock, snt_isn),
		    received_at = OFFSET(struct tcp_request_sock, rcv_isn);
	__u32 zero = 0;
	struct request_copy *copy = bpf_map_lookup_elem(&copies, &zero);
	if (!copy || sent_at > sizeof *copy - 4 || received_at > sizeof *copy - 4 ||
		bpf_probe_read_kernel(copy, sizeof *copy, sk) < 0)
		return false;
	if (tcp->ack)
		return bpf_ntohl(tcp->ack_seq) == *(__u32 *)(copy->bytes + sent_at) + 1;
	return bpf_ntohl(tcp->seq) == *(__u32 *)(copy->bytes + received_at) + 1;
}

/* A connection that has ended: its client may have opened another from the same port, which may be elsewhere.
 * What is left to come of the old one acknowledges all that we sent. */
static __always_inline bool ends(struct bpf_sock *sk, const struct tcphdr *tcp)
{
	struct tcp_timewait_sock *ended = bpf_skc_to_tcp_timewait_sock(sk);
	return ended && tcp->ack && bpf_ntohl(tcp->ack_seq) == ended->tw_sk.__tw_common.skc_tw_snd_nxt;
}

/* The listener is no connection, unless the packet brings a cookie of ours. */
static __always_inline bool returns_cookie(struct bpf_sock *listener, struct iphdr *ip, struct tcphdr *tcp)
{
	if (!tcp->ack || tcp->syn || bpf_tcp_check_syncookie(listener, ip, sizeof *ip, tcp, sizeof *tcp) != 0)
		return false;
	return count(AGENT_COOKIE, true);
}

/* `ip` and `tcp` are copies, with this server's address. For an ICMP error only the connection counts. */
static __always_inline bool is_here(
	struct __sk_buff *skb, const struct lb_flow *flow, struct iphdr *ip, struct tcphdr *tcp)
{
	struct bpf_sock_tuple tuple = {.ipv4 = {.saddr = flow->client,
					       .daddr = ip->daddr,
					       .sport = flow->source,
					       .dport = flow->port}};
	bool here;
	if (flow->protocol == IPPROTO_TCP && tcp->syn && !tcp->ack)
		return true; /* new: the owner's */
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	if (flow->protocol != IPPROTO_TCP)
		here = sk->state != TCP_STATE_LISTEN;
	else if (sk->state == TCP_STATE_LISTEN)
		here = returns_cookie(sk, ip, tcp);
	else if (sk->state == TCP_STATE_NEW_SYN_RECV)
		here = answers(sk, tcp);
	else if (sk->state == TCP_STATE_TIME_WAIT)
		here = ends(sk, tcp);
	else
		here = true;
	bpf_sk_release(sk);
	return here;
}

/* ---- passing on */

enum { HERE = 0, DROP = 0xffffffff }; /* instead of an address */

/* The chain ends here and nobody has the connection: back to its head, which answers for the VIP and learns that nothing
 * keeps this server in the chain. At the head itself, or when the sender knew another chain, the answer is ours. */
static __always_inline __u32 back(const struct agent_ring *ring, __u32 head, int newer, bool *returned)
{
	*returned = newer == 0 && head && head != ring->dip;
	return *returned ? head : HERE;
}

/* Where a packet goes whose connection is not here. The stamp says by which generation of the map it was
 * sent: by ours, it follows the chain; by an older one, it begins the chain of ours; by a newer one, we
 * cannot know. So within a generation a packet only goes down the chain, and between generations only to
 * newer ones: it cannot circle, in whatever order muxes and agents learn of a change. */
static __always_inline __u32 elsewhere(
	const struct agent_ring *ring, const struct lb_flow *flow, __u16 stamp, bool *returned)
{
	__u32 token = lb_token(flow->hash, ring->tokens);
	int newer = lb_stamp_newer(stamp, ring->generation);
	if (newer > 0)
		return count(AGENT_BEHIND, DROP);
	if (token >= LB_TOKENS_MAX)
		return HERE;
	__u32 head = ring->head[token], next = ring->next[token];
	if (next == AGENT_ABSENT || (newer < 0 && head != ring->dip))
		return head;
	if (next == AGENT_END) {
		count(AGENT_ORPHANED, 0);
		return back(ring, head, newer, returned);
	}
	__u64 now = bpf_ktime_get_ns(), *used = &state.used[token];
	struct agent_trail *trail = &state.trails[token];
	agent_settle(trail, used, now);
	if ((__s64)(now - *used) > (__s64)state.idle_ns) {
		count(AGENT_EXPIRED, 0);
		return back(ring, head, newer, returned);
	}
	trail->last = now;
	__sync_fetch_and_add(&trail->handed, 1);
	return next;
}

/* A packet that came back from a former owner: one that was passed on, of a token whose chain begins here. */
static __always_inline bool comes_back(const struct agent_ring *ring, const struct lb_flow *flow)
{
	__u32 token = lb_token(flow->hash, ring->tokens);
	if (token >= LB_TOKENS_MAX || ring->head[token] != ring->dip)
		return false;
	struct agent_trail *trail = &state.trails[token];
	if (trail->handed == trail->returned)
		return false;
	__sync_fetch_and_add(&trail->returned, 1);
	return true;
}

static __always_inline int hand_on(
	struct __sk_buff *skb, const struct agent_ring *ring, struct iphdr *outer, __u32 to, bool returned)
{
	const __u16 *word = (const __u16 *)outer;
	__u32 sum = 0;
	if (outer->ttl <= 1)
		return count(AGENT_LOOPED, TC_ACT_SHOT);
	outer->ttl--;
	outer->id = bpf_htons((__u16)ring->generation);
	outer->daddr = to;
	if (returned)
		outer->saddr = ring->dip;
	outer->check = 0;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	outer->check = lb_checksum(sum);
	if (bpf_skb_store_bytes(skb, IP_AT, outer, sizeof *outer, 0) < 0)
		return count(AGENT_FAILED, TC_ACT_SHOT);
	/* Not by way of this host's stack: that would need forwarding to be on. */
	return count(returned ? AGENT_REFUSED : AGENT_HANDED_ON,
		(int)bpf_redirect_neigh(skb->ifindex, NULL, 0, 0));
}

/* ---- in */

/* The VIP becomes this server's address. In an ICMP error it is the source of what the error is about; the
 * ICMP checksum stays right by itself, because a header with its own checksum adds up to the same whatever is
 * in it. */
static __always_inline int translate_in(
	struct __sk_buff *skb, const struct agent_ring *ring, const struct lb_flow *flow)
{
	const __u32 vip = ring->vip, dip = ring->dip, about = L4_AT + sizeof(struct lb_icmp);
	int failed = 0;
	if (flow->protocol == IPPROTO_TCP)
		failed = bpf_l4_csum_replace(
			skb, AT(L4_AT, struct tcphdr, check), vip, dip, BPF_F_PSEUDO_HDR | sizeof vip);
	else if (flow->protocol == IPPROTO_UDP)
		failed = bpf_l4_csum_replace(skb, AT(L4_AT, struct udphdr, check), vip, dip,
			BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | sizeof vip);
	else
		failed = bpf_l3_csum_replace(skb, AT(about, struct iphdr, check), vip, dip, sizeof vip) ||
			 bpf_skb_store_bytes(skb, AT(about, struct iphdr, saddr), &dip, sizeof dip, 0);
	return failed || bpf_l3_csum_replace(skb, AT(IP_AT, struct iphdr, check), vip, dip, sizeof vip) ||
	       bpf_skb_store_bytes(skb, AT(IP_AT, struct iphdr, daddr), &dip, sizeof dip, 0);
}

static __always_inline int deliver(
	struct __sk_buff *skb, const struct agent_ring *ring, const struct lb_flow *flow)
{
	if (bpf_skb_adjust_room(skb, -LB_OUTER_SIZE, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
		(state.translate && translate_in(skb, ring, flow)))
		return count(AGENT_FAILED, TC_ACT_SHOT);
	return count(AGENT_DELIVERED, TC_ACT_UNSPEC);
}

/* True for a packet in a tunnel to us: from a mux or another agent (from the VIP), or come back (from a server's own address). */
static __always_inline bool is_tunnelled(
	struct __sk_buff *skb, const struct agent_ring *ring, struct iphdr *outer)
{
	pull(skb, HEADERS);
	struct iphdr *ip = (void *)(long)skb->data + IP_AT;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	*outer = *ip;
	return outer->version == 4 && outer->protocol == IPPROTO_IPIP && outer->daddr == ring->dip;
}

static __always_inline enum lb_verdict read_inner(struct __sk_buff *skb, const struct agent_ring *ring,
	const struct iphdr *outer, struct lb_flow *flow, struct iphdr *ip, struct tcphdr *tcp)
{
	void *end = (void *)(long)skb->data_end;
	struct iphdr *inner = (void *)(long)skb->data + INNER;
	if (outer->ihl != 5)
		return LB_OPTIONS;
	if (outer->frag_off & bpf_htons(LB_FRAGMENTED))
		return LB_FRAGMENT;
	if ((void *)(inner + 1) > end || bpf_ntohs(outer->tot_len) + IP_AT > skb->len)
		return LB_MALFORMED;
	enum lb_verdict verdict =
		lb_read(inner, end, bpf_ntohs(outer->tot_len) - LB_OUTER_SIZE, ring->vip, flow);
	if (verdict != LB_GOOD || flow->protocol != IPPROTO_TCP)
		return verdict;
	if ((void *)(inner + 1) + sizeof *tcp > end)
		return LB_MALFORMED;
	*ip = *inner;
	*tcp = *(struct tcphdr *)(inner + 1);
	return LB_GOOD;
}

SEC("tc")
int lqn_agent_in(struct __sk_buff *skb)
{
	const struct agent_ring *ring = &state.rings[state.active & 1];
	struct iphdr outer, ip = {0};
	struct tcphdr tcp = {0};
	struct lb_flow flow = {0};
	if (skb->protocol != bpf_htons(ETH_P_IP) || !ring->vip || !is_tunnelled(skb, ring, &outer))
		return TC_ACT_UNSPEC;
	enum lb_verdict verdict = read_inner(skb, ring, &outer, &flow, &ip, &tcp);
	if (outer.saddr != ring->vip) /* another's tunnel is the stack's own business */
		return verdict == LB_GOOD && comes_back(ring, &flow) ? deliver(skb, ring, &flow)
								     : TC_ACT_UNSPEC;
	if (verdict != LB_GOOD)
		return count(verdict, TC_ACT_SHOT);
	ip.daddr = state.translate ? ring->dip : ring->vip;
	if (flow.about == IPPROTO_TCP && !is_here(skb, &flow, &ip, &tcp)) {
		bool returned = false;
		__u32 to = elsewhere(ring, &flow, bpf_ntohs(outer.id), &returned);
		if (to == DROP)
			return TC_ACT_SHOT;
		if (to != HERE && to != ring->dip)
			return hand_on(skb, ring, &outer, to, returned);
	}
	return deliver(skb, ring, &flow);
}

/* ---- out */

/* Only what clients send is encapsulated, so it is they who must send 20 bytes less: told in the first option
 * of the SYN-ACK, where Linux always puts the MSS (RFC 9293, section 3.7.1). */
static __always_inline void clamp_mss(struct __sk_buff *skb, const struct tcphdr *tcp)
{
	struct {
		__u8 kind, length;
		__u16 value;
	} option;
	__u16 wanted = bpf_htons((__u16)state.mss);
	if (!tcp->syn || !tcp->ack || tcp->doff < 6 ||
		bpf_skb_load_bytes(skb, L4_AT + sizeof *tcp, &option, sizeof option) < 0 ||
		option.kind != 2 || option.length != 4 || bpf_ntohs(option.value) <= state.mss)
		return;
	if (bpf_l4_csum_replace(skb, AT(L4_AT, struct tcphdr, check), option.value, wanted, sizeof wanted) ||
		bpf_skb_store_bytes(skb, L4_AT + sizeof *tcp + 2, &wanted, sizeof wanted, 0))
		return;
	count(AGENT_CLAMPED, 0);
}

static __always_inline int translate_out(struct __sk_buff *skb, const struct agent_ring *ring, __u8 protocol)
{
	const __u32 vip = ring->vip, dip = ring->dip;
	__u32 check =
		protocol == IPPROTO_TCP ? AT(L4_AT, struct tcphdr, check) : AT(L4_AT, struct udphdr, check);
	__u64 flags = BPF_F_PSEUDO_HDR | sizeof vip | (protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0);
	if (bpf_l4_csum_replace(skb, check, dip, vip, flags) ||
		bpf_l3_csum_replace(skb, AT(IP_AT, struct iphdr, check), dip, vip, sizeof vip) ||
		bpf_skb_store_bytes(skb, AT(IP_AT, struct iphdr, saddr), &vip, sizeof vip, 0))
		return count(AGENT_FAILED, TC_ACT_SHOT);
	return count(AGENT_RETURNED, TC_ACT_UNSPEC);
}

SEC("tc")
int lqn_agent_out(struct __sk_buff *skb)
{
	const struct agent_ring *ring = &state.rings[state.active & 1];
	struct iphdr ip;
	struct tcphdr tcp = {0};
	if (skb->protocol != bpf_htons(ETH_P_IP) || !ring->vip ||
		bpf_skb_load_bytes(skb, IP_AT, &ip, sizeof ip) < 0)
		return TC_ACT_UNSPEC;
	if (ip.saddr != (state.translate ? ring->dip : ring->vip) || ip.ihl != 5 ||
		(ip.frag_off & bpf_htons(0x1fff)))
		return TC_ACT_UNSPEC;
	if (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP)
		return TC_ACT_UNSPEC;
	/* TCP and UDP headers begin alike; only the ports of a UDP header are looked at. */
	if (bpf_skb_load_bytes(
		    skb, L4_AT, &tcp, ip.protocol == IPPROTO_TCP ? sizeof tcp : sizeof(struct udphdr)) < 0)
		return TC_ACT_UNSPEC;
	__u16 port = bpf_ntohs(tcp.source);
	if (!(state.ports[port / 64] >> (port % 64) & 1))
		return TC_ACT_UNSPEC;
	if (ip.protocol == IPPROTO_TCP)
		clamp_mss(skb, &tcp);
	return state.translate ? translate_out(skb, ring, ip.protocol) : count(AGENT_RETURNED, TC_ACT_UNSPEC);
}

char terms[] SEC("license") = "Dual MIT/GPL";
