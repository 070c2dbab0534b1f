/* Counts the packets that sockets of a cgroup send, ICMP and resets left out: foreign.h says what for. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROTOCOL4 9 /* where the headers of IPv4 and IPv6 name what they carry */
#define PROTOCOL6 6
#define ICMPV6 58

#define TCP_FLAGS 13
#define RESET 4

__u64 own;

static __always_inline __u8 byte_at(const struct __sk_buff *skb, __u32 offset)
{
	__u8 byte = 0;
	bpf_skb_load_bytes(skb, offset, &byte, 1);
	return byte;
}

SEC("cgroup_skb/egress")
int count_own(struct __sk_buff *skb)
{
	bool six = skb->protocol == bpf_htons(ETH_P_IPV6);
	__u8 protocol = byte_at(skb, six ? PROTOCOL6 : PROTOCOL4);
	__u32 behind = six ? 40 : (byte_at(skb, 0) & 15) * 4;
	if (protocol == (six ? ICMPV6 : IPPROTO_ICMP))
		return 1; /* it passes */
	/* Some kernels send a reset in the name of the socket that it is about, others in their own. */
	if (protocol != IPPROTO_TCP || !(byte_at(skb, behind + TCP_FLAGS) & RESET))
		__sync_fetch_and_add(&own, 1);
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
