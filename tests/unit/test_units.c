/* Units: what people write, and what nobody should get away with. */
#include "lib/base/units.h"

#include "lib/base/draw.h"
#include "tests/unit/check.h"
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Refused by every function that reads a quantity. */
static const char *const nonsense[] = {"", " ", "-", "+1", "ten", ".5", "5.", "1..2", "1,5", "0x10", "1e",
	"nan", "inf", "- 1", "1 2", "\xc2\xb5", "Mbit/s", "%"};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t bps;
	} good[] = {{"10Mbit/s", 10000000}, {"10Mbit", 10000000}, {"10 Mbit/s", 10000000},
		{"1.5Gbit/s", 1500000000}, {"300kbit/s", 300000}, {"5000bit/s", 5000}, {"7bit", 7},
		{"0Mbit/s", 0}, {"0.1Mbit/s", 100000}, {"9.566Mbit/s", 9566000}, {"2.3Gbit", 2300000000},
		{"999999999Gbit/s", 999999999000000000}};
	static const char *const bad[] = {"10", "10M", "10mbit/s", "10Mbit/S", "10MBit/s", "10Mbps",
		"10Mbit/s ", " 10Mbit/s", "-10Mbit/s", "10Mbit/sx", "1e3bit/s", "10KBit", "1000000000Gbit/s",
		"10\tMbit/s"};
	uint64_t bps;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_rate(good[i].text, &bps), 0);
		assert_int_equal(bps, good[i].bps);
	}
	bps = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_rate(bad[i], &bps), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_rate(nonsense[i], &bps), -1);
	assert_int_equal(bps, 42); /* untouched */
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {{"5ms", 5000000}, {"2.3s", 2300000000}, {"250us", 250000}, {"40ns", 40},
		{"1min", 60000000000}, {"0", 0}, {"0ms", 0}, {"0.9s", 900000000}, {"10.1 s", 10100000000},
		{"0.000000001s", 1}, {"2.500000us", 2500}, {"149999999min", 8999999940000000000}};
	static const char *const bad[] = {"5", "00", "0.0", "5 m", "5m", "5MS", "5sec", "-5ms", "5ms5us",
		"1h", "150000000min", "9000000000s"};
	int64_t ns;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_duration(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	ns = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_duration(bad[i], &ns), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_duration(nonsense[i], &ns), -1);
	assert_int_equal(ns, 42);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"1500", 1500}, {"1500B", 1500}, {"64KiB", 65536}, {"4MiB", 4194304}, {"6MB", 6000000},
		{"2GiB", 2147483648}, {"3GB", 3000000000}, {"1KB", 1000}, {"1kB", 1000}, {"1.5MiB", 1572864},
		{"0", 0}, {"64 KiB", 65536}};
	static const char *const bad[] = {"64K", "64kib", "64KIB", "6M", "-1", "1TB", "1e6", "1000000000GiB"};
	uint64_t bytes;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_size(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	bytes = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_size(bad[i], &bytes), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_size(nonsense[i], &bytes), -1);
	assert_int_equal(bytes, 42);
}

/* To the last bit what C reads: the comparison of two settings must not depend on how they were written. */
static void fractions(void **state)
{
	static const struct {
		const char *text;
		double fraction;
	} good[] = {{"1%", 0.01}, {"0.5 %", 0.005}, {"0.5%", 0.005}, {"0", 0}, {"0%", 0}, {"100%", 1},
		{"3%", 0.03}, {"33.3%", 0.333}, {"7%", 0.07}, {"0.0", 0}, {"18.81%", 0.1881},
		{"0.1234567890123456789%", 0.001234567890123456789}};
	static const char *const bad[] = {"101%", "1.5", "2", "-1%", "1%%", "1 percent", "1e-3", "1.0000001",
		"% 1",
		/* All, or one in a hundred? */
		"1", "0.5", "0.005", "1.0000"};
	double fraction;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_fraction(good[i].text, &fraction), 0);
		assert_true(fraction == good[i].fraction);
	}
	fraction = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_fraction(bad[i], &fraction), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_fraction(nonsense[i], &fraction), -1);
	assert_true(fraction == 42);
}

/* What is written is the shortest text that reads as the same number, whatever it is. */
static void fraction_texts(void **state)
{
	static const struct {
		double fraction;
		const char *text;
	} known[] = {{0, "0%"}, {1, "100%"}, {0.01, "1%"}, {0.005, "0.5%"}, {0.1, "10%"}, {0.1881, "18.81%"},
		{0.333, "33.3%"}, {1e-5, "0.001%"}, {0.0625, "6.25%"}};
	char text[UNIT_FRACTION_TEXT];
	uint64_t bits = 42;
	(void)state;
	for (size_t i = 0; i < LENGTH(known); i++)
		assert_string_equal(unit_fraction_text(known[i].fraction, text), known[i].text);
	for (int i = 0; i < 2000; i++) {
		bits = bits * 6364136223846793005u + 1442695040888963407u;
		double fraction = (double)(bits >> 11) / 9007199254740992.0, again;
		for (int small = i % 8; small > 0; small--)
			fraction /= 10;
		assert_int_equal(unit_fraction(unit_fraction_text(fraction, text), &again), 0);
		assert_true(again == fraction);
	}
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"0", 0}, {"-0", 0}, {"7", 7}, {"-7", -7}, {"007", 7}, {"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN}};
	static const char *const bad[] = {"9223372036854775808", "-9223372036854775809",
		"99999999999999999999", "1.0", "1e3", "--1", "1 ", " 1", "1_000", "0b1"};
	int64_t value;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_integer(good[i].text, &value), 0);
		assert_int_equal(value, good[i].value);
	}
	value = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_integer(bad[i], &value), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_integer(nonsense[i], &value), -1);
	assert_int_equal(value, 42);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {{"0", 0}, {"-0.5", -0.5}, {"8e-6", 8e-6}, {"8E-6", 8e-6}, {"1.5e+3", 1500}, {"2e3", 2000},
		{"3.14159", 3.14159}, {"0.1", 0.1}, {"1e300", 1e300}, {"18.56", 18.56},
		{"0.1000000000000000055511151231257827", 0.1}, {"18.81", 18.81}, {"-18.81e-6", -18.81e-6},
		{"123456789.123456789e-20", 123456789.123456789e-20},
		{"9007199254740993", 9007199254740993.0}, {"0.30000000000000004", 0.30000000000000004},
		{"1.7976931348623157e300", 1.7976931348623157e300}};
	static const char *const bad[] = {
		"1e", "1e+", "1e-", "1e301", "1e-301", "1e1.5", "1e+-3", "1 ", "1e5x", "--1"};
	char huge[512];
	double value;
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		assert_int_equal(unit_number(good[i].text, &value), 0);
		assert_true(value == good[i].value);
	}
	value = 42;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_int_equal(unit_number(bad[i], &value), -1);
	for (size_t i = 0; i < LENGTH(nonsense); i++)
		assert_int_equal(unit_number(nonsense[i], &value), -1);
	/* Infinity, by length or by exponent, is no number. */
	memset(huge, '9', sizeof huge);
	huge[400] = 0;
	assert_int_equal(unit_number(huge, &value), -1);
	assert_int_equal(unit_number("99999999999e300", &value), -1);
	memset(huge, '0', sizeof huge);
	memcpy(huge, "0.5", 3);
	huge[500] = 0;
	assert_true(value == 42);
	assert_int_equal(unit_number(huge, &value), 0);
	assert_true(value == 0.5);
}

/* Whatever C prints is read back as the same double. */
static void numbers_printed(void **state)
{
	uint64_t random = 1;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[64];
		double value, again = -1;
		uint64_t drawn = draw_next(&random);
		value = (double)(drawn >> 20) / (double)(1u << (drawn & 31));
		snprintf(text, sizeof text, i & 1 ? "%.17e" : "%.40f", value);
		text[sizeof text - 1] = 0;
		assert_int_equal(unit_number(text, &again), 0);
		assert_true(again == value);
	}
}

/* A German decimal comma is not read, and changes nothing. The locale need not be installed for the first
 * half. */
static void no_locale(void **state)
{
	double value;
	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8");
	assert_int_equal(unit_number("1.5", &value), 0);
	assert_true(value == 1.5);
	assert_int_equal(unit_number("1,5", &value), -1);
	setlocale(LC_ALL, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(durations),
		cmocka_unit_test(sizes), cmocka_unit_test(fractions), cmocka_unit_test(fraction_texts),
		cmocka_unit_test(integers), cmocka_unit_test(numbers), cmocka_unit_test(numbers_printed),
		cmocka_unit_test(no_locale)};
	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
