/* The next hop, computed: a packet for the end of a cable at another server goes to N(destination) on the uplink (Trilogy2 D1.2, 3.3.2.3). Such packets
 * are routed to a pair of interfaces of the daemon's own; this runs where they come out of it. */
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <stddef.h>

#define ETHERNET 14
#define G_MASK 0x00e00000u
#define AF_INET 2

const volatile __u32 uplink;  /* interface index */
const volatile __u32 primary; /* of this server, network order */

SEC("tc")
int next_hop(struct __sk_buff *packet)
{
	struct bpf_redir_neigh next = {.nh_family = AF_INET};
	__u32 destination;

	if (packet->protocol != bpf_htons(0x0800) ||
		bpf_skb_load_bytes(packet, ETHERNET + offsetof(struct iphdr, daddr), &destination,
			sizeof destination) < 0)
		return TC_ACT_SHOT;
	next.ipv4_nh = destination & bpf_htonl(~G_MASK);
	/* An end that nobody has, behind this very server. */
	if (next.ipv4_nh == primary)
		return TC_ACT_SHOT;
	return (int)bpf_redirect_neigh(uplink, &next, sizeof next, 0);
}

char LICENSE[] SEC("license") = "GPL";
