/* Values of scenarios' words: what is taken, what is refused and with which line, and that a refusal leaves the value alone. */
#include "lib/sim/words.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

/* The reader refused, with this line. */
#define REFUSED(call, line)                                                                                  \
	do {                                                                                                 \
		char *error = NULL;                                                                          \
		assert_int_equal(call, -1);                                                                  \
		assert_non_null(error);                                                                      \
		assert_string_equal(error, line);                                                            \
		free(error);                                                                                 \
	} while (0)

static void words_are_cut_at_the_first_sign(void **unused)
{
	char plain[] = "slow=core:1Gbit/s", twice[] = "a=b=c", empty[] = "a=", bare[] = "loud", *error = NULL;
	(void)unused;
	assert_string_equal(word_cut(plain, NULL), "core:1Gbit/s");
	assert_string_equal(plain, "slow");
	assert_string_equal(word_cut(twice, NULL), "b=c");
	assert_string_equal(word_cut(empty, NULL), "");
	assert_null(word_cut(bare, &error));
	assert_string_equal(error, "`loud`: write KEY=VALUE");
	free(error);
}

static void names_are_told(void **unused)
{
	static const char *const names[] = {"fair", "fifo", NULL};
	bool yes = false;
	(void)unused;
	assert_int_equal(word_choice("pulls", "fifo", names, NULL), 1);
	REFUSED(word_choice("pulls", "fif", names, &error), "pulls=fif: there are fair, fifo");
	REFUSED(word_choice("pulls", "", names, &error), "pulls=: there are fair, fifo");
	assert_int_equal(word_yes("syn", "yes", &yes, NULL), 0);
	assert_true(yes);
	REFUSED(word_yes("syn", "maybe", &yes, &error), "syn=maybe: there are no, yes");
	assert_true(yes);
	assert_int_equal(word_yes("syn", "no", &yes, NULL), 0);
	assert_false(yes);
}

static void numbers_keep_their_bounds(void **unused)
{
	static const char *const bad[] = {"", "0", "1001", "1.5", "7x", "-1", "99999999999999999999", "nan"};
	static const char *const not_finite[] = {"nan", "inf", "1e999", "0.5", "1000.5", "", "2 "};
	unsigned count = 5;
	double number = 5, share = 0.25;
	(void)unused;
	assert_int_equal(word_count("k", "1", 1, 1000, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(word_count("k", "1000", 1, 1000, &count, NULL), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(word_count("k", bad[i], 1, 1000, &count, NULL), -1);
	assert_int_equal(count, 1000);
	REFUSED(word_count("k", "0", 1, 1000, &count, &error), "k=0: a whole number, 1..1000");
	assert_int_equal(word_number("f", "2.5", 1, 1000, &number, NULL), 0);
	for (size_t i = 0; i < sizeof not_finite / sizeof *not_finite; i++)
		assert_int_equal(word_number("f", not_finite[i], 1, 1000, &number, NULL), -1);
	assert_true(number == 2.5);
	REFUSED(word_number("f", "0.5", 1, 1000, &number, &error), "f=0.5: a number, 1..1000");
	assert_int_equal(word_share("load", "70%", &share, NULL), 0);
	REFUSED(word_share("load", "101%", &share, &error), "load=101%: a share, such as 70%");
	REFUSED(word_share("load", "0.7", &share, &error), "load=0.7: a share, such as 70%");
	assert_true(share > 0.699 && share < 0.701);
}

/* Bounds are told in the form in which they are written, so that each can be copied into the scenario. */
static void quantities_have_units(void **unused)
{
	uint64_t bytes = 1, rate = 1, ps = 1;
	int64_t ns = 1;
	(void)unused;
	assert_int_equal(word_size("size", "30KB", 1, 1000000000, &bytes, NULL), 0);
	assert_int_equal(bytes, 30000);
	REFUSED(word_size("size", "0", 1, 1000000000, &bytes, &error),
		"size=0: a size such as 30KB, from 1 to 1GB");
	REFUSED(word_size("ram", "2000GiB", 0, UINT64_C(1) << 40, &bytes, &error),
		"ram=2000GiB: a size such as 30KB, from 0 to 1024GiB");
	assert_int_equal(bytes, 30000);
	assert_int_equal(word_rate("rate", "1.5Gbit/s", 1000, 100000000000, &rate, NULL), 0);
	assert_int_equal(rate, 1500000000);
	assert_int_equal(word_rate("dirty", "0", 0, 1000, &rate, NULL), 0);
	assert_int_equal(rate, 0);
	REFUSED(word_rate("rate", "0", 1000, 100000000000, &rate, &error),
		"rate=0: a rate such as 15Mbit/s, from 1kbit/s to 100Gbit/s");
	REFUSED(word_rate("rate", "7", 1500, 2500000, &rate, &error),
		"rate=7: a rate such as 15Mbit/s, from 1500bit/s to 2500kbit/s");
	assert_int_equal(word_time("T", "250us", 0, 1000000, &ns, NULL), 0);
	assert_int_equal(ns, 250000);
	REFUSED(word_time("T", "5", 0, 3600000000000, &ns, &error),
		"T=5: a duration such as 4ms, from 0 to 3600s");
	REFUSED(word_time("T", "-1ms", 12500, 1000000, &ns, &error),
		"T=-1ms: a duration such as 4ms, from 12500ns to 1ms");
	assert_int_equal(ns, 250000);
	assert_int_equal(word_ps("delay", "3600s", 0, &ps, NULL), 0);
	assert_int_equal(ps, UINT64_C(3600000000000000));
	assert_int_equal(word_ps("delay", "3601s", 0, &ps, NULL), -1);
	assert_int_equal(word_ps("delay", "0", 1, &ps, NULL), -1);
	assert_int_equal(ps, UINT64_C(3600000000000000));
}

static void a_full_list_says_so(void **unused)
{
	char list[WORD_LIST] = "";
	(void)unused;
	word_list_add(list, "tail");
	word_list_add(list, "rate");
	REFUSED(word_unknown("colour", list, &error), "no setting `colour`; there are tail, rate");
	for (int i = 0; i < WORD_LIST; i++)
		word_list_add(list, "more");
	assert_true(strlen(list) < WORD_LIST);
	assert_string_equal(list + strlen(list) - strlen("more, more, ..."), "more, more, ...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_cut_at_the_first_sign),
		cmocka_unit_test(names_are_told),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(quantities_have_units),
		cmocka_unit_test(a_full_list_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
