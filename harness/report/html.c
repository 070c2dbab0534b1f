/* HTML: see the header. */
#include "harness/report/html.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

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
		return byte < 0x20 && byte != '\t' && byte != '\n' ? " " : byte == 0x7f ? " " : NULL;
	}
}

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

void html_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t length = character(at);
		const char *instead = length ? entity(*at) : "\xef\xbf\xbd";
		if (instead)
			fputs(instead, out);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
}

void html_format(FILE *out, const char *format, ...)
{
	char text[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	html_text(out, text);
}
