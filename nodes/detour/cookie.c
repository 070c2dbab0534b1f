/* Cookies: a time and a keyed hash. */
#include "nodes/detour/cookie.h"
#include <sodium.h>

#define TIME_SIZE 8
#define HASH_SIZE (MESSAGE_COOKIE_SIZE - TIME_SIZE)

static void hash_of(const struct cookie_secret *secret, const uint8_t time[TIME_SIZE], uint64_t member,
	const struct place *from, uint8_t hash[HASH_SIZE])
{
	struct {
		uint8_t time[TIME_SIZE];
		uint64_t member;
		struct address address;
		uint64_t port;
	} text = {.member = member, .address = from->address, .port = from->port};
	memcpy(text.time, time, sizeof text.time);
	crypto_generichash(
		hash, HASH_SIZE, (const uint8_t *)&text, sizeof text, secret->bytes, sizeof secret->bytes);
}

void cookie_make(const struct cookie_secret *secret, int64_t now, uint64_t member, const struct place *from,
	uint8_t cookie[MESSAGE_COOKIE_SIZE])
{
	for (int i = 0; i < TIME_SIZE; i++)
		cookie[i] = (uint8_t)((uint64_t)now >> (56 - 8 * i));
	hash_of(secret, cookie, member, from, cookie + TIME_SIZE);
}

bool cookie_check(const struct cookie_secret *secret, int64_t now, uint64_t member, const struct place *from,
	const uint8_t cookie[MESSAGE_COOKIE_SIZE], int64_t *issued)
{
	uint8_t hash[HASH_SIZE];
	uint64_t time = 0;
	for (int i = 0; i < TIME_SIZE; i++)
		time = time << 8 | cookie[i];
	/* Before the hash: most of what is wrong is old. */
	if (time > (uint64_t)now || (uint64_t)now - time > COOKIE_LIFE_NS)
		return false;
	hash_of(secret, cookie, member, from, hash);
	if (sodium_memcmp(hash, cookie + TIME_SIZE, sizeof hash) != 0)
		return false;
	*issued = (int64_t)time;
	return true;
}
