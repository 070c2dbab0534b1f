/* A collective's list: it comes back as it was written, a changed byte is noticed, and every broken line has its number. */
#include "nodes/detour/collective.h"
#include "tests/unit/check.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static struct identity keeper, stranger;

static struct identity of_seed(uint8_t seed)
{
	uint8_t bytes[32] = {seed};
	struct identity identity;
	crypto_sign_seed_keypair(identity.public, identity.secret, bytes);
	return identity;
}

static struct collective *sample(size_t members)
{
	struct collective *list = collective_new("example");
	list->version = 3;
	list->issued = 1800000000;
	list->expires = 1800086400;
	for (size_t i = 0; i < members; i++) {
		char name[32];
		struct identity member = of_seed(1);
		memcpy(member.public + 4, &i, sizeof i);
		snprintf(name, sizeof name, "member-%zu", i);
		assert_true(collective_add(list, name, member.public));
		struct collective_detour d = {.port = 45672, .capacity_bps = 100000000, .address_count = 2};
		snprintf(d.region, sizeof d.region, "eu-west");
		assert_true(address_parse("192.0.2.1", &d.addresses[0]));
		assert_true(address_parse("2001:db8::1", &d.addresses[1]));
		memcpy(d.addresses[0].bytes + 13, &i, 2);
		if (i % 2 == 0)
			assert_true(collective_add_detour(list, d));
	}
	return list;
}

static void a_list_comes_back(void **state)
{
	(void)state;
	char *error = NULL;
	size_t size;
	struct collective *list = sample(5);
	char *text = collective_write(list, &keeper, &size);
	struct collective *back = collective_read(text, size, keeper.public, &error);
	assert_null(error);
	assert_int_equal(back->member_count, 5);
	assert_int_equal(back->detour_count, 3);
	assert_int_equal(back->version, 3);
	assert_true(back->issued == list->issued && back->expires == list->expires);
	assert_memory_equal(back->members, list->members, 5 * sizeof *list->members);
	assert_memory_equal(back->detours, list->detours, 3 * sizeof *list->detours);
	assert_true(collective_remove(back, "member-2"));
	assert_false(collective_remove(back, "member-2"));
	assert_int_equal(back->detour_count, 2);
	assert_string_equal(back->members[back->detours[1].member].name, "member-4");
	assert_false(collective_add(back, "member-4", stranger.public));
	assert_false(collective_add(back, "new", back->members[0].key));
	collective_free(back);
	collective_free(list);
	free(text);
}

static void a_changed_byte_is_noticed(void **state)
{
	(void)state;
	size_t size;
	struct collective *list = sample(3);
	char *text = collective_write(list, &keeper, &size);
	for (size_t i = 0; i < size; i++) {
		char *error = NULL;
		text[i] ^= 1;
		assert_null(collective_read(text, size, keeper.public, &error));
		assert_non_null(error);
		free(error);
		text[i] ^= 1;
	}
	for (size_t shorter = 0; shorter < size; shorter += 7) {
		char *error = NULL;
		assert_null(collective_read(text, shorter, keeper.public, &error));
		free(error);
	}
	char *error = NULL;
	assert_null(collective_read(text, size, stranger.public, &error));
	assert_non_null(strstr(error, "not by the collective's key"));
	free(error);
	free(text);
	collective_free(list);
}

static void it_is_current_between_its_times(void **state)
{
	(void)state;
	struct collective *list = sample(0);
	assert_true(collective_is_current(list, list->issued));
	assert_true(collective_is_current(list, list->issued - 3600)); /* a clock that is late */
	assert_false(collective_is_current(list, list->issued - 25 * 3600));
	assert_true(collective_is_current(list, list->expires - 1));
	assert_false(collective_is_current(list, list->expires));
	collective_free(list);
}

/* Signed all the same: only the keeper could write it, and yet it does no harm. */
static void refused(const char *body, const char *reason)
{
	struct {
		char purpose[32];
		uint8_t hash[64];
	} content = {.purpose = "liquidnet-collective 1"};
	uint8_t signature[64];
	char text[4096], encoded[96], *error = NULL;
	crypto_generichash(content.hash, 64, (const uint8_t *)body, strlen(body), NULL, 0);
	crypto_sign_detached(signature, NULL, (const uint8_t *)&content, sizeof content, keeper.secret);
	sodium_bin2base64(encoded, sizeof encoded, signature, 64, sodium_base64_VARIANT_ORIGINAL);
	int size = snprintf(text, sizeof text, "%ssignature %s\n", body, encoded);
	assert_int_equal(collective_verify(text, (size_t)size, keeper.public, &error), 0);
	assert_null(collective_read(text, (size_t)size, keeper.public, &error));
	if (!strstr(error, reason))
		fail_msg("'%s' does not say '%s'", error, reason);
	free(error);
}

#define HEAD                                                                                                 \
	"liquidnet-collective 1\nname x\nversion 1\nissued 2026-01-01T00:00:00Z\nexpires 2027-01-01T00:00:00Z\n"
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void broken_lists_are_refused_with_their_line(void **state)
{
	(void)state;
	refused("liquidnet-collective 2\n", "does not begin");
	refused("liquidnet-collective 1\nname x\n", "lacks one of");
	refused(HEAD "member x\n", "line 6: no member");
	refused(HEAD "member x/y " KEY "\n", "line 6: no member");
	refused(HEAD "member x " KEY "\nmember y " KEY "\n", "one name or one key");
	refused(HEAD "detour 1.2.3.4 5\n", "line 6: a detour before");
	refused(HEAD "member x " KEY "\ndetour 1.2.3.4 0\n", "line 7: no detour");
	refused(HEAD "member x " KEY "\ndetour 1.2.3.4,1.2.3.5,1.2.3.6,1.2.3.7,1.2.3.8 5\n",
		"line 7: no detour");
	refused(HEAD "member x " KEY "\ndetour 1.2.3.4 5 capacity=0\n", "");
	refused(HEAD "name y\n", "line 6");
	refused(HEAD "\n", "line 6: is empty");
	refused(HEAD "a b c d e f g h i\n", "too many words");
}

static void a_thousand_members_fit(void **state)
{
	(void)state;
	char *error = NULL;
	size_t size;
	struct collective *list = sample(1000);
	char *text = collective_write(list, &keeper, &size);
	assert_in_range(size, 1, 200 * 1024);
	struct collective *back = collective_read(text, size, keeper.public, &error);
	assert_non_null(back);
	assert_int_equal(back->member_count, 1000);
	collective_free(back);
	collective_free(list);
	free(text);
}

int main(void)
{
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	keeper = of_seed(7);
	stranger = of_seed(8);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_comes_back),
		cmocka_unit_test(a_changed_byte_is_noticed),
		cmocka_unit_test(it_is_current_between_its_times),
		cmocka_unit_test(broken_lists_are_refused_with_their_line),
		cmocka_unit_test(a_thousand_members_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
