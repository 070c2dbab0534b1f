/* By libcrypto. */
#include "lib/mptcp/keys.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void put(uint8_t *p, uint64_t value, unsigned bytes)
{
	while (bytes--)
		*p++ = (uint8_t)(value >> (8 * bytes));
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;
	while (bytes--)
		value = value << 8 | *p++;
	return value;
}

bool mptcp_hash_key(uint64_t key, unsigned version, uint32_t *token, uint64_t *initial_sequence)
{
	uint8_t wire[8], hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	put(wire, key, sizeof wire);
	if (!EVP_Digest(wire, sizeof wire, hash, &length, version ? EVP_sha256() : EVP_sha1(), NULL) ||
		length < 8)
		return false;
	*token = (uint32_t)get(hash, 4);
	*initial_sequence = get(hash + length - 8, 8);
	return true;
}

/* The HMAC of a message under the two keys, the sender's first; its length, 0 on failure. */
static unsigned hmac_of(unsigned version, uint64_t own_key, uint64_t peer_key, const uint8_t *message,
	size_t size, uint8_t hmac[EVP_MAX_MD_SIZE])
{
	uint8_t key[16];
	unsigned length = 0;
	put(key, own_key, 8);
	put(key + 8, peer_key, 8);
	return HMAC(version ? EVP_sha256() : EVP_sha1(), key, sizeof key, message, size, hmac, &length)
		       ? length
		       : 0;
}

bool mptcp_hmac_join(unsigned version, uint64_t own_key, uint64_t peer_key, uint32_t own_nonce,
	uint32_t peer_nonce, uint8_t hmac[MPTCP_HMAC_JOIN_ACK])
{
	uint8_t message[8], whole[EVP_MAX_MD_SIZE];
	put(message, own_nonce, 4);
	put(message + 4, peer_nonce, 4);
	if (hmac_of(version, own_key, peer_key, message, sizeof message, whole) < MPTCP_HMAC_JOIN_ACK)
		return false;
	memcpy(hmac, whole, MPTCP_HMAC_JOIN_ACK);
	return true;
}

bool mptcp_hmac_address_whole(uint64_t own_key, uint64_t peer_key, uint8_t id, const uint8_t *address,
	size_t size, uint16_t port, uint8_t hmac[MPTCP_HMAC])
{
	uint8_t message[1 + 16 + 2], whole[EVP_MAX_MD_SIZE];
	if (size != 4 && size != 16)
		return false;
	message[0] = id;
	memcpy(message + 1, address, size);
	put(message + 1 + size, port, 2);
	if (hmac_of(1, own_key, peer_key, message, size + 3, whole) != MPTCP_HMAC)
		return false;
	memcpy(hmac, whole, MPTCP_HMAC);
	return true;
}

bool mptcp_hmac_address(uint64_t own_key, uint64_t peer_key, uint8_t id, const uint8_t *address, size_t size,
	uint16_t port, uint8_t hmac[MPTCP_HMAC_ADDRESS])
{
	uint8_t whole[MPTCP_HMAC];
	if (!mptcp_hmac_address_whole(own_key, peer_key, id, address, size, port, whole))
		return false;
	memcpy(hmac, whole + MPTCP_HMAC - MPTCP_HMAC_ADDRESS, MPTCP_HMAC_ADDRESS);
	return true;
}
