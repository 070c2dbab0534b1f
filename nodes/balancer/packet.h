/* Load balancer: reads a packet to the VIP, in the kernel (mux: XDP, agent: tc) and outside it (the mux's packet socket,
 * fuzzing). All of them use this reader; it has no library calls and no loops. Only packets that it calls good are passed
 * on.
 *
 * Good are unfragmented IPv4 packets without options that carry TCP, UDP, or an ICMP error about a packet that a server sent
 * from the VIP. Such an error goes where the connection's own packets go, so path MTU discovery works. */
#ifndef LIQUIDNET_LB_PACKET_H
#define LIQUIDNET_LB_PACKET_H

#include "nodes/balancer/wire.h"
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#ifdef __bpf__
#include <linux/in.h>
#else
#include <netinet/in.h> /* the same numbers; both at once do not compile */
#endif

#define LB_INLINE static inline __attribute__((always_inline))

enum lb_verdict {
	LB_OTHER, /* not to the VIP */
	LB_GOOD,
	LB_MALFORMED, /* cut short, or lengths that contradict each other */
	LB_OPTIONS,   /* IP options */
	LB_FRAGMENT,  /* a fragment: the ports of all but the first are unknown */
	LB_PROTOCOL,  /* neither TCP, UDP nor ICMP: a tunnel in the tunnel, say */
	LB_ICMP,      /* ICMP that is no error about a connection of the VIP */
	LB_SOURCE,    /* the client's address is one that no client has */
	LB_VERDICTS
};

/* RFC 792. (linux/icmp.h includes what BPF programs cannot.) */
struct lb_icmp {
	__u8 type, code;
	__u16 check;
	__u32 rest;
};
enum { LB_ICMP_UNREACHABLE = 3, LB_ICMP_TIME_EXCEEDED = 11, LB_ICMP_PARAMETER_PROBLEM = 12 };

struct lb_flow {
	__u32 hash;    /* of the connection, as its client sends it */
	__u32 client;  /* address and ports of the connection: network order */
	__u16 source;  /* the client's */
	__u16 port;    /* the VIP's */
	__u16 size;    /* of the packet: bytes, from the IP header on */
	__u8 protocol; /* of the packet itself; ICMP for an error */
	__u8 about;    /* protocol of the connection: TCP or UDP */
	__u8 tos;
};

LB_INLINE __u16 lb_host16(__u16 network)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u16)(network << 8 | network >> 8);
#else
	return network;
#endif
}

/* The connection that an ICMP error is about: its packet came from the VIP, so its ports are the other way
 * round. */
LB_INLINE enum lb_verdict lb_error_flow(
	const struct lb_icmp *icmp, const void *end, __u32 vip, __u16 size, struct lb_flow *flow)
{
	const struct iphdr *about = (const struct iphdr *)(icmp + 1);
	const __u16 *ports = (const __u16 *)(about + 1);
	if (icmp->type != LB_ICMP_UNREACHABLE && icmp->type != LB_ICMP_TIME_EXCEEDED &&
		icmp->type != LB_ICMP_PARAMETER_PROBLEM)
		return LB_ICMP;
	if (size < sizeof *icmp + sizeof *about + 8 || (const void *)(ports + 4) > end)
		return LB_MALFORMED;
	if (about->version != 4 || about->ihl != 5 || about->saddr != vip ||
		(about->frag_off & lb_host16(0x1fff)) ||
		(about->protocol != IPPROTO_TCP && about->protocol != IPPROTO_UDP))
		return LB_ICMP;
	flow->client = about->daddr;
	flow->port = ports[0];
	flow->source = ports[1];
	flow->about = about->protocol;
	return LB_GOOD;
}

LB_INLINE enum lb_verdict lb_transport_flow(
	const struct iphdr *ip, const void *end, __u32 vip, __u16 size, struct lb_flow *flow)
{
	if (ip->protocol == IPPROTO_TCP) {
		const struct tcphdr *tcp = (const struct tcphdr *)(ip + 1);
		if (size < sizeof *tcp || (const void *)(tcp + 1) > end || tcp->doff < 5 ||
			tcp->doff * 4 > size)
			return LB_MALFORMED;
		flow->source = tcp->source;
		flow->port = tcp->dest;
	} else if (ip->protocol == IPPROTO_UDP) {
		const struct udphdr *udp = (const struct udphdr *)(ip + 1);
		if (size < sizeof *udp || (const void *)(udp + 1) > end ||
			lb_host16(udp->len) < sizeof *udp || lb_host16(udp->len) > size)
			return LB_MALFORMED;
		flow->source = udp->source;
		flow->port = udp->dest;
	} else if (ip->protocol == IPPROTO_ICMP) {
		const struct lb_icmp *icmp = (const struct lb_icmp *)(ip + 1);
		if (size < sizeof *icmp || (const void *)(icmp + 1) > end)
			return LB_MALFORMED;
		return lb_error_flow(icmp, end, vip, size, flow);
	} else {
		return LB_PROTOCOL;
	}
	flow->client = ip->saddr;
	flow->about = ip->protocol;
	return LB_GOOD;
}

/* Whether no client can have this address: the VIP itself, an address of "this network" or of loopback, or one from 224.0.0.0
 * on (multicast, reserved, broadcast; RFC 1122, section 3.2.1.3). An answer to it would come back to this host, or go to many.
 * Network order. */
LB_INLINE int lb_no_client(__u32 address, __u32 vip)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u32 first = address & 0xff;
#else
	__u32 first = address >> 24;
#endif
	return address == vip || first == 0 || first == 127 || first >= 224;
}

/* Reads the packet whose IP header is at `ip`. What lies before `end` may be read; `length` bytes belong to
 * the packet (more than that when the rest lies elsewhere; padding counts). *flow is whole after LB_GOOD
 * only. */
LB_INLINE enum lb_verdict lb_read(
	const struct iphdr *ip, const void *end, __u32 length, __u32 vip, struct lb_flow *flow)
{
	if ((const void *)(ip + 1) > end || ip->version != 4 || ip->daddr != vip)
		return LB_OTHER;
	__u16 total = lb_host16(ip->tot_len);
	if (ip->ihl < 5 || total < sizeof *ip || total > length)
		return LB_MALFORMED;
	if (ip->ihl != 5)
		return LB_OPTIONS;
	if (ip->frag_off & lb_host16(LB_FRAGMENTED))
		return LB_FRAGMENT;
	enum lb_verdict verdict = lb_transport_flow(ip, end, vip, (__u16)(total - sizeof *ip), flow);
	if (verdict != LB_GOOD)
		return verdict;
	if (lb_no_client(flow->client, vip))
		return LB_SOURCE;
	flow->hash = lb_hash(flow->client, vip, lb_ports(flow->source, flow->port));
	flow->size = total;
	flow->protocol = ip->protocol;
	flow->tos = ip->tos;
	return LB_GOOD;
}

/* Writes the outer header of a packet of `size` bytes: from the VIP to a server, with the map's stamp. The
 * class of service and congestion bits are the packet's own (RFC 6040, section 4.1). */
LB_INLINE void lb_write_outer(
	struct iphdr *outer, const struct lb_flow *flow, __u32 vip, __u32 dip, __u16 stamp)
{
	__u16 total = lb_host16((__u16)(flow->size + LB_OUTER_SIZE)), dont_fragment = lb_host16(0x4000);
	outer->version = 4;
	outer->ihl = 5;
	outer->tos = flow->tos;
	outer->tot_len = total;
	outer->id = lb_host16(stamp);
	outer->frag_off = dont_fragment;
	outer->ttl = LB_OUTER_TTL;
	outer->protocol = IPPROTO_IPIP;
	outer->check = 0;
	outer->saddr = vip;
	outer->daddr = dip;
	/* In words of 32 bits: half as many, and the carries come in at the end. */
	const __u32 *word = (const __u32 *)outer;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
	sum = (sum & 0xffffffff) + (sum >> 32);
	outer->check = lb_checksum((__u32)((sum & 0xffff) + (sum >> 16)));
}

#endif
