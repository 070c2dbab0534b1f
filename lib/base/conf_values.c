/* Configuration: the typed values of a mapping's keys, each with its range and what to write instead. */
#include "lib/base/conf.h"
#include "lib/base/error.h"

#include "lib/base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The scalar under a key: 1 there, 0 absent, -1 error. */
static int scalar(const struct conf_node *map, const char *key, const struct conf_node **node, char **error)
{
	*node = conf_child(map, key);
	if (!*node)
		return 0;
	return conf_expect(*node, CONF_SCALAR, error) < 0 ? -1 : 1;
}

int conf_string(
	const struct conf_node *map, const char *key, const char *fallback, const char **out, char **error)
{
	const struct conf_node *node;
	int there = scalar(map, key, &node, error);
	if (there < 0)
		return -1;
	if (there && !*node->value && node->plain)
		return conf_error(node, error, "`%s` has no value", key);
	*out = there ? node->value : fallback;
	return 0;
}

static int need(const struct conf_node *map, const char *key, char **error)
{
	if (conf_child(map, key))
		return 0;
	return conf_error(map, error, "`%s` is missing; add `%s: ...`", key, key);
}

int conf_need_string(const struct conf_node *map, const char *key, const char **out, char **error)
{
	return need(map, key, error) < 0 ? -1 : conf_string(map, key, NULL, out, error);
}

int conf_integer(const struct conf_node *map, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *out, char **error)
{
	const struct conf_node *node;
	int64_t value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && (unit_integer(node->value, &value) < 0 || value < min || value > max))
		return conf_error(node, error, "`%s: %s` is no whole number from %" PRId64 " to %" PRId64,
			key, node->value, min, max);
	if (there >= 0)
		*out = value;
	return there < 0 ? -1 : 0;
}

int conf_number(const struct conf_node *map, const char *key, double min, double max, double fallback,
	double *out, char **error)
{
	const struct conf_node *node;
	double value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && (unit_number(node->value, &value) < 0 || !(value >= min && value <= max)))
		return conf_error(
			node, error, "`%s: %s` is no number from %g to %g", key, node->value, min, max);
	if (there >= 0)
		*out = value;
	return there < 0 ? -1 : 0;
}

int conf_bool(const struct conf_node *map, const char *key, bool fallback, bool *out, char **error)
{
	const struct conf_node *node;
	int there = scalar(map, key, &node, error);
	if (there < 0)
		return -1;
	bool yes = there && strcmp(node->value, "true") == 0;
	if (there && !yes && strcmp(node->value, "false") != 0)
		return conf_error(node, error, "`%s: %s`; write true or false", key, node->value);
	*out = there ? yes : fallback;
	return 0;
}

int conf_rate(const struct conf_node *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback,
	uint64_t *bps, char **error)
{
	const struct conf_node *node;
	uint64_t value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && unit_rate(node->value, &value) < 0)
		return conf_error(node, error, "`%s: %s` is no rate; write 10Mbit/s, 300kbit/s or the like",
			key, node->value);
	if (there > 0 && (value < min || value > max))
		return conf_error(node, error,
			"`%s: %s` is out of range; it goes from %" PRIu64 " to %" PRIu64 " bit/s", key,
			node->value, min, max);
	if (there >= 0)
		*bps = value;
	return there < 0 ? -1 : 0;
}

int conf_duration(const struct conf_node *map, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *ns, char **error)
{
	const struct conf_node *node;
	int64_t value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && unit_duration(node->value, &value) < 0)
		return conf_error(node, error, "`%s: %s` is no duration; write 5ms, 2.3s, 250us or the like",
			key, node->value);
	if (there > 0 && (value < min || value > max))
		return conf_error(node, error, "`%s: %s` is out of range; it goes from %g s to %g s", key,
			node->value, (double)min / 1e9, (double)max / 1e9);
	if (there >= 0)
		*ns = value;
	return there < 0 ? -1 : 0;
}

int conf_fraction(const struct conf_node *map, const char *key, double fallback, double *out, char **error)
{
	const struct conf_node *node;
	double value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && unit_fraction(node->value, &value) < 0)
		return conf_error(node, error,
			"`%s: %s` is no share; write per cent, as in 0.5%% (from 0%% to 100%%)", key,
			node->value);
	if (there >= 0)
		*out = value;
	return there < 0 ? -1 : 0;
}

int conf_size(const struct conf_node *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback,
	uint64_t *bytes, char **error)
{
	const struct conf_node *node;
	uint64_t value = fallback;
	int there = scalar(map, key, &node, error);
	if (there > 0 && unit_size(node->value, &value) < 0)
		return conf_error(node, error,
			"`%s: %s` is no size; write bytes, as in 150000, 64KiB or 4MiB", key, node->value);
	if (there > 0 && (value < min || value > max))
		return conf_error(node, error,
			"`%s: %s` is out of range; it goes from %" PRIu64 " to %" PRIu64 " bytes", key,
			node->value, min, max);
	if (there >= 0)
		*bytes = value;
	return there < 0 ? -1 : 0;
}

/* "a", "a or b", "a, b or c". */
static void list_words(char *text, size_t size, const char *const words[])
{
	size_t length = 0;
	*text = '\0';
	for (size_t i = 0; words[i] && length < size; i++) {
		const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
		length += (size_t)snprintf(text + length, size - length, "%s%s", before, words[i]);
	}
}

int conf_word(const struct conf_node *map, const char *key, const char *const words[], int fallback, int *out,
	char **error)
{
	const struct conf_node *node;
	char known[256];
	int there = scalar(map, key, &node, error);
	if (there < 0)
		return -1;
	for (int i = 0; there && words[i]; i++)
		if (strcmp(words[i], node->value) == 0) {
			*out = i;
			return 0;
		}
	if (!there) {
		*out = fallback;
		return 0;
	}
	list_words(known, sizeof known, words);
	return conf_error(node, error, "`%s: %s` is not known; write %s", key, node->value, known);
}

int conf_need_word(
	const struct conf_node *map, const char *key, const char *const words[], int *out, char **error)
{
	return need(map, key, error) < 0 ? -1 : conf_word(map, key, words, 0, out, error);
}

int conf_need_address(const struct conf_node *map, const char *key, struct in_addr *address, char **error)
{
	const char *text;
	if (conf_need_string(map, key, &text, error) < 0)
		return -1;
	if (inet_pton(AF_INET, text, address) != 1)
		return conf_error(conf_child(map, key), error,
			"`%s: %s` is no IPv4 address; write it as 10.0.6.1", key, text);
	return 0;
}

int conf_check_file(const struct conf_node *node, char **error)
{
	if (conf_expect(node, CONF_SCALAR, error) < 0)
		return -1;
	const char *key = node->key ? node->key : "", *colon = node->key ? ": " : "";
	if (strpbrk(node->value, "\"\\\n"))
		return conf_error(node, error,
			"%s%sthe file's name has a quote, backslash or end of line in it; rename the file",
			key, colon);
	if (access(node->value, R_OK) < 0)
		return conf_error(node, error, "%s%scannot read %s: %s; make the file first", key, colon,
			node->value, strerror(errno));
	return 0;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool name_good(const char *name)
{
	size_t length = strspn(name, LETTERS "-_.");
	return length >= 1 && length <= 64 && !name[length] && strchr(LETTERS, *name);
}

int conf_name(const struct conf_node *at, const char *what, const char *name, char **error)
{
	if (name_good(name))
		return 0;
	return conf_error(at, error,
		"`%.80s` cannot be the name of %s; use 1 to 64 letters, digits, - _ and ., a letter or digit first",
		name, what);
}

/* Also of a link's target; a file that goes right now is the opener's to report. */
static int check_private(const struct conf_node *node, char **error)
{
	struct stat status;
	if (stat(node->value, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & 077)
		return conf_error(node, error, "%s: others may read %s, a secret; chmod 600 it", node->key,
			node->value);
	return 0;
}

int conf_need_secret(const struct conf_node *map, const char *key, const char **path, char **error)
{
	if (conf_need_file(map, key, path, error) < 0)
		return -1;
	return check_private(conf_child(map, key), error);
}

int conf_need_file(const struct conf_node *map, const char *key, const char **path, char **error)
{
	const char *text;
	if (conf_need_string(map, key, &text, error) < 0 || conf_check_file(conf_child(map, key), error) < 0)
		return -1;
	*path = text;
	return 0;
}

int conf_names(
	const struct conf_node *list, const char *what, const char ***names, size_t *count, char **error)
{
	*names = NULL;
	*count = 0;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	*names = calloc(list->children + 1, sizeof **names);
	if (!*names)
		return error_set(error, "out of memory");
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (!n->value || !*n->value)
			return conf_error(n, error, "'%s' is no %s", n->value ? n->value : "a list", what);
		(*names)[(*count)++] = n->value;
	}
	return 0;
}
