/* A destination in a SYN: an experimental TCP option (RFC 6994). With it a member's SYN itself tells the detour where to lead
 * the connection.
 *
 *   kind 254 | length 8 | ExID 0x4c51 | IPv4 address, encrypted
 *
 * Eight bytes are all that the SYN of a Multipath TCP join leaves (40, less MSS 4, SACK and timestamps 12, window scale 4 and MP_JOIN 12).
 * The destination port is the SYN's own. The address is encrypted with the member's key and the detour's port, by four rounds
 * of a Feistel network over SipHash-2-4. So somebody without the key reaches an address that he cannot choose. The encryption
 * does not use anything that a NAT or a firewall changes in a SYN (source port, sequence number). It proves nothing: 32 bits
 * go in, 32 bits come out.
 *
 * BPF programs and programs outside the kernel both use this header; it needs no library. */
#ifndef LIQUIDNET_DETOUR_DESTINATION_H
#define LIQUIDNET_DETOUR_DESTINATION_H

#include <linux/types.h>

#define DESTINATION_KIND 254
#define DESTINATION_SIZE 8
#define DESTINATION_EXID_0 0x4c /* "LQ" */
#define DESTINATION_EXID_1 0x51
#define DESTINATION_KEY 16
#define DESTINATION_ROUNDS 4

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

struct destination_key {
	__u64 words[2]; /* little-endian */
};

#define DESTINATION_TURN(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define DESTINATION_MIX(v)                                                                                   \
	do {                                                                                                 \
		(v)[0] += (v)[1];                                                                            \
		(v)[1] = DESTINATION_TURN((v)[1], 13) ^ (v)[0];                                              \
		(v)[0] = DESTINATION_TURN((v)[0], 32);                                                       \
		(v)[2] += (v)[3];                                                                            \
		(v)[3] = DESTINATION_TURN((v)[3], 16) ^ (v)[2];                                              \
		(v)[0] += (v)[3];                                                                            \
		(v)[3] = DESTINATION_TURN((v)[3], 21) ^ (v)[0];                                              \
		(v)[2] += (v)[1];                                                                            \
		(v)[1] = DESTINATION_TURN((v)[1], 17) ^ (v)[2];                                              \
		(v)[2] = DESTINATION_TURN((v)[2], 32);                                                       \
	} while (0)

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of eight bytes, as a little-endian number. */
static __always_inline __u64 destination_hash(const struct destination_key *key, __u64 word)
{
	__u64 v[4] = {key->words[0] ^ 0x736f6d6570736575ULL, key->words[1] ^ 0x646f72616e646f6dULL,
		key->words[0] ^ 0x6c7967656e657261ULL, key->words[1] ^ 0x7465646279746573ULL};
	const __u64 length = 8ULL << 56;
	v[3] ^= word;
	DESTINATION_MIX(v);
	DESTINATION_MIX(v);
	v[0] ^= word;
	v[3] ^= length;
	DESTINATION_MIX(v);
	DESTINATION_MIX(v);
	v[0] ^= length;
	v[2] ^= 0xff;
	DESTINATION_MIX(v);
	DESTINATION_MIX(v);
	DESTINATION_MIX(v);
	DESTINATION_MIX(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static __always_inline __u16 destination_round(
	const struct destination_key *key, __u16 port, __u32 round, __u16 half)
{
	return (__u16)destination_hash(key, (__u64)port << 32 | round << 16 | half);
}

/* Both ways; the address is a number in the host's order, as is the port. */
static __always_inline __u32 destination_encrypt(const struct destination_key *key, __u16 port, __u32 address)
{
	__u16 left = (__u16)(address >> 16), right = (__u16)address;
	for (__u32 round = 0; round < DESTINATION_ROUNDS; round++) {
		__u16 next = left ^ destination_round(key, port, round, right);
		left = right;
		right = next;
	}
	return (__u32)left << 16 | right;
}

static __always_inline __u32 destination_decrypt(const struct destination_key *key, __u16 port, __u32 text)
{
	__u16 left = (__u16)(text >> 16), right = (__u16)text;
	for (__u32 round = DESTINATION_ROUNDS; round > 0; round--) {
		__u16 before = right ^ destination_round(key, port, round - 1, left);
		right = left;
		left = before;
	}
	return (__u32)left << 16 | right;
}

static __always_inline void destination_write(
	const struct destination_key *key, __u16 port, __u32 address, __u8 option[DESTINATION_SIZE])
{
	__u32 text = destination_encrypt(key, port, address);
	option[0] = DESTINATION_KIND;
	option[1] = DESTINATION_SIZE;
	option[2] = DESTINATION_EXID_0;
	option[3] = DESTINATION_EXID_1;
	option[4] = (__u8)(text >> 24);
	option[5] = (__u8)(text >> 16);
	option[6] = (__u8)(text >> 8);
	option[7] = (__u8)text;
}

/* Whether eight bytes are the option; what they say needs a key. */
static __always_inline int destination_is(const __u8 option[DESTINATION_SIZE])
{
	return option[0] == DESTINATION_KIND && option[1] == DESTINATION_SIZE &&
	       option[2] == DESTINATION_EXID_0 && option[3] == DESTINATION_EXID_1;
}

static __always_inline __u32 destination_read(
	const struct destination_key *key, __u16 port, const __u8 option[DESTINATION_SIZE])
{
	return destination_decrypt(key, port,
		(__u32)option[4] << 24 | (__u32)option[5] << 16 | (__u32)option[6] << 8 | option[7]);
}

#endif
