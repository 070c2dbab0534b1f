/* Texts on their way out: to HTML, CSV, a terminal, JSON. */
#include "harness/page/table.h"
#include "harness/page/text.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char *written(void (*put)(FILE *, const char *), const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	put(file, text);
	fclose(file);
	return out;
}

static void check_all(void (*put)(FILE *, const char *), const char *const (*cases)[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text = written(put, cases[i][0]);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

static void html(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"a < b & c > \"d\" 'e'", "a &lt; b &amp; c &gt; &quot;d&quot; &#39;e&#39;"},
		{"tab\tline\nbell\a delete\x7f", "tab\tline\nbell  delete "},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		/* RFC 3629: overlong, surrogate, beyond U+10FFFF, cut off, alone. */
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\x80x", "\xef\xbf\xbdx"},
		{"", ""},
	};
	check_all(text_html, cases, COUNT(cases));
}

/* RFC 4180; what a spreadsheet would take for a formula, or for the end of a field, stays a text. */
static void csv(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"plain text", "plain text"},
		{"a,b", "\"a,b\""},
		{"say \"so\"", "\"say \"\"so\"\"\""},
		{"two\nlines", "\"two\nlines\""},
		{"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
		{"@SUM(1)", "\"'@SUM(1)\""},
		{"-2+3", "\"'-2+3\""},
		{"+1", "\"'+1\""},
		{"\t=1+1", "\" =1+1\""},
		{"\r=1+1", "\" =1+1\""},
		{"a=1", "a=1"},
		{"bell\a escape\x1b[2J", "bell  escape [2J"},
		{"", ""},
	};
	check_all(text_csv, cases, COUNT(cases));
}

static void put_six(FILE *out, const char *number)
{
	text_csv_number(out, strcmp(number, "nan") ? strtod(number, NULL) : NAN, 6);
}

static void csv_numbers(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"nan", ","}, {"1.5", ",1.5"}, {"-0.25", ",-0.25"},
		{"0.1234567", ",0.123457"}, {"999999", ",999999"}, {"12345678.4", ",12345678"}, {"0", ",0"}};

	check_all(put_six, cases, COUNT(cases));
}

static void a_terminal_gets_no_commands(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"\x1b]0;title\a\x1b[31mred", "\\x1b]0;title\\x07\\x1b[31mred"},
		{"back\b\b\x7f", "back\\x08\\x08\\x7f"},
		{"\xc2\x9b"
		 "2J and \xc2\xa0",
			"\\xc2\\x9b2J and \xc2\xa0"}, /* CSI as one character (C1) */
		{"\x9b"
		 "2J \xff",
			"\\x9b2J \\xff"},
		{"a\nb\tc", "a b c"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = text_plain(cases[i][0]);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);
	struct table *table = table_new();
	table_column(table, "h\x1b[1m", false, false);
	table_group(table, "g\x1b[2m");
	table_row(table);
	table_cell(table, "%s", "c\x1b[3m");
	assert_int_equal(table_print(table, file, false), 0);
	assert_int_equal(table_markdown(table, file), 0);
	table_free(table);
	table_text(file, "  ", "note \x1b[4m");
	fclose(file);
	assert_null(strchr(out, '\x1b'));
	assert_non_null(strstr(out, "c\\x1b[3m"));
	assert_non_null(strstr(out, "note \\x1b[4m"));
	free(out);
}

static void json(void **state)
{
	(void)state;
	json_t *text = text_json("a\x80"
				 "b\xc3\xa9"),
	       *null = text_json(NULL), *none = text_json_number(NAN), *number = text_json_number(1.5);

	assert_string_equal(json_string_value(text), "a\xef\xbf\xbd"
						     "b\xc3\xa9");
	assert_true(json_is_null(null) && json_is_null(none));
	assert_true(json_number_value(number) == 1.5);
	json_decref(text);
	json_decref(number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html),
		cmocka_unit_test(csv),
		cmocka_unit_test(csv_numbers),
		cmocka_unit_test(a_terminal_gets_no_commands),
		cmocka_unit_test(json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
