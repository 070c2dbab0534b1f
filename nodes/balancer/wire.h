/* Load balancer: values that muxes and host agents must compute identically, in the kernel and outside it: the hash of a
 * connection, its token, and the stamp in the packets between them. Everything is inline and without library calls, because
 * BPF programs include it. Addresses and ports are always in network order.
 *
 * The stamp is the low 16 bits of the map's generation, in the identification field of the outer header. The field is free,
 * because the outer header forbids fragmentation (RFC 6864, section 4.1). nodes/balancer/README.md says what the stamp is
 * for. */
#ifndef LIQUIDNET_LB_WIRE_H
#define LIQUIDNET_LB_WIRE_H

#include <linux/types.h>

#define LB_TOKENS_MAX 131072
#define LB_SERVERS_MAX 1024
#define LB_NO_SERVER 0xffffU /* in place of a server's number */
#define LB_OUTER_SIZE 20     /* bytes of the outer header: IPv4 without options */
#define LB_OUTER_TTL 64
#define LB_FRAGMENTED                                                                                        \
	0x3fff /* of frag_off in host order: more fragments follow, or this is not the first                 \
		*/

static inline __u32 lb_rotate(__u32 word, int bits)
{
	return (word << bits) | (word >> (32 - bits));
}

/* The hash of a connection as its client sends it: B. Jenkins's final mix of lookup3 (public domain). `ports`
 * is the word of the transport header: source, destination. The protocol is not part of it. */
static inline __u32 lb_hash(__u32 client, __u32 vip, __u32 ports)
{
	__u32 a = client + 0xdeadbeefU, b = vip + 0xdeadbeefU, c = ports + 0xdeadbeefU;
	c ^= b, c -= lb_rotate(b, 14);
	a ^= c, a -= lb_rotate(c, 11);
	b ^= a, b -= lb_rotate(a, 25);
	c ^= b, c -= lb_rotate(b, 16);
	a ^= c, a -= lb_rotate(c, 4);
	b ^= a, b -= lb_rotate(a, 14);
	c ^= b, c -= lb_rotate(b, 24);
	return c;
}

/* The word of the transport header that lb_hash takes, from two ports in network order. */
static inline __u32 lb_ports(__u16 source, __u16 destination)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return source | (__u32)destination << 16;
#else
	return (__u32)source << 16 | destination;
#endif
}

/* The token of a hash: the ring's circumference is 2^32, its `tokens` tokens are equidistant. Below `tokens`.
 */
static inline __u32 lb_token(__u32 hash, __u32 tokens)
{
	return (__u32)((__u64)hash * tokens >> 32);
}

/* How much newer the stamp is than the generation: negative, 0, positive (serial numbers, RFC 1982). */
static inline int lb_stamp_newer(__u16 stamp, __u32 generation)
{
	return (__s16)(__u16)(stamp - generation);
}

/* A sum of 16-bit words folded into the checksum of RFC 1071. */
static inline __u16 lb_checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

#endif
