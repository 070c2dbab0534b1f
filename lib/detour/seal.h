/* The envelope of version 2, and the keys. A datagram is
 *   ver(8)=2 | kind(8): 0 question, 1 answer | 0(16) | member(64) | nonce(192) | sealed content | tag(128)
 * XChaCha20-Poly1305 (libsodium) authenticates the first 12 bytes and encrypts the content, with one key per direction. A
 * member and a detour both derive these keys from their own secret key and the other's public key (X25519 by way of Ed25519,
 * crypto_kx). So they need no exchange, and no state except the peer's keys. `member` is the first 8 bytes of BLAKE2b of the
 * member's public key. It says which keys to try, and proves nothing. */
#ifndef LIQUIDNET_DETOUR_SEAL_H
#define LIQUIDNET_DETOUR_SEAL_H

#include "lib/detour/message.h"

#define SEAL_HEADER 12
#define SEAL_NONCE 24
#define SEAL_TAG 16
#define SEAL_SIZE (SEAL_HEADER + SEAL_NONCE + MESSAGE_SIZE + SEAL_TAG) /* of every datagram of version 2 */
#define SEAL_PUBLIC 32
#define SEAL_KEY_TEXT 45 /* room for a public key in base64 */

enum seal_kind { SEAL_QUESTION = 0, SEAL_ANSWER = 1 };

/* Who one is: an Ed25519 key pair (RFC 8032), also used for X25519. */
struct identity {
	uint8_t public[SEAL_PUBLIC];
	uint8_t secret[64];
};

/* The keys that a member and a detour share: one per direction. */
struct seal_keys {
	uint8_t ask[32], answer[32];
};

/* Must be called once before anything else here. -1 with *error. */
int seal_init(char **error);

/* A new key pair into a file (mode 0600, must not be there yet), or from one. The file has one line, the seed in base64.
 * -1 with *error that names the file; a file that others may read is refused. */
int identity_create(const char *path, struct identity *identity, char **error);
int identity_load(const char *path, struct identity *identity, char **error);

/* A public key's text: base64 (RFC 4648), 44 characters. False when it is none. */
bool public_parse(const char *text, uint8_t key[SEAL_PUBLIC]);
/* The same, or "@FILE": the first line of that file. */
bool public_find(const char *text, uint8_t key[SEAL_PUBLIC]);
const char *public_text(const uint8_t key[SEAL_PUBLIC], char text[SEAL_KEY_TEXT]);
/* The name of a member on the wire. */
uint64_t member_id(const uint8_t key[SEAL_PUBLIC]);

/* Of a member with a detour, and of a detour with a member: both get the same. False for a public key that is no point of
 * the curve, or a weak one. */
bool seal_keys_of_member(
	const struct identity *own, const uint8_t detour[SEAL_PUBLIC], struct seal_keys *keys);
bool seal_keys_of_detour(
	const struct identity *own, const uint8_t member[SEAL_PUBLIC], struct seal_keys *keys);

/* Whether bytes have the outside of a datagram of version 2, and of which member. */
bool seal_peek(const void *bytes, size_t size, enum seal_kind *kind, uint64_t *member);
/* Writes a whole datagram around a content. */
void seal(enum seal_kind kind, uint64_t member, const uint8_t key[32], const uint8_t content[MESSAGE_SIZE],
	uint8_t bytes[SEAL_SIZE]);
/* The same by a nonce that the caller drew, for who writes many at a time: random, and never used again. */
void seal_with(enum seal_kind kind, uint64_t member, const uint8_t key[32], const uint8_t nonce[SEAL_NONCE],
	const uint8_t content[MESSAGE_SIZE], uint8_t bytes[SEAL_SIZE]);
/* The content of a datagram; false when it was not sealed with that key. */
bool unseal(const uint8_t bytes[SEAL_SIZE], const uint8_t key[32], uint8_t content[MESSAGE_SIZE]);

#endif
