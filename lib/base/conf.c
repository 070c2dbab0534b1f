/* Configuration: libyaml's parser events become a tree on one pool; each node keeps the line of its mark. */
#include "lib/base/conf.h"

#include "lib/base/error.h"
#include "lib/base/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define DEPTH_MAX 64
#define SIZE_MAX_BYTES (16u << 20)
#define NODES_MAX 1000000

struct conf {
	struct pool *pool;
	struct conf_node *root;
};

struct reader {
	yaml_parser_t parser;
	struct conf *conf;
	const char *file;
	const char *text;
	size_t nodes;
	char **error;
};

static int fault(struct reader *r, size_t line, const char *what)
{
	return error_set(r->error, "%s:%zu: %s", r->file, line + 1, what);
}

static int next(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	const char *problem = r->parser.problem ? r->parser.problem : "unreadable";
	size_t line = r->parser.problem_mark.line;
	/* A byte that is no UTF-8 is met while reading ahead: the mark is not there yet, the offset is. */
	if (r->parser.error == YAML_READER_ERROR) {
		line = 0;
		for (size_t i = 0; i < r->parser.problem_offset; i++)
			line += r->text[i] == '\n';
	}
	return error_set(r->error, "%s:%zu: this is not YAML: %s", r->file, line + 1, problem);
}

static struct conf_node *new_node(
	struct reader *r, enum conf_type type, const yaml_event_t *event, struct conf_node *parent)
{
	struct conf_node *node = pool_alloc(r->conf->pool, 1, sizeof *node);
	*node = (struct conf_node){.type = type,
		.file = r->file,
		.line = (unsigned)event->start_mark.line + 1,
		.parent = parent};
	return node;
}

static struct conf_node *read_value(
	struct reader *r, yaml_event_t *event, struct conf_node *parent, int depth);

static int by_key(const void *a, const void *b)
{
	const struct conf_node *x = *(const struct conf_node *const *)a,
			       *y = *(const struct conf_node *const *)b;
	int order = strcmp(x->key, y->key);
	return order ? order : (x->key_line > y->key_line) - (x->key_line < y->key_line);
}

/* Refuses a key that stands twice. Sorted, because a mapping of a hundred thousand keys is a file of one
 * megabyte. */
static int refuse_twins(struct reader *r, const struct conf_node *map)
{
	const struct conf_node **sorted, *again = NULL, *earlier = NULL;
	size_t count = 0;
	if (map->children < 2)
		return 0;
	if (!(sorted = calloc(map->children, sizeof *sorted)))
		abort();
	for (const struct conf_node *one = map->first; one; one = one->next)
		sorted[count++] = one;
	qsort(sorted, count, sizeof *sorted, by_key);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 &&
			(!again || sorted[i]->key_line < again->key_line)) {
			earlier = sorted[i - 1];
			again = sorted[i];
		}
	free(sorted);
	if (!again)
		return 0;
	return error_set(r->error, "%s:%u: `%s` again; it stands in line %u already", r->file,
		again->key_line, again->key, earlier->key_line);
}

/* What a terminal would take for a command, or would show in another order than it is read in: C0 but tab and newline, DEL, C1, and
 * Unicode's bidirectional controls (U+202A..202E, U+2066..2069). The text is UTF-8: libyaml sees to it. */
static bool has_control(const yaml_event_t *event)
{
	const unsigned char *at = event->data.scalar.value;
	for (; *at; at++)
		if ((*at < 0x20 && *at != '\t' && *at != '\n') || *at == 0x7f ||
			(at[0] == 0xc2 && at[1] < 0xa0) ||
			(at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
			(at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))
			return true;
	return false;
}

/* Reads the children of a sequence or mapping up to its end event. */
static int read_children(struct reader *r, struct conf_node *parent, int depth)
{
	struct conf_node **tail = &parent->first;
	for (;;) {
		yaml_event_t event;
		const char *key = NULL;
		unsigned key_line = 0;
		if (next(r, &event) < 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return parent->type == CONF_MAPPING ? refuse_twins(r, parent) : 0;
		}
		if (parent->type == CONF_MAPPING) {
			size_t line = event.start_mark.line;
			if (event.type == YAML_SCALAR_EVENT && !event.data.scalar.tag &&
				!event.data.scalar.anchor &&
				strlen((char *)event.data.scalar.value) == event.data.scalar.length &&
				!has_control(&event) && !strpbrk((char *)event.data.scalar.value, "\t\n"))
				key = pool_strdup(r->conf->pool, (char *)event.data.scalar.value);
			yaml_event_delete(&event);
			if (!key)
				return fault(r, line, "a key that is not plain text; write KEY: VALUE");
			key_line = (unsigned)line + 1;
			if (next(r, &event) < 0)
				return -1;
		}
		struct conf_node *child = read_value(r, &event, parent, depth + 1);
		yaml_event_delete(&event);
		if (!child)
			return -1;
		child->key = key;
		child->key_line = key_line;
		*tail = child;
		tail = &child->next;
		parent->children++;
	}
}

static struct conf_node *read_value(
	struct reader *r, yaml_event_t *event, struct conf_node *parent, int depth)
{
	struct conf_node *node = NULL;
	size_t line = event->start_mark.line;
	if (depth > DEPTH_MAX) {
		fault(r, line, "nested deeper than 64 levels; no configuration is");
		return NULL;
	}
	if (++r->nodes > NODES_MAX) {
		fault(r, line, "more than a million values; no configuration has");
		return NULL;
	}
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		if (event->data.scalar.tag || event->data.scalar.anchor) {
			fault(r, line, "anchors and tags have no meaning here; write the value out");
			return NULL;
		}
		if (strlen((char *)event->data.scalar.value) != event->data.scalar.length) {
			fault(r, line, "a NUL byte in a value; leave it out");
			return NULL;
		}
		if (has_control(event)) {
			fault(r, line, "a control character in a value; leave it out");
			return NULL;
		}
		node = new_node(r, CONF_SCALAR, event, parent);
		node->value = pool_strdup(r->conf->pool, (char *)event->data.scalar.value);
		node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return node;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (event->type == YAML_SEQUENCE_START_EVENT
				? event->data.sequence_start.anchor || event->data.sequence_start.tag
				: event->data.mapping_start.anchor || event->data.mapping_start.tag) {
			fault(r, line, "anchors and tags have no meaning here; write the value out");
			return NULL;
		}
		node = new_node(r, event->type == YAML_SEQUENCE_START_EVENT ? CONF_SEQUENCE : CONF_MAPPING,
			event, parent);
		return read_children(r, node, depth) < 0 ? NULL : node;
	case YAML_ALIAS_EVENT:
		fault(r, line, "aliases have no meaning here; write the value out");
		return NULL;
	default:
		fault(r, line, "unexpected end");
		return NULL;
	}
}

/* Stream start, at most one document, stream end. */
static int read_document(struct reader *r)
{
	yaml_event_t event;
	for (;;) {
		if (next(r, &event) < 0)
			return -1;
		yaml_event_type_t type = event.type;
		size_t line = event.start_mark.line;
		if (type == YAML_STREAM_END_EVENT || type == YAML_STREAM_START_EVENT ||
			type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&event);
			if (type == YAML_STREAM_END_EVENT)
				return 0;
			continue;
		}
		if (r->conf->root) {
			yaml_event_delete(&event);
			return fault(r, line, "a second document; keep one in a file");
		}
		r->conf->root = read_value(r, &event, NULL, 0);
		yaml_event_delete(&event);
		if (!r->conf->root)
			return -1;
	}
}

struct conf *conf_parse(const char *name, const char *text, size_t length, char **error)
{
	struct reader r = {.error = error, .text = text};
	if (length > SIZE_MAX_BYTES) {
		error_set(error, "%s: larger than 16 MiB; no configuration is", name);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		error_set(error, "%s: out of memory", name);
		return NULL;
	}
	struct pool *pool = pool_new();
	r.conf = pool_alloc(pool, 1, sizeof *r.conf);
	r.conf->pool = pool;
	r.file = pool_strdup(pool, name);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
	int result = read_document(&r);
	yaml_parser_delete(&r.parser);
	if (result < 0) {
		conf_free(r.conf);
		return NULL;
	}
	bool empty = !r.conf->root ||
		     (r.conf->root->type == CONF_SCALAR && r.conf->root->plain && !*r.conf->root->value);
	if (empty) {
		r.conf->root = pool_alloc(pool, 1, sizeof *r.conf->root);
		*r.conf->root = (struct conf_node){.type = CONF_MAPPING, .file = r.file, .line = 1};
	}
	return r.conf;
}

/* Reads up to `size` bytes; fewer when the file is shorter by now. -1 with errno: half a configuration is
 * none. */
static ssize_t read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;
	while (used < size) {
		ssize_t n = read(fd, text + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

struct conf *conf_load(const char *path, char **error)
{
	struct conf *conf = NULL;
	struct stat about;
	/* Without O_NONBLOCK a FIFO in place of the file would be waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	if (fd < 0 || fstat(fd, &about) < 0) {
		error_set(error, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(about.st_mode) || about.st_size > (off_t)SIZE_MAX_BYTES) {
		error_set(error, "%s: not a file, or larger than 16 MiB", path);
	} else if (!(text = malloc((size_t)about.st_size + 1))) {
		error_set(error, "%s: out of memory", path);
	} else {
		ssize_t size = read_whole(fd, text, (size_t)about.st_size);
		if (size < 0)
			error_set(error, "%s: %s", path, strerror(errno));
		else
			conf = conf_parse(path, text, (size_t)size, error);
	}
	free(text);
	if (fd >= 0)
		close(fd);
	return conf;
}

void conf_free(struct conf *conf)
{
	if (conf)
		pool_free(conf->pool);
}

const struct conf_node *conf_root(const struct conf *conf)
{
	return conf->root;
}

const struct conf_node *conf_first(const struct conf_node *node)
{
	return node && node->type != CONF_SCALAR ? node->first : NULL;
}

const struct conf_node *conf_child(const struct conf_node *map, const char *key)
{
	if (!map || map->type != CONF_MAPPING)
		return NULL;
	for (const struct conf_node *one = map->first; one; one = one->next)
		if (strcmp(one->key, key) == 0)
			return one;
	return NULL;
}

int conf_error(const struct conf_node *at, char **error, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	error_set(error, "%s:%u: %s", at->file, at->key_line ? at->key_line : at->line, text ? text : format);
	free(text);
	return -1;
}

static const char *type_name(enum conf_type type)
{
	static const char *const names[] = {"a value", "a list [...]", "a mapping {KEY: VALUE}"};
	return names[type];
}

int conf_expect(const struct conf_node *node, enum conf_type type, char **error)
{
	if (node->type == type)
		return 0;
	return conf_error(node, error, "%s%s%sshould be %s, not %s", node->key ? "`" : "",
		node->key ? node->key : "", node->key ? "` " : "this ", type_name(type),
		type_name(node->type));
}

/* Levenshtein's distance, for names of ordinary length. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);
	if (n >= 64)
		return 64;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j], best = diagonal + (*a != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}

static int unknown_key(const struct conf_node *child, const char *const keys[], char **error)
{
	const char *nearest = NULL;
	unsigned best = 4;
	char known[1024] = "";
	for (size_t i = 0; keys[i]; i++) {
		unsigned d = distance(child->key, keys[i]);
		if (d < best && d < strlen(child->key)) {
			best = d;
			nearest = keys[i];
		}
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", keys[i]);
	}
	if (nearest)
		return conf_error(child, error, "unknown key `%s`; did you mean `%s`?", child->key, nearest);
	return conf_error(child, error, "unknown key `%s`; known here: %s", child->key, known);
}

int conf_only(const struct conf_node *map, const char *const keys[], char **error)
{
	if (map->type == CONF_SCALAR && !*map->value && map->plain)
		return 0; /* `key:` with nothing behind it is an empty mapping */
	if (conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	for (const struct conf_node *child = map->first; child; child = child->next) {
		bool known = false;
		for (size_t i = 0; keys[i] && !known; i++)
			known = strcmp(child->key, keys[i]) == 0;
		if (!known)
			return unknown_key(child, keys, error);
	}
	return 0;
}
