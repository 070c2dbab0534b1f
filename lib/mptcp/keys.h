/* Keys: the cryptography of Multipath TCP. Tokens, initial data sequence numbers, and the HMACs that prove a join or an
 * announced address, for v1 (RFC 8684: SHA-256) and v0 (RFC 6824: SHA-1). Pure. A key is the number that an option carries in
 * network byte order. */
#ifndef LIQUIDNET_MPTCP_KEYS_H
#define LIQUIDNET_MPTCP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MPTCP_HMAC_JOIN_SYN_ACK = 8,
	MPTCP_HMAC_JOIN_ACK = 20,
	MPTCP_HMAC_ADDRESS = 8,
	MPTCP_HMAC = 32 /* of v1, whole */
};

/* Section 3.1 of both: the token is the first 32 bits of the key's hash, the initial data sequence number the last 64.
 * False: libcrypto refuses the hash. */
bool mptcp_hash_key(uint64_t key, unsigned version, uint32_t *token, uint64_t *initial_sequence);

/* Section 3.2: what the side of `own_key` and `own_nonce` proves in a join; the SYN/ACK carries its first 8 bytes, the third
 * packet 20. */
bool mptcp_hmac_join(unsigned version, uint64_t own_key, uint64_t peer_key, uint32_t own_nonce,
	uint32_t peer_nonce, uint8_t hmac[MPTCP_HMAC_JOIN_ACK]);

/* RFC 8684, section 3.4.1: what proves an announced address of `size` 4 or 16 bytes; the LAST 8 bytes of the HMAC. The keys
 * are the announcer's and its peer's; no port is 0. */
bool mptcp_hmac_address(uint64_t own_key, uint64_t peer_key, uint8_t id, const uint8_t *address, size_t size,
	uint16_t port, uint8_t hmac[MPTCP_HMAC_ADDRESS]);
/* The same, but the whole HMAC: for tests of a peer that gets the wrong part. */
bool mptcp_hmac_address_whole(uint64_t own_key, uint64_t peer_key, uint8_t id, const uint8_t *address,
	size_t size, uint16_t port, uint8_t hmac[MPTCP_HMAC]);

#endif
