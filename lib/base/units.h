/* Units: times are nanoseconds; and text to numbers, as people write them in configuration files. Each function
 * returns 0, or -1 when the text is not of the form (the number is then untouched). No locale, no trailing text. */
#ifndef LIQUIDNET_UNITS_H
#define LIQUIDNET_UNITS_H

#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

/* "10Mbit/s", "10Mbit", "1.5Gbit/s", "300kbit/s", "5000bit/s" (powers of 1000) -> bit/s. */
int unit_rate(const char *text, uint64_t *bits_per_second);
/* "5ms", "2.3s", "250us", "40ns", "1min" -> nanoseconds. A bare "0" is zero; other bare numbers are refused.
 */
int unit_duration(const char *text, int64_t *nanoseconds);
/* "1500", "64KiB", "4MiB", "6MB" (KB, MB, GB are powers of 1000) -> bytes. */
int unit_size(const char *text, uint64_t *bytes);
/* "1%", "0.5 %" -> a fraction, 0 to 1. A bare "0" is zero; other bare numbers are refused. */
int unit_fraction(const char *text, double *fraction);
#define UNIT_FRACTION_TEXT 64
/* A fraction of 0 to 1 as the shortest text that unit_fraction reads as the same number: "1%". Returns `text`. */
char *unit_fraction_text(double fraction, char text[UNIT_FRACTION_TEXT]);
/* Whole decimal numbers and decimal fractions. */
int unit_integer(const char *text, int64_t *value);
int unit_number(const char *text, double *value);

#endif
