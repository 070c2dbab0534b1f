/* A destination in a SYN: the option's bytes, its cipher, and that it is one. */
#include "lib/detour/destination.h"
#include "tests/unit/check.h"
#include <sodium.h>
#include <string.h>

static struct destination_key key_of(const uint8_t bytes[DESTINATION_KEY])
{
	struct destination_key key = {{0, 0}};
	for (unsigned i = 0; i < DESTINATION_KEY; i++)
		key.words[i / 8] |= (uint64_t)bytes[i] << (8 * (i % 8));
	return key;
}

/* libsodium's crypto_shorthash is SipHash-2-4, too. */
static void the_hash_is_siphash(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 100; seed++) {
		uint8_t bytes[DESTINATION_KEY], word[8], expected[8], got[8];
		uint64_t value = 0;
		for (unsigned i = 0; i < sizeof bytes; i++)
			bytes[i] = (uint8_t)(seed * 31 + i * 7);
		for (unsigned i = 0; i < sizeof word; i++) {
			word[i] = (uint8_t)(seed * 13 + i * 5);
			value |= (uint64_t)word[i] << (8 * i);
		}
		struct destination_key key = key_of(bytes);
		crypto_shorthash(expected, word, sizeof word, bytes);
		uint64_t hash = destination_hash(&key, value);
		for (unsigned i = 0; i < sizeof got; i++)
			got[i] = (uint8_t)(hash >> (8 * i));
		assert_memory_equal(got, expected, sizeof got);
	}
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	const struct destination_key key = {{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL}};
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t address = i * 2654435761u;
		uint16_t port = (uint16_t)(i * 40503u);
		uint8_t option[DESTINATION_SIZE];
		destination_write(&key, port, address, option);
		assert_true(destination_is(option));
		assert_true(destination_read(&key, port, option) == address);
	}
}

static void the_option_is_an_experiment_of_eight_bytes(void **state)
{
	(void)state;
	static const uint8_t head[] = {254, 8, 'L', 'Q'};
	const struct destination_key key = {{1, 2}};
	uint8_t option[DESTINATION_SIZE];
	destination_write(&key, 443, 0xc0000201, option);
	assert_memory_equal(option, head, sizeof head);
	for (unsigned i = 0; i < sizeof head; i++) {
		option[i] ^= 1;
		assert_false(destination_is(option));
		option[i] ^= 1;
	}
	assert_true(destination_is(option));
}

/* Nobody without the key chooses: each bit of the option, of the key and of the port changes about half of the address. */
static void one_bit_changes_all(void **state)
{
	(void)state;
	const struct destination_key key = {{0x1122334455667788ULL, 0x99aabbccddeeff00ULL}};
	unsigned long changed = 0, cases = 0;
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t text = i * 2654435761u, plain = destination_decrypt(&key, 443, text);
		for (unsigned bit = 0; bit < 32; bit++, cases++)
			changed += (unsigned)__builtin_popcount(
				plain ^ destination_decrypt(&key, 443, text ^ 1u << bit));
		struct destination_key other = key;
		other.words[i % 2] ^= 1ULL << (i % 64);
		changed += (unsigned)__builtin_popcount(plain ^ destination_decrypt(&other, 443, text));
		changed += (unsigned)__builtin_popcount(plain ^ destination_decrypt(&key, 442, text));
		cases += 2;
	}
	double mean = (double)changed / (double)cases;
	assert_true(mean > 15.5 && mean < 16.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_siphash),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_option_is_an_experiment_of_eight_bytes),
		cmocka_unit_test(one_bit_changes_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
