/* Templates: the behaviour that mustache's manual and specification describe, what is ours (formats, @first, a missing
 * variable is an error), faults by their line, and the limits that make writing end. */
#include "harness/page/template.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void put_stars(FILE *out, const json_t *value, int number)
{
	if (json_is_number(value))
		fprintf(out, "*%.*f*", number, json_number_value(value));
	else
		fputs("none", out);
}

static const struct template_format formats[] = {{"stars", put_stars}, {NULL, NULL}};

/* Writes the last of some templates; *error where that fails. */
static char *write_set(
	const char *const (*texts)[2], size_t count, const char *values, size_t steps, char **error)
{
	struct template_source sources[8];
	json_t *object = json_loads(values, JSON_DECODE_ANY, NULL);
	char *text = NULL;
	size_t size;

	assert_non_null(object);
	for (size_t i = 0; i < count; i++)
		sources[i] = (struct template_source){texts[i][0], texts[i][1], strlen(texts[i][1])};
	*error = NULL;
	struct templates *set = templates_parse(sources, count, formats, error);
	FILE *out = open_memstream(&text, &size);
	int result = set ? templates_write(set, texts[count - 1][0], object, steps, out, error) : -1;
	fclose(out);
	templates_free(set);
	json_decref(object);
	assert_true((result < 0) == (*error != NULL));
	if (result == 0)
		return text;
	free(text);
	return NULL;
}

static void check_one(const char *text, const char *values, const char *expected)
{
	const char *const one[][2] = {{"page", text}};
	char *error, *written = write_set(one, 1, values, 10000, &error);

	if (!written)
		fail_msg("%s: %s", text, error);
	assert_string_equal(written, expected);
	free(written);
}

static void values(void **state)
{
	(void)state;
	check_one("Hello {{name}}!", "{\"name\": \"<you> & \\\"I\\\"\"}",
		"Hello &lt;you&gt; &amp; &quot;I&quot;!");
	check_one("{{{name}}} {{& name }} {{ name }}", "{\"name\": \"<b>\"}", "<b> <b> &lt;b&gt;");
	check_one("{{a.b.c}}", "{\"a\": {\"b\": {\"c\": 7}}}", "7");
	check_one("{{i}} {{r}} {{t}} {{f}} [{{n}}]",
		"{\"i\": -3, \"r\": 0.5, \"t\": true, \"f\": false, \"n\": null}", "-3 0.5 true false []");
	check_one("no tags { { } } }}", "{}", "no tags { { } } }}");
	check_one("a{{! nothing\nof this }}b", "{}", "ab");
	check_one("", "{}", "");
}

static void sections(void **state)
{
	(void)state;
	check_one("{{#l}}<{{n}}>{{/l}}", "{\"l\": [{\"n\": 1}, {\"n\": 2}]}", "<1><2>");
	check_one("{{#l}}({{.}}){{/l}}", "{\"l\": [1, \"b\", 2.5]}", "(1)(b)(2.5)");
	check_one("{{#l}}{{#.}}{{.}},{{/.}};{{/l}}", "{\"l\": [[1, 2], [3]]}", "1,2,;3,;");
	check_one("{{#o}}{{inner}}{{outer}}{{/o}}", "{\"o\": {\"inner\": 1}, \"outer\": 2}", "12");
	/* The nearest one counts, null or not. */
	check_one("{{#o}}[{{x}}]{{/o}}", "{\"o\": {\"x\": null}, \"x\": 2}", "[]");
	check_one("{{#s}}yes: {{.}}{{/s}}", "{\"s\": \"text\"}", "yes: text");
	check_one("{{#a.b}}{{c}}{{/a.b}}", "{\"a\": {\"b\": {\"c\": 1}}}", "1");
	static const char *const falsy[] = {"{}", "{\"x\": null}", "{\"x\": false}", "{\"x\": []}",
		"{\"x\": \"\"}", "{\"x\": 0}", "{\"x\": 0.0}"};
	static const char *const truthy[] = {"{\"x\": true}", "{\"x\": [1]}", "{\"x\": \"a\"}", "{\"x\": 1}",
		"{\"x\": {}}", "{\"x\": -0.5}"};
	for (size_t i = 0; i < COUNT(falsy); i++)
		check_one("{{#x}}in{{/x}}{{^x}}out{{/x}}", falsy[i], "out");
	for (size_t i = 0; i < COUNT(truthy); i++)
		check_one("{{#x}}in{{/x}}{{^x}}out{{/x}}", truthy[i], "in");
}

static void places_in_lists(void **state)
{
	(void)state;
	check_one("{{#l}}{{@number}}{{.}}{{^@last}}, {{/@last}}{{/l}}", "{\"l\": [\"a\", \"b\", \"c\"]}",
		"1a, 2b, 3c");
	check_one("{{#l}}{{#@first}}first {{/@first}}{{#o}}{{@number}}{{/o}} {{/l}}",
		"{\"l\": [{\"o\": {}}, {\"o\": {}}]}", "first 1 2 ");
	check_one("{{l.@count}} {{#l.@count}}some{{/l.@count}}{{^e.@count}} none{{/e.@count}}",
		"{\"l\": [1, 2], \"e\": []}", "2 some none");
	check_one("{{#l.@count}}{{.}} of {{#l}}{{@number}}{{/l}}{{/l.@count}}", "{\"l\": [7, 7]}", "2 of 12");
}

/* A tag alone on its line takes the line with it; a variable, and a tag beside anything, do not. */
static void lines(void **state)
{
	(void)state;
	check_one("| a\n  {{#x}}\n| b\n\t{{/x}} \n| c\n", "{\"x\": true}", "| a\n| b\n| c\n");
	check_one("a\r\n{{#x}}\r\nb\r\n{{/x}}\r\nc", "{\"x\": true}", "a\r\nb\r\nc");
	check_one("{{#x}}\nb\n{{/x}}", "{\"x\": true}", "b\n");
	check_one("a\n{{! comment }}\nb\n", "{}", "a\nb\n");
	check_one("a\n  {{x}}\nb\n", "{\"x\": 1}", "a\n  1\nb\n");
	check_one("{{#x}} {{/x}}\n", "{\"x\": true}", " \n");
	check_one("a {{#x}}\nb\n{{/x}} c", "{\"x\": true}", "a \nb\n c");
}

static void partials(void **state)
{
	(void)state;
	static const char *const set[][2] = {{"row", "<{{.}}{{unit}}>\n"},
		{"table", "{{#l}}\n  {{>row}}\n{{/l}}\n"}, {"page", "a {{>table}} z"}};
	char *error, *text = write_set(set, COUNT(set), "{\"l\": [1, 2], \"unit\": \"s\"}", 100, &error);

	assert_string_equal(text, "a <1s>\n<2s>\n z");
	free(text);
}

static void formatted(void **state)
{
	(void)state;
	check_one("{{x|stars 2}} {{x|stars digits}} {{ x | stars }} {{n|stars 1}}",
		"{\"x\": 1.256, \"digits\": 1, \"n\": null}", "*1.26* *1.3* *1* none");
}

static void refused_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"a\n\n{{b", "page:3: a tag does not end"},
		{"{{{b}}", "page:1: a tag does not end"},
		{"{{}}", "page:1: a tag without a name"},
		{"{{#}}{{/}}", "page:1: a tag without a name"},
		{"{{a b}}", "page:1: more than a name in the tag of a"},
		{"\n{{#a}}\n{{/b}}", "page:3: another section is open, not b"},
		{"{{/a}}", "page:1: no section to end: a"},
		{"\n{{#a}}", "page:2: a section does not end: a"},
		{"{{>other}}", "page:1: no template before this one is other"},
		{"{{>page}}", "page:1: no template before this one is page"},
		{"{{a|}}", "page:1: a format is named after |"},
		{"{{a|none}}", "page:1: no format none"},
		{"{{a|stars 1 2}}", "page:1: more than a name in the tag of a"},
		{"x\n{{missing}}", "page:2: there is no `missing`"},
		{"{{a.missing}}", "page:1: there is no `a.missing`"},
		{"{{list}}", "page:1: no text or number is `list`"},
		{"{{a|stars list}}", "page:1: the format has no number for `a`"},
		{"{{@first}}", "page:1: there is no `@first`"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const one[][2] = {{"page", cases[i].text}};
		char *error, *text = write_set(one, 1, "{\"a\": 1, \"list\": [1]}", 100, &error);
		assert_null(text);
		assert_string_equal(error, cases[i].error);
		free(error);
	}
}

static void writing_ends(void **state)
{
	(void)state;
	char text[2048] = "";
	char *error;

	/* Ten sections over a list of ten in each other: 10^10 items. */
	for (int i = 0; i < 10; i++)
		strcat(text, "{{#l}}");
	strcat(text, "x");
	for (int i = 0; i < 10; i++)
		strcat(text, "{{/l}}");
	const char *const bomb[][2] = {{"page", text}};
	assert_null(write_set(bomb, 1, "{\"l\": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}", 100000, &error));
	assert_string_equal(error, "page:1: the page has no end");
	free(error);
	*text = '\0';
	for (int i = 0; i <= TEMPLATE_DEPTH; i++)
		strcat(text, "{{#l}}");
	const char *const deep[][2] = {{"page", text}};
	assert_null(write_set(deep, 1, "{}", 100, &error));
	assert_string_equal(error, "page:1: sections too deep in each other");
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(sections),
		cmocka_unit_test(places_in_lists),
		cmocka_unit_test(lines),
		cmocka_unit_test(partials),
		cmocka_unit_test(formatted),
		cmocka_unit_test(refused_with_its_line),
		cmocka_unit_test(writing_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
