/* Configuration: what is read, and each way to refuse a file, word for word and with its line. */
#include "lib/base/conf.c"
#include "tests/unit/check.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static struct conf *good(const char *text)
{
	char *error = NULL;
	struct conf *conf = conf_parse("t.yaml", text, strlen(text), &error);
	if (error)
		print_error("%s\n", error);
	assert_null(error);
	assert_non_null(conf);
	return conf;
}

static void refused_bytes(const char *text, size_t length, const char *expected)
{
	char *error = NULL;
	assert_null(conf_parse("t.yaml", text, length, &error));
	assert_string_equal(error, expected);
	free(error);
	/* Who wants no line gets none. */
	assert_null(conf_parse("t.yaml", text, length, NULL));
}

static void refused(const char *text, const char *expected)
{
	refused_bytes(text, strlen(text), expected);
}

static void tree(void **state)
{
	struct conf *conf = good("# comment\n"
				 "name: x\n"
				 "list:\n"
				 "  - 1\n"
				 "  - \"two\"\n"
				 "\n"
				 "map: {a: 1, b: [2, 3]}\n"
				 "text: |\n"
				 "  first\n"
				 "  second\n"
				 "empty:\n"
				 "quoted: ''\n");
	const struct conf_node *root = conf_root(conf), *one;
	(void)state;
	assert_int_equal(root->type, CONF_MAPPING);
	assert_int_equal(root->children, 6);
	assert_null(root->parent);
	assert_null(root->key);
	one = conf_child(root, "name");
	assert_string_equal(one->value, "x");
	assert_string_equal(one->file, "t.yaml");
	assert_int_equal(one->line, 2);
	assert_true(one->plain);
	assert_ptr_equal(one->parent, root);
	one = conf_child(root, "list");
	assert_int_equal(one->type, CONF_SEQUENCE);
	assert_int_equal(one->key_line, 3);
	assert_int_equal(one->line, 4);
	assert_int_equal(one->children, 2);
	one = conf_first(one)->next;
	assert_string_equal(one->value, "two");
	assert_false(one->plain);
	assert_int_equal(one->line, 5);
	assert_int_equal(one->key_line, 0);
	assert_null(one->key);
	assert_null(one->next);
	one = conf_child(conf_child(root, "map"), "b");
	assert_int_equal(one->key_line, 7);
	assert_string_equal(conf_first(one)->next->value, "3");
	assert_string_equal(conf_child(root, "text")->value, "first\nsecond\n");
	assert_int_equal(conf_child(root, "text")->key_line, 8);
	assert_string_equal(conf_child(root, "empty")->value, "");
	assert_true(conf_child(root, "empty")->plain);
	assert_false(conf_child(root, "quoted")->plain);
	/* What is not there. */
	assert_null(conf_child(root, "nam"));
	assert_null(conf_child(NULL, "name"));
	assert_null(conf_child(conf_child(root, "name"), "name"));
	assert_null(conf_child(conf_child(root, "list"), "1"));
	assert_null(conf_first(NULL));
	assert_null(conf_first(conf_child(root, "name")));
	conf_free(conf);
	conf_free(NULL);
}

static void empty_is_a_mapping(void **state)
{
	static const char *const texts[] = {
		"", "\n\n", "# only this\n", "---\n", "---\n...\n", "\xef\xbb\xbf"};
	const char *const keys[] = {"a", NULL};
	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		struct conf *conf = good(texts[i]);
		assert_int_equal(conf_root(conf)->type, CONF_MAPPING);
		assert_int_equal(conf_root(conf)->children, 0);
		assert_int_equal(conf_root(conf)->line, 1);
		assert_int_equal(conf_only(conf_root(conf), keys, NULL), 0);
		conf_free(conf);
	}
	struct conf *conf = good("''"); /* said, and empty: no mapping */
	assert_int_equal(conf_root(conf)->type, CONF_SCALAR);
	conf_free(conf);
}

static void not_yaml(void **state)
{
	(void)state;
	refused("a: 1\nb: [1, 2\nc: 3\n", "t.yaml:3: this is not YAML: did not find expected ',' or ']'");
	refused("a: 1\n\tb: 2\n",
		"t.yaml:2: this is not YAML: found a tab character that violates indentation");
	refused("a: \"no end\n", "t.yaml:2: this is not YAML: found unexpected end of stream");
	refused("a: 1\n b: 2\n",
		"t.yaml:2: this is not YAML: mapping values are not allowed in this context");
	refused("}", "t.yaml:1: this is not YAML: did not find expected node content");
	/* A byte that is no UTF-8 is found while reading ahead; its line is told all the same. */
	refused("a: 1\nb: 2\nc: \xff\n", "t.yaml:3: this is not YAML: invalid leading UTF-8 octet");
	refused("\xff\n", "t.yaml:1: this is not YAML: invalid leading UTF-8 octet");
	refused("a: 1\n\x01\n", "t.yaml:2: this is not YAML: control characters are not allowed");
	refused_bytes("a: 1\nb: 2\0\n", 11, "t.yaml:2: this is not YAML: control characters are not allowed");
}

static void duplicate_keys(void **state)
{
	(void)state;
	refused("a: 1\nb: 2\na: 3\n", "t.yaml:3: `a` again; it stands in line 1 already");
	refused("a: 1\nx:\n  b: 1\n  c: 2\n  \"b\": 3\n", "t.yaml:5: `b` again; it stands in line 3 already");
	refused("a: {b: 1,\n b: 2}\n", "t.yaml:2: `b` again; it stands in line 1 already");
	/* The first one in the file is told, and of three the second. */
	refused("z: 1\nz: 2\na: 1\na: 2\nz: 3\n", "t.yaml:2: `z` again; it stands in line 1 already");
	/* The line stays one line. */
	refused("\"a\\nb\": 1\n", "t.yaml:1: a key that is not plain text; write KEY: VALUE");
	/* The same key in two mappings is none. */
	conf_free(good("a: {k: 1}\nb: {k: 2}\nk: [{k: 1}, {k: 2}]\n"));
}

static void keys_that_are_none(void **state)
{
	(void)state;
	refused("a: 1\n? [b, c]\n: 2\n", "t.yaml:2: a key that is not plain text; write KEY: VALUE");
	refused("a: 1\n{b: c}: 2\n", "t.yaml:2: a key that is not plain text; write KEY: VALUE");
	refused("? {b: c}\n: 2\n", "t.yaml:1: a key that is not plain text; write KEY: VALUE");
	refused("\"a\\0b\": 1\n", "t.yaml:1: a key that is not plain text; write KEY: VALUE");
	refused("a: &x 1\n*x : 2\n", "t.yaml:1: anchors and tags have no meaning here; write the value out");
	refused("a: 1\n!!str b: 2\n", "t.yaml:2: a key that is not plain text; write KEY: VALUE");
	refused("a: 1\n&x b: 2\n", "t.yaml:2: a key that is not plain text; write KEY: VALUE");
	refused("a: 1\n*x : 2\n", "t.yaml:2: a key that is not plain text; write KEY: VALUE");
}

static void aliases_anchors_and_tags(void **state)
{
	static const char anchor[] = "anchors and tags have no meaning here; write the value out";
	static const struct {
		const char *text;
		int line;
	} cases[] = {{"a: 1\nb: &x {c: 1}\n", 2}, {"a: &x [1]\n", 1}, {"a: &x 1\n", 1},
		{"\n\na: !!str 1\n", 3}, {"a: !x {}\n", 1}, {"a: !!seq []\n", 1}, {"- !!set {b}\n", 1},
		{"a: ! 1\n", 1}};
	char expected[128];
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		snprintf(expected, sizeof expected, "t.yaml:%d: %s", cases[i].line, anchor);
		refused(cases[i].text, expected);
	}
	refused("a: 1\nb: *x\n", "t.yaml:2: aliases have no meaning here; write the value out");
	refused("- *x\n", "t.yaml:1: aliases have no meaning here; write the value out");
	refused("a: 1\n<<: *x\n", "t.yaml:2: aliases have no meaning here; write the value out");
	/* A laugh at a billion starts with an anchor. */
	refused("a: &a [x, x]\nb: &b [*a, *a]\n",
		"t.yaml:1: anchors and tags have no meaning here; write the value out");
}

static void other_refusals(void **state)
{
	(void)state;
	refused("a: 1\n---\nb: 2\n", "t.yaml:3: a second document; keep one in a file");
	refused("a: 1\nb: \"x\\0y\"\n", "t.yaml:2: a NUL byte in a value; leave it out");
	/* What a terminal would obey: escapes, C1, DEL; what shows in another order than it is read. */
	static const char *const controls[] = {
		"\\e[31m", "\\x9b31m", "\\x7f", "\\b", "\\r", "\\x07", "\\u202e", "\\u2066"};
	for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
		char text[64];
		snprintf(text, sizeof text, "a: 1\nb: \"x%sy\"\n", controls[i]);
		refused(text, "t.yaml:2: a control character in a value; leave it out");
		snprintf(text, sizeof text, "a: 1\n\"x%sy\": 1\n", controls[i]);
		refused(text, "t.yaml:2: a key that is not plain text; write KEY: VALUE");
	}
	refused("{\n", "t.yaml:2: this is not YAML: did not find expected node content");
}

/* A mapping in line `depth` at that depth, the root at 0. */
static char *nested(int depth)
{
	size_t size = 1;
	char *text = calloc(1, (size_t)(depth + 2) * (size_t)(depth + 8));
	for (int i = 0; i < depth; i++)
		size += (size_t)sprintf(text + size - 1, "%*sa:\n", i, "");
	sprintf(text + size - 1, "%*s- 1\n", depth, "");
	return text;
}

static void depth(void **state)
{
	static char brackets[200001];
	char *text = nested(62);
	(void)state;
	struct conf *conf = good(text);
	const struct conf_node *node = conf_root(conf);
	int levels = 0;
	for (; conf_first(node); node = conf_first(node))
		levels++;
	assert_int_equal(levels, 63);
	conf_free(conf);
	free(text);
	text = nested(63); /* the scalar is at 64 */
	conf_free(good(text));
	free(text);
	text = nested(64);
	refused(text, "t.yaml:65: nested deeper than 64 levels; no configuration is");
	free(text);
	/* A hundred thousand brackets cost no stack and no time. */
	memset(brackets, '[', sizeof brackets - 1);
	refused(brackets, "t.yaml:1: nested deeper than 64 levels; no configuration is");
	for (size_t i = 0; i < 200000; i += 2)
		memcpy(brackets + i, "- ", 2);
	refused(brackets, "t.yaml:1: nested deeper than 64 levels; no configuration is");
}

static void sizes(void **state)
{
	size_t room = SIZE_MAX_BYTES + 1, used = 0;
	char *text = malloc(room), *error = NULL;
	(void)state;
	memset(text, '#', room);
	assert_null(conf_parse("t.yaml", text, room, &error));
	assert_string_equal(error, "t.yaml: larger than 16 MiB; no configuration is");
	free(error);
	for (int i = 0; i <= NODES_MAX; i++)
		used += (size_t)sprintf(text + used, "- 1\n");
	/* The list itself is one value of the million. */
	refused_bytes(text, used, "t.yaml:1000000: more than a million values; no configuration has");
	/* A hundred thousand keys are looked through for twins in no time worth a name. */
	used = 0;
	for (int i = 0; i < 100000; i++)
		used += (size_t)sprintf(text + used, "key%d: 1\n", i);
	used += (size_t)sprintf(text + used, "key50000: 2\n");
	refused_bytes(text, used, "t.yaml:100001: `key50000` again; it stands in line 50001 already");
	free(text);
}

static void loading(void **state)
{
	char folder[] = "/tmp/test-conf-XXXXXX", path[64], expected[128], *error = NULL;
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/c.yaml", folder);
	assert_null(conf_load(path, &error));
	snprintf(expected, sizeof expected, "%s: No such file or directory", path);
	assert_string_equal(error, expected);
	FILE *file = fopen(path, "w");
	fputs("a: 1\nb: 2\n", file);
	fclose(file);
	struct conf *conf = conf_load(path, NULL);
	assert_non_null(conf);
	assert_string_equal(conf_root(conf)->file, path);
	assert_string_equal(conf_child(conf_root(conf), "b")->value, "2");
	conf_free(conf);
	file = fopen(path, "w");
	fputs("a: 1\na: 2\n", file);
	fclose(file);
	assert_null(conf_load(path, &error));
	snprintf(expected, sizeof expected, "%s:2: `a` again; it stands in line 1 already", path);
	assert_string_equal(error, expected);
	/* Too large, told without reading it. */
	assert_int_equal(truncate(path, (off_t)SIZE_MAX_BYTES + 1), 0);
	assert_null(conf_load(path, &error));
	snprintf(expected, sizeof expected, "%s: not a file, or larger than 16 MiB", path);
	assert_string_equal(error, expected);
	assert_int_equal(unlink(path), 0);
	/* A FIFO that nobody writes to is not waited for. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(conf_load(path, &error));
	assert_string_equal(error, expected);
	assert_int_equal(unlink(path), 0);
	assert_null(conf_load(folder, &error));
	snprintf(expected, sizeof expected, "%s: not a file, or larger than 16 MiB", folder);
	assert_string_equal(error, expected);
	assert_int_equal(rmdir(folder), 0);
	free(error);
}

static void unknown_keys(void **state)
{
	static const char *const keys[] = {"listen", "idle-timeout", "mappings", "log", NULL};
	static const struct {
		const char *text, *said;
	} cases[] = {{"log: 1\nlisten: 2\nmapings: 1\n",
			     "t.yaml:3: unknown key `mapings`; did you mean `mappings`?"},
		{"idle_timeout: 1\n", "t.yaml:1: unknown key `idle_timeout`; did you mean `idle-timeout`?"},
		{"lisetn: 1\n", "t.yaml:1: unknown key `lisetn`; did you mean `listen`?"},
		{"Log: 1\n", "t.yaml:1: unknown key `Log`; did you mean `log`?"},
		{"\nverbosity: 1\n",
			"t.yaml:2: unknown key `verbosity`; known here: listen, idle-timeout, mappings, log"},
		{"x: 1\n", "t.yaml:1: unknown key `x`; known here: listen, idle-timeout, mappings, log"},
		{"'': 1\n", "t.yaml:1: unknown key ``; known here: listen, idle-timeout, mappings, log"},
		{"\"lis ten\": 1\n", "t.yaml:1: unknown key `lis ten`; did you mean `listen`?"},
		{"[listen]\n", "t.yaml:1: this should be a mapping {KEY: VALUE}, not a list [...]"},
		{"listen\n", "t.yaml:1: this should be a mapping {KEY: VALUE}, not a value"}};
	char *error = NULL, long_key[200];
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct conf *conf = good(cases[i].text);
		assert_int_equal(conf_only(conf_root(conf), keys, &error), -1);
		assert_string_equal(error, cases[i].said);
		conf_free(conf);
	}
	struct conf *conf = good("log: 1\nmappings: {}\nlisten:\n");
	free(error);
	error = NULL;
	assert_int_equal(conf_only(conf_root(conf), keys, &error), 0);
	/* `listen:` with nothing behind it is an empty mapping. */
	assert_int_equal(conf_only(conf_child(conf_root(conf), "listen"), keys, &error), 0);
	assert_int_equal(conf_only(conf_child(conf_root(conf), "log"), keys, &error), -1);
	assert_string_equal(error, "t.yaml:1: `log` should be a mapping {KEY: VALUE}, not a value");
	conf_free(conf);
	/* Names of any length: no suggestion, no overrun. */
	memset(long_key, 'k', sizeof long_key);
	memcpy(long_key + 150, ": 1\n", 5);
	conf = good(long_key);
	long_key[150] = 0;
	const char *const long_keys[] = {long_key + 1, long_key + 20, long_key + 3, long_key + 5,
		long_key + 6, long_key + 7, long_key + 8, long_key + 9, NULL};
	assert_int_equal(conf_only(conf_root(conf), long_keys, &error), -1);
	assert_non_null(strstr(error, "known here: kkk"));
	conf_free(conf);
	free(error);
}

static void expectations(void **state)
{
	struct conf *conf = good("v: 1\nl: [x]\nm:\n  n: 2\n");
	const struct conf_node *root = conf_root(conf);
	char *error = NULL;
	(void)state;
	assert_int_equal(conf_expect(conf_child(root, "v"), CONF_SCALAR, &error), 0);
	assert_int_equal(conf_expect(conf_child(root, "v"), CONF_SEQUENCE, &error), -1);
	assert_string_equal(error, "t.yaml:1: `v` should be a list [...], not a value");
	assert_int_equal(conf_expect(conf_child(root, "m"), CONF_SCALAR, &error), -1);
	assert_string_equal(error, "t.yaml:3: `m` should be a value, not a mapping {KEY: VALUE}");
	assert_int_equal(conf_expect(conf_first(conf_child(root, "l")), CONF_MAPPING, &error), -1);
	assert_string_equal(error, "t.yaml:2: this should be a mapping {KEY: VALUE}, not a value");
	assert_int_equal(
		conf_error(conf_child(conf_child(root, "m"), "n"), &error, "%d of %s", 3, "four"), -1);
	assert_string_equal(error, "t.yaml:4: 3 of four");
	free(error);
	assert_int_equal(conf_error(root, NULL, "unheard"), -1);
	conf_free(conf);
}

static const char values[] = "text: hello\n"    /* 1 */
			     "empty:\n"         /* 2 */
			     "quoted: ''\n"     /* 3 */
			     "list: [1]\n"      /* 4 */
			     "whole: 5\n"       /* 5 */
			     "real: 2.5e-3\n"   /* 6 */
			     "yes: true\n"      /* 7 */
			     "no: false\n"      /* 8 */
			     "maybe: yes\n"     /* 9 */
			     "rate: 10Mbit/s\n" /* 10 */
			     "time: 5ms\n"      /* 11 */
			     "share: 0.5 %\n"   /* 12 */
			     "bad: much\n"      /* 13 */
			     "inner: {x: 1}\n"; /* 14 */

/* Calls one of the typed functions for a key: the rest as given. The error of a refusal is compared. */
#define READS(call, expected)                                                                                \
	do {                                                                                                 \
		assert_int_equal(call, 0);                                                                   \
		assert_null(error);                                                                          \
		assert_true(expected);                                                                       \
	} while (0)
#define REFUSES(call, said)                                                                                  \
	do {                                                                                                 \
		assert_int_equal(call, -1);                                                                  \
		assert_string_equal(error, said);                                                            \
		free(error);                                                                                 \
		error = NULL;                                                                                \
	} while (0)

static void strings(void **state)
{
	struct conf *conf = good(values);
	const struct conf_node *root = conf_root(conf);
	const char *s = NULL;
	char *error = NULL;
	(void)state;
	READS(conf_string(root, "text", "other", &s, &error), strcmp(s, "hello") == 0);
	READS(conf_string(root, "absent", "other", &s, &error), strcmp(s, "other") == 0);
	READS(conf_string(root, "absent", NULL, &s, &error), s == NULL);
	READS(conf_string(root, "quoted", "other", &s, &error), *s == 0);
	READS(conf_string(NULL, "text", "other", &s, &error), strcmp(s, "other") == 0);
	REFUSES(conf_string(root, "empty", "other", &s, &error), "t.yaml:2: `empty` has no value");
	REFUSES(conf_string(root, "list", "other", &s, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	READS(conf_need_string(root, "text", &s, &error), strcmp(s, "hello") == 0);
	REFUSES(conf_need_string(root, "absent", &s, &error),
		"t.yaml:1: `absent` is missing; add `absent: ...`");
	REFUSES(conf_need_string(conf_child(root, "inner"), "absent", &s, &error),
		"t.yaml:14: `absent` is missing; add `absent: ...`");
	REFUSES(conf_need_string(root, "empty", &s, &error), "t.yaml:2: `empty` has no value");
	assert_string_equal(s, "hello"); /* a refusal leaves what was there */
	conf_free(conf);
}

/* Names of files go into OpenVPN's options in double quotes. */
static void files(void **state)
{
	struct conf *conf = good("good: /dev/null\n"
				 "missing: /nowhere/file\n"
				 "quoted: '/dev/\"null'\n"
				 "backslash: '/dev/null\\'\n"
				 "lines: \"/dev/null\\nscript-security 2\"\n"
				 "list: [/dev/null, 'a\"b', [x]]\n");
	const struct conf_node *root = conf_root(conf), *item = conf_first(conf_child(root, "list"));
	const char *path = NULL;
	char *error = NULL;
	(void)state;
	READS(conf_need_file(root, "good", &path, &error), strcmp(path, "/dev/null") == 0);
	REFUSES(conf_need_file(root, "absent", &path, &error),
		"t.yaml:1: `absent` is missing; add `absent: ...`");
	REFUSES(conf_need_file(root, "missing", &path, &error),
		"t.yaml:2: missing: cannot read /nowhere/file: No such file or directory; make the file first");
	REFUSES(conf_need_file(root, "quoted", &path, &error),
		"t.yaml:3: quoted: the file's name has a quote, backslash or end of line in it; rename the file");
	REFUSES(conf_need_file(root, "backslash", &path, &error),
		"t.yaml:4: backslash: the file's name has a quote, backslash or end of line in it; rename the file");
	REFUSES(conf_need_file(root, "lines", &path, &error),
		"t.yaml:5: lines: the file's name has a quote, backslash or end of line in it; rename the file");
	assert_string_equal(path, "/dev/null"); /* a refusal leaves what was there */
	READS(conf_check_file(item, &error), true);
	REFUSES(conf_check_file(item->next, &error),
		"t.yaml:6: the file's name has a quote, backslash or end of line in it; rename the file");
	REFUSES(conf_check_file(item->next->next, &error),
		"t.yaml:6: this should be a value, not a list [...]");
	conf_free(conf);
}

static void numbers(void **state)
{
	struct conf *conf = good(values);
	const struct conf_node *root = conf_root(conf);
	int64_t i = 42;
	double d = 42;
	bool b;
	char *error = NULL;
	(void)state;
	READS(conf_integer(root, "whole", 5, 5, 1, &i, &error), i == 5);
	READS(conf_integer(root, "absent", 5, 9, 1, &i, &error), i == 1);
	REFUSES(conf_integer(root, "whole", 6, 9, 1, &i, &error),
		"t.yaml:5: `whole: 5` is no whole number from 6 to 9");
	REFUSES(conf_integer(root, "whole", -9, 4, 1, &i, &error),
		"t.yaml:5: `whole: 5` is no whole number from -9 to 4");
	REFUSES(conf_integer(root, "real", 0, 9, 1, &i, &error),
		"t.yaml:6: `real: 2.5e-3` is no whole number from 0 to 9");
	REFUSES(conf_integer(root, "empty", 0, 9, 1, &i, &error),
		"t.yaml:2: `empty: ` is no whole number from 0 to 9");
	REFUSES(conf_integer(root, "list", 0, 9, 1, &i, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	assert_int_equal(i, 1);
	READS(conf_number(root, "real", 0, 1, 1, &d, &error), d == 2.5e-3);
	READS(conf_number(root, "absent", 0, 1, 7, &d, &error), d == 7);
	REFUSES(conf_number(root, "real", 0.5, 1, 1, &d, &error),
		"t.yaml:6: `real: 2.5e-3` is no number from 0.5 to 1");
	REFUSES(conf_number(root, "bad", 0, 1, 1, &d, &error),
		"t.yaml:13: `bad: much` is no number from 0 to 1");
	REFUSES(conf_number(root, "inner", 0, 1, 1, &d, &error),
		"t.yaml:14: `inner` should be a value, not a mapping {KEY: VALUE}");
	READS(conf_bool(root, "yes", false, &b, &error), b);
	READS(conf_bool(root, "no", true, &b, &error), !b);
	READS(conf_bool(root, "absent", true, &b, &error), b);
	REFUSES(conf_bool(root, "maybe", false, &b, &error), "t.yaml:9: `maybe: yes`; write true or false");
	REFUSES(conf_bool(root, "empty", false, &b, &error), "t.yaml:2: `empty: `; write true or false");
	REFUSES(conf_bool(root, "list", false, &b, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	conf_free(conf);
}

static void quantities(void **state)
{
	struct conf *conf = good(values);
	const struct conf_node *root = conf_root(conf);
	uint64_t u = 42;
	int64_t i = 42;
	double d = 42;
	char *error = NULL;
	(void)state;
	READS(conf_rate(root, "rate", 1, 10000000, 7, &u, &error), u == 10000000);
	READS(conf_rate(root, "absent", 1, 2, 7, &u, &error), u == 7);
	REFUSES(conf_rate(root, "bad", 0, 9, 7, &u, &error),
		"t.yaml:13: `bad: much` is no rate; write 10Mbit/s, 300kbit/s or the like");
	REFUSES(conf_rate(root, "rate", 1, 9999999, 7, &u, &error),
		"t.yaml:10: `rate: 10Mbit/s` is out of range; it goes from 1 to 9999999 bit/s");
	REFUSES(conf_rate(root, "list", 0, 9, 7, &u, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	READS(conf_duration(root, "time", 0, 5000000, 7, &i, &error), i == 5000000);
	READS(conf_duration(root, "absent", 0, 1, 7, &i, &error), i == 7);
	REFUSES(conf_duration(root, "whole", 0, 9, 7, &i, &error),
		"t.yaml:5: `whole: 5` is no duration; write 5ms, 2.3s, 250us or the like");
	REFUSES(conf_duration(root, "time", 10000000, 2500000000, 7, &i, &error),
		"t.yaml:11: `time: 5ms` is out of range; it goes from 0.01 s to 2.5 s");
	REFUSES(conf_duration(root, "list", 0, 9, 7, &i, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	READS(conf_fraction(root, "share", 1, &d, &error), d == 0.005);
	READS(conf_fraction(root, "absent", 0.25, &d, &error), d == 0.25);
	REFUSES(conf_fraction(root, "whole", 1, &d, &error),
		"t.yaml:5: `whole: 5` is no share; write per cent, as in 0.5% (from 0% to 100%)");
	REFUSES(conf_fraction(root, "list", 1, &d, &error),
		"t.yaml:4: `list` should be a value, not a list [...]");
	assert_true(u == 7 && i == 7 && d == 0.25);
	conf_free(conf);
}

static void sizes_in_bytes(void **state)
{
	struct conf *conf = good("memory: 64KiB\nwrong: lots\nlist: [1]\n");
	const struct conf_node *root = conf_root(conf);
	uint64_t u = 42;
	char *error = NULL;
	(void)state;
	READS(conf_size(root, "memory", 1, 65536, 7, &u, &error), u == 65536);
	READS(conf_size(root, "absent", 100, 200, 7, &u, &error), u == 7);
	REFUSES(conf_size(root, "memory", 1, 65535, 9, &u, &error),
		"t.yaml:1: `memory: 64KiB` is out of range; it goes from 1 to 65535 bytes");
	REFUSES(conf_size(root, "wrong", 1, 2, 9, &u, &error),
		"t.yaml:2: `wrong: lots` is no size; write bytes, as in 150000, 64KiB or 4MiB");
	REFUSES(conf_size(root, "list", 1, 2, 9, &u, &error),
		"t.yaml:3: `list` should be a value, not a list [...]");
	assert_true(u == 7);
	conf_free(conf);
}

static void words(void **state)
{
	static const char *const one[] = {"red", NULL}, *const two[] = {"red", "green", NULL},
				 *const three[] = {"red", "green", "blue", NULL};
	struct conf *conf = good("colour: blue\nlist: [1]\n");
	const struct conf_node *root = conf_root(conf);
	int word = 42;
	char *error = NULL;
	(void)state;
	READS(conf_word(root, "colour", three, 0, &word, &error), word == 2);
	READS(conf_word(root, "absent", three, 1, &word, &error), word == 1);
	READS(conf_need_word(root, "colour", three, &word, &error), word == 2);
	REFUSES(conf_need_word(root, "absent", three, &word, &error),
		"t.yaml:1: `absent` is missing; add `absent: ...`");
	REFUSES(conf_word(root, "colour", two, 0, &word, &error),
		"t.yaml:1: `colour: blue` is not known; write red or green");
	REFUSES(conf_word(root, "colour", one, 0, &word, &error),
		"t.yaml:1: `colour: blue` is not known; write red");
	REFUSES(conf_word(root, "list", three, 0, &word, &error),
		"t.yaml:2: `list` should be a value, not a list [...]");
	assert_int_equal(word, 2);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tree), cmocka_unit_test(empty_is_a_mapping),
		cmocka_unit_test(not_yaml), cmocka_unit_test(duplicate_keys),
		cmocka_unit_test(keys_that_are_none), cmocka_unit_test(aliases_anchors_and_tags),
		cmocka_unit_test(other_refusals), cmocka_unit_test(depth), cmocka_unit_test(sizes),
		cmocka_unit_test(loading), cmocka_unit_test(unknown_keys), cmocka_unit_test(expectations),
		cmocka_unit_test(strings), cmocka_unit_test(files), cmocka_unit_test(numbers),
		cmocka_unit_test(quantities), cmocka_unit_test(sizes_in_bytes), cmocka_unit_test(words)};
	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
