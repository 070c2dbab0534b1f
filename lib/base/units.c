/* Units: a number, blanks, a unit out of a table. */
#include "lib/base/units.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

/* Digits, an optional fraction, nothing else (no sign, exponent, hexadecimal, locale). Returns the end, or
 * NULL. */
static const char *number_end(const char *text)
{
	const char *at = text;
	while (isdigit((unsigned char)*at))
		at++;
	if (at == text || *at != '.')
		return at == text ? NULL : at;
	const char *fraction = ++at;
	while (isdigit((unsigned char)*at))
		at++;
	return at == fraction ? NULL : at;
}

/* The double nearest to the text (of a form that was looked at before), whatever locale the program is in:
 * "18.81" is what C calls 18.81. */
static double nearest(const char *text)
{
	locale_t c =
		newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant of the C library: costs nothing */
	if (!c)
		abort();
	double value = strtod_l(text, NULL, c);
	freelocale(c);
	return value;
}

/* Reads a number and multiplies it by a power of ten before it is rounded, so that "18.81%" is 0.1881.
 * Returns its end, or NULL. */
static const char *read_number(const char *text, int exponent, double *value)
{
	const char *end = number_end(text);
	char *scaled;
	if (!end)
		return NULL;
	if (asprintf(&scaled, "%.*se%d", (int)(end - text), text, exponent) < 0)
		abort();
	*value = nearest(scaled);
	free(scaled);
	return end;
}

static int read_with_unit(const char *text, const struct unit *units, double *value)
{
	double number;
	const char *at = read_number(text, 0, &number);
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

/* A bare number could be either: `loss: 1` is one packet in a hundred to one reader, and all to another. */
int unit_fraction(const char *text, double *fraction)
{
	double value;
	const char *at = read_number(text, -2, &value);
	if (!at)
		return -1;
	while (*at == ' ')
		at++;
	if (strcmp(at, "%") != 0 && !(value == 0 && !*at))
		return -1;
	if (value > 1)
		return -1;
	*fraction = value;
	return 0;
}

char *unit_fraction_text(double fraction, char text[UNIT_FRACTION_TEXT])
{
	int places = 2;
	snprintf(text, UNIT_FRACTION_TEXT, "%.*f", places, fraction);
	while (places < 40 && nearest(text) != fraction)
		snprintf(text, UNIT_FRACTION_TEXT, "%.*f", ++places, fraction);
	/* "0.0125" -> "001.25" -> "1.25%": moved as text, so that nothing is rounded. */
	memmove(text + 1, text + 2, 2);
	text[3] = text[4] ? '.' : 0;
	size_t zeros = strspn(text, "0");
	if (zeros > 2)
		zeros = 2;
	memmove(text, text + zeros, strlen(text + zeros) + 1);
	strcat(text, "%");
	return text;
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
	const char *at = number_end(text + (*text == '-'));
	if (!at)
		return -1;
	/* Scales are written like 8e-6: an exponent is allowed here, and only here. */
	if (*at == 'e' || *at == 'E') {
		int64_t exponent;
		at += at[1] == '+' && at[2] != '-' ? 2 : 1;
		if (unit_integer(at, &exponent) < 0 || exponent < -300 || exponent > 300)
			return -1;
		at += strlen(at);
	}
	double number = *at ? 0 : nearest(text);
	if (*at || !isfinite(number))
		return -1;
	*value = number;
	return 0;
}
