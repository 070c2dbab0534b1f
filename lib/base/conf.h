/* Configuration: reads a YAML file into a tree. Every node knows its file and line (libyaml's marks), so each
 * error is one line: `FILE:LINE: what is wrong; what to do`. Daemons and experiment files use it. Refused are
 * anchors, aliases, tags, duplicate keys, a second document, a depth beyond 64, and more than 16 MiB. */
#ifndef LIQUIDNET_CONF_H
#define LIQUIDNET_CONF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type { CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };

struct conf_node {
	enum conf_type type;
	const char *file; /* name for messages */
	unsigned line;    /* 1-based; of the value */
	const char *key;  /* in a mapping: the key; else NULL */
	unsigned key_line;
	const char *value; /* CONF_SCALAR: text, "" for an empty scalar */
	bool plain;        /* CONF_SCALAR: written without quotes */
	struct conf_node *first, *next, *parent;
	size_t children;
};

struct conf; /* a parsed document; owns its nodes */

/* Reads a file / a text (`name` stands for the file in messages). NULL on failure, with *error. */
struct conf *conf_load(const char *path, char **error);
struct conf *conf_parse(const char *name, const char *text, size_t length, char **error);
void conf_free(struct conf *conf);
/* The root node (a mapping, sequence or scalar); never NULL; an empty document is an empty mapping. */
const struct conf_node *conf_root(const struct conf *conf);

/* The child of a mapping by key, or NULL. `map` may be NULL (then NULL). */
const struct conf_node *conf_child(const struct conf_node *map, const char *key);
/* `for (n = conf_first(map); n; n = n->next)`: children of a mapping or sequence; NULL-safe. */
const struct conf_node *conf_first(const struct conf_node *node);

/* Sets *error to "FILE:LINE: ..." for a node (its key's line where it has one); returns -1. */
int conf_error(const struct conf_node *at, char **error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Refuses a mapping (or non-mapping) with a key outside the NULL-ended list; names the nearest known key. */
int conf_only(const struct conf_node *map, const char *const keys[], char **error);
/* Refuses a node of another type. */
int conf_expect(const struct conf_node *node, enum conf_type type, char **error);

/* Whether a text can be the name of something. Names are used for files, words of commands and columns: 1 to 64
 * letters, digits, - _ and ., of which the first is a letter or digit. conf_name reports an error at the node if the
 * text is no name; `what` says what is named, for example "a daemon". */
bool name_good(const char *name);
int conf_name(const struct conf_node *at, const char *what, const char *name, char **error);

/* Typed values of a mapping's key. If the key is absent, *out = fallback and the result is 0; the functions named
 * _need then return an error with the missing key and the mapping's line. Out of [min, max] or malformed: -1, *error. */
int conf_string(
	const struct conf_node *map, const char *key, const char *fallback, const char **out, char **error);
int conf_need_string(const struct conf_node *map, const char *key, const char **out, char **error);
int conf_integer(const struct conf_node *map, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *out, char **error);
int conf_number(const struct conf_node *map, const char *key, double min, double max, double fallback,
	double *out, char **error);
int conf_bool(const struct conf_node *map, const char *key, bool fallback, bool *out, char **error);
int conf_rate(const struct conf_node *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback,
	uint64_t *bps, char **error);
int conf_duration(const struct conf_node *map, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *ns, char **error);
int conf_fraction(const struct conf_node *map, const char *key, double fallback, double *out, char **error);
int conf_size(const struct conf_node *map, const char *key, uint64_t min, uint64_t max, uint64_t fallback,
	uint64_t *bytes, char **error);
/* One of a NULL-ended list of words: its place in the list. */
int conf_word(const struct conf_node *map, const char *key, const char *const words[], int fallback, int *out,
	char **error);
int conf_need_word(
	const struct conf_node *map, const char *key, const char *const words[], int *out, char **error);
/* An IPv4 address; a file that can be read now, and whose name may stand in OpenVPN's options in double quotes.
 * conf_check_file checks the same for a scalar, such as an item of a list. conf_need_secret: a file with a key, which
 * only its owner may read or write. */
int conf_need_address(const struct conf_node *map, const char *key, struct in_addr *address, char **error);
int conf_need_file(const struct conf_node *map, const char *key, const char **path, char **error);
int conf_need_secret(const struct conf_node *map, const char *key, const char **path, char **error);
int conf_check_file(const struct conf_node *node, char **error);
/* A list of names, each a `what`; none where there is no list. The array is the caller's to free; the names are the file's. */
int conf_names(
	const struct conf_node *list, const char *what, const char ***names, size_t *count, char **error);

#endif
