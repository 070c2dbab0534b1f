/* Fuzz: a collective's list. Any bytes as they are; and behind a good signature, as only its keeper can write them: what is
 * read is written as a list that reads the same. Signatures are a keyed hash here: those of the curve take ten times as long as all
 * the rest, and are libsodium's. */
#include "nodes/detour/collective.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity keeper;

/* Instead of libsodium's: a secret key's second half is the public one. */
int crypto_sign_detached(unsigned char *signature, unsigned long long *length, const unsigned char *message,
	unsigned long long size, const unsigned char *secret)
{
	if (length)
		*length = crypto_sign_BYTES;
	return crypto_generichash(signature, crypto_sign_BYTES, message, size, secret + 32, 32);
}

int crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
	unsigned long long size, const unsigned char *public)
{
	unsigned char right[crypto_sign_BYTES];
	crypto_generichash(right, sizeof right, message, size, public, 32);
	return memcmp(signature, right, sizeof right) == 0 ? 0 : -1;
}

static char *sign(const uint8_t *data, size_t size, size_t *out)
{
	struct {
		char purpose[32];
		uint8_t hash[64];
	} content = {.purpose = "liquidnet-collective 1"};
	uint8_t signature[crypto_sign_BYTES];
	char *text = malloc(size + 128);
	if (!text)
		abort();
	crypto_generichash(content.hash, 64, data, size, NULL, 0);
	crypto_sign_detached(signature, NULL, (const uint8_t *)&content, sizeof content, keeper.secret);
	memcpy(text, data, size);
	strcpy(text + size, "signature ");
	sodium_bin2base64(text + size + 10, 100, signature, sizeof signature, sodium_base64_VARIANT_ORIGINAL);
	strcat(text + size, "\n");
	*out = size + strlen(text + size);
	return text;
}

static void check(const struct collective *list)
{
	size_t size;
	char *text = collective_write(list, &keeper, &size), *error = NULL;
	struct collective *back = text ? collective_read(text, size, keeper.public, &error) : NULL;
	if (!back || back->member_count != list->member_count || back->detour_count != list->detour_count ||
		back->version != list->version || back->expires != list->expires)
		abort();
	collective_free(back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {7};
	static bool ready;
	char *error = NULL;
	if (!ready) {
		if (seal_init(&error) < 0)
			abort();
		crypto_sign_seed_keypair(keeper.public, keeper.secret, seed);
		ready = true;
	}
	struct collective *list = collective_read((const char *)data, size, keeper.public, &error);
	if (!list != (error != NULL))
		abort();
	free(error);
	error = NULL;
	collective_free(list);
	if (size == 0 || data[size - 1] != '\n')
		return 0;
	size_t length;
	char *text = sign(data, size, &length);
	list = collective_read(text, length, keeper.public, &error);
	if (!list != (error != NULL))
		abort();
	if (list)
		check(list);
	collective_free(list);
	free(error);
	free(text);
	return 0;
}
