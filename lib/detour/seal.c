/* Keys and sealed datagrams, by libsodium. */
#include "lib/detour/seal.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_TEXT 45

_Static_assert(sizeof((struct identity){0}.secret) == crypto_sign_SECRETKEYBYTES, "an Ed25519 secret key");
_Static_assert(SEAL_PUBLIC == crypto_sign_PUBLICKEYBYTES, "an Ed25519 public key");
_Static_assert(SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "a nonce");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "a tag");

int seal_init(char **error)
{
	return sodium_init() < 0 ? error_set(error, "libsodium cannot be used on this machine") : 0;
}

/* --- keys
 * -------------------------------------------------------------------------------------------------------- */

static bool decode32(const char *text, size_t length, uint8_t out[32])
{
	size_t got;
	const char *end;
	return length == 44 &&
	       sodium_base642bin(out, 32, text, length, NULL, &got, &end, sodium_base64_VARIANT_ORIGINAL) ==
		       0 &&
	       got == 32 && end == text + length;
}

bool public_parse(const char *text, uint8_t key[SEAL_PUBLIC])
{
	return decode32(text, strlen(text), key);
}

bool public_find(const char *text, uint8_t key[SEAL_PUBLIC])
{
	char line[SEAL_KEY_TEXT + 2] = "";
	if (*text != '@')
		return public_parse(text, key);
	FILE *in = fopen(text + 1, "re");
	bool read = in && fgets(line, sizeof line, in);
	if (in)
		fclose(in);
	line[strcspn(line, "\n")] = '\0';
	return read && public_parse(line, key);
}

const char *public_text(const uint8_t key[SEAL_PUBLIC], char text[SEAL_KEY_TEXT])
{
	return sodium_bin2base64(text, SEAL_KEY_TEXT, key, SEAL_PUBLIC, sodium_base64_VARIANT_ORIGINAL);
}

uint64_t member_id(const uint8_t key[SEAL_PUBLIC])
{
	uint8_t hash[crypto_generichash_BYTES];
	uint64_t id = 0;
	crypto_generichash(hash, sizeof hash, key, SEAL_PUBLIC, NULL, 0);
	for (int i = 0; i < 8; i++)
		id = id << 8 | hash[i];
	return id;
}

static void identity_of(const uint8_t seed[32], struct identity *identity)
{
	crypto_sign_seed_keypair(identity->public, identity->secret, seed);
}

int identity_create(const char *path, struct identity *identity, char **error)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char text[SEED_TEXT + 1];
	randombytes_buf(seed, sizeof seed);
	sodium_bin2base64(text, SEED_TEXT, seed, sizeof seed, sodium_base64_VARIANT_ORIGINAL);
	strcat(text, "\n");
	identity_of(seed, identity);
	sodium_memzero(seed, sizeof seed);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t length = (ssize_t)strlen(text);
	bool done = fd >= 0 && write(fd, text, (size_t)length) == length && fsync(fd) == 0;
	int reason = errno;
	if (fd >= 0)
		close(fd);
	sodium_memzero(text, sizeof text);
	if (done)
		return 0;
	if (fd >= 0)
		unlink(path);
	return error_set(error, "%s: cannot make a key there: %s", path, strerror(reason));
}

int identity_load(const char *path, struct identity *identity, char **error)
{
	char text[128];
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 || fstat(fd, &status) < 0 ? -1 : read(fd, text, sizeof text - 1);
	int reason = errno;
	if (fd >= 0)
		close(fd);
	if (size < 0)
		return error_set(error, "%s: %s; `liquidnet-collective key %s` makes one", path,
			strerror(reason), path);
	if (status.st_mode & 077)
		return error_set(error, "%s: others may read this secret key; chmod 600 it", path);
	text[size] = '\0';
	bool good = decode32(text, strcspn(text, "\n"), seed);
	sodium_memzero(text, sizeof text);
	if (!good)
		return error_set(
			error, "%s: is no secret key; `liquidnet-collective key FILE` makes one", path);
	identity_of(seed, identity);
	sodium_memzero(seed, sizeof seed);
	return 0;
}

/* crypto_kx names the sides client and server: rx of one is tx of the other. */
static bool exchange(
	const struct identity *own, const uint8_t other[SEAL_PUBLIC], bool member, struct seal_keys *keys)
{
	uint8_t secret[crypto_kx_SECRETKEYBYTES], public[crypto_kx_PUBLICKEYBYTES],
		theirs[crypto_kx_PUBLICKEYBYTES];
	bool good = crypto_sign_ed25519_sk_to_curve25519(secret, own->secret) == 0 &&
		    crypto_sign_ed25519_pk_to_curve25519(public, own->public) == 0 &&
		    crypto_sign_ed25519_pk_to_curve25519(theirs, other) == 0 &&
		    (member ? crypto_kx_client_session_keys(keys->answer, keys->ask, public, secret, theirs)
			    : crypto_kx_server_session_keys(
				      keys->ask, keys->answer, public, secret, theirs)) == 0;
	sodium_memzero(secret, sizeof secret);
	return good;
}

bool seal_keys_of_member(
	const struct identity *own, const uint8_t detour[SEAL_PUBLIC], struct seal_keys *keys)
{
	return exchange(own, detour, true, keys);
}

bool seal_keys_of_detour(
	const struct identity *own, const uint8_t member[SEAL_PUBLIC], struct seal_keys *keys)
{
	return exchange(own, member, false, keys);
}

/* --- datagrams
 * --------------------------------------------------------------------------------------------------- */

bool seal_peek(const void *bytes, size_t size, enum seal_kind *kind, uint64_t *member)
{
	const uint8_t *at = bytes;
	if (size != SEAL_SIZE || at[0] != MESSAGE_VERSION || at[1] > SEAL_ANSWER || at[2] || at[3])
		return false;
	*kind = at[1];
	*member = 0;
	for (int i = 4; i < SEAL_HEADER; i++)
		*member = *member << 8 | at[i];
	return true;
}

void seal(enum seal_kind kind, uint64_t member, const uint8_t key[32], const uint8_t content[MESSAGE_SIZE],
	uint8_t bytes[SEAL_SIZE])
{
	uint8_t nonce[SEAL_NONCE];
	randombytes_buf(nonce, sizeof nonce);
	seal_with(kind, member, key, nonce, content, bytes);
}

void seal_with(enum seal_kind kind, uint64_t member, const uint8_t key[32], const uint8_t nonce[SEAL_NONCE],
	const uint8_t content[MESSAGE_SIZE], uint8_t bytes[SEAL_SIZE])
{
	bytes[0] = MESSAGE_VERSION;
	bytes[1] = (uint8_t)kind;
	bytes[2] = bytes[3] = 0;
	for (int i = 0; i < 8; i++)
		bytes[4 + i] = (uint8_t)(member >> (56 - 8 * i));
	memcpy(bytes + SEAL_HEADER, nonce, SEAL_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + SEAL_HEADER + SEAL_NONCE, NULL, content,
		MESSAGE_SIZE, bytes, SEAL_HEADER, NULL, nonce, key);
}

bool unseal(const uint8_t bytes[SEAL_SIZE], const uint8_t key[32], uint8_t content[MESSAGE_SIZE])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(content, NULL, NULL,
		       bytes + SEAL_HEADER + SEAL_NONCE, MESSAGE_SIZE + SEAL_TAG, bytes, SEAL_HEADER,
		       bytes + SEAL_HEADER, key) == 0;
}
