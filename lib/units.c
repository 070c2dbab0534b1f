/* Units: a number, blanks, a unit out of a table. */
#include "lib/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

/* Digits, an optional fraction, nothing else (no sign, exponent, hexadecimal, locale), over the divisor.
 * Returns the end, or NULL. */
static const char *read_number(const char *text, double divisor, double *value)
{
	double number = 0, scale = divisor;
	const char *at = text;
	for (; isdigit((unsigned char)*at); at++)
		number = number * 10 + (*at - '0');
	if (at == text)
		return NULL;
	if (*at == '.') {
		const char *fraction = ++at;
		/* One division of two exact numbers, so that "0.005" is the double that C calls 0.005; digits
		 * behind the eighteenth place say nothing to a double. */
		for (; isdigit((unsigned char)*at); at++)
			if (at - fraction < 18) {
				number = number * 10 + (*at - '0');
				scale *= 10;
			}
		if (at == fraction)
			return NULL;
	}
	*value = number / scale;
	return at;
}

static int read_with_unit(const char *text, const struct unit *units, double *value)
{
	double number;
	const char *at = read_number(text, 1, &number);
	if (!at)
		return -1;
	while (*at == ' ')
		at++;
	for (; units->name; units++)
		if (strcmp(at, units->name) == 0) {
			*value = number * units->factor;
			return 0;
		}
	return -1;
}

int unit_rate(const char *text, uint64_t *bits_per_second)
{
	static const struct unit units[] = {{"bit/s", 1}, {"kbit/s", 1e3}, {"Mbit/s", 1e6}, {"Gbit/s", 1e9},
		{"bit", 1}, {"kbit", 1e3}, {"Mbit", 1e6}, {"Gbit", 1e9}, {NULL, 0}};
	double value;
	if (read_with_unit(text, units, &value) < 0 || value >= 1e18)
		return -1;
	*bits_per_second = (uint64_t)llround(value);
	return 0;
}

int unit_duration(const char *text, int64_t *nanoseconds)
{
	static const struct unit units[] = {
		{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {NULL, 0}};
	double value = 0;
	if (strcmp(text, "0") != 0 && (read_with_unit(text, units, &value) < 0 || value >= 9e18))
		return -1;
	*nanoseconds = llround(value);
	return 0;
}

int unit_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {{"", 1}, {"B", 1}, {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6},
		{"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};
	double value;
	if (read_with_unit(text, units, &value) < 0 || value >= 1e18)
		return -1;
	*bytes = (uint64_t)llround(value);
	return 0;
}

int unit_fraction(const char *text, double *fraction)
{
	double value;
	bool percent = strchr(text, '%') != NULL;
	const char *at = read_number(text, percent ? 100 : 1, &value);
	if (!at)
		return -1;
	while (*at == ' ')
		at++;
	at += percent && *at == '%';
	if (*at || value > 1)
		return -1;
	*fraction = value;
	return 0;
}

int unit_integer(const char *text, int64_t *value)
{
	bool negative = *text == '-';
	const char *at = text + negative;
	int64_t number = 0;
	if (!isdigit((unsigned char)*at))
		return -1;
	for (; isdigit((unsigned char)*at); at++)
		/* Downwards for a negative one: INT64_MIN has no positive counterpart. */
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, negative ? '0' - *at : *at - '0', &number))
			return -1;
	if (*at)
		return -1;
	*value = number;
	return 0;
}

int unit_number(const char *text, double *value)
{
	bool negative = *text == '-';
	double number;
	const char *at = read_number(text + negative, 1, &number);
	if (!at)
		return -1;
	/* Scales are written like 8e-6: an exponent is allowed here, and only here. */
	if (*at == 'e' || *at == 'E') {
		int64_t exponent;
		at += at[1] == '+' && at[2] != '-' ? 2 : 1;
		if (unit_integer(at, &exponent) < 0 || exponent < -300 || exponent > 300)
			return -1;
		if (exponent < 0)
			number /= pow(10, (double)-exponent);
		else
			number *= pow(10, (double)exponent);
		at += strlen(at);
	}
	if (*at || !isfinite(number))
		return -1;
	*value = negative ? -number : number;
	return 0;
}
