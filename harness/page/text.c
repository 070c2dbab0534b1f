/* Text: see the header. */
#include "harness/page/text.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the UTF-8 character at `at` (RFC 3629, section 4); 0: it is none. */
static size_t character(const unsigned char *at)
{
	size_t more = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : at[0] < 0xf5 ? 3 : 0;

	if (at[0] < 0x80)
		return 1;
	for (size_t i = 1; i <= more; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
	bool surrogate = at[0] == 0xed && at[1] >= 0xa0, beyond = at[0] == 0xf4 && at[1] >= 0x90;
	return more && !overlong && !surrogate && !beyond ? more + 1 : 0;
}

static bool is_control(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f;
}

static const char *entity(unsigned char byte)
{
	switch (byte) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return is_control(byte) && byte != '\t' && byte != '\n' ? " " : NULL;
	}
}

void text_html(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t length = character(at);
		const char *instead = length ? entity(*at) : REPLACEMENT;
		if (instead)
			fputs(instead, out);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
}

void text_csv(FILE *out, const char *text)
{
	bool formula = *text && strchr("=+-@", *text);

	if (!formula && !strpbrk(text, ",\"\n\r\t")) {
		for (; *text; text++)
			fputc(is_control((unsigned char)*text) ? ' ' : *text, out);
		return;
	}
	fputs(formula ? "\"'" : "\"", out);
	for (; *text; text++)
		if (*text == '"')
			fputs("\"\"", out);
		else
			fputc(is_control((unsigned char)*text) && *text != '\n' ? ' ' : *text, out);
	fputc('"', out);
}

void text_csv_number(FILE *out, double value, int digits)
{
	if (isnan(value))
		fputc(',', out);
	else if (fabs(value) >= pow(10, digits))
		fprintf(out, ",%.0f", value);
	else
		fprintf(out, ",%.*g", digits, value);
}

char *text_plain(const char *text)
{
	char *plain = malloc(4 * strlen(text) + 1), *end = plain;

	if (!plain)
		return NULL;
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		size_t length = character(at);
		bool c1 = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
		if (*at == '\n' || *at == '\t') {
			*end++ = ' ';
			at++;
		} else if (length == 0 || c1 || is_control(*at)) {
			for (size_t i = 0; i < (c1 ? 2 : 1); i++)
				end += sprintf(end, "\\x%02x", *at++);
		} else {
			memcpy(end, at, length);
			end += length;
			at += length;
		}
	}
	*end = '\0';
	return plain;
}

json_t *text_json(const char *text)
{
	if (!text)
		return json_null();
	json_t *string = json_string(text); /* NULL: not UTF-8 */
	char *whole = string ? NULL : malloc(3 * strlen(text) + 1), *end = whole;
	if (!whole)
		return string;
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		size_t length = character(at);
		memcpy(end, length ? (const char *)at : REPLACEMENT, length ? length : 3);
		end += length ? length : 3;
		at += length ? length : 1;
	}
	*end = '\0';
	string = json_string(whole);
	free(whole);
	return string;
}

json_t *text_json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}
