/* Reading the link daemon's YAML file; errors name file and line. The same reader serves the file's links,
 * their directions and the words of the `set` command. */
#include "nodes/link/settings.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 4096
#define SPIN_NS (80 * NS_PER_US)
#define SPIN_SHARE 0.1
#define MEMORY_BYTES (256ULL << 20)

/* The keys of a direction, which a link has too: they then hold for both. */
#define DIRECTION_KEYS SHAPE_KEYS, "seed"
static const char *const direction_keys[] = {DIRECTION_KEYS, NULL};

/* Links without a seed draw from their name's (FNV-1a): reproducible, and no two links lose alike. */
static uint64_t seed_of(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
	return hash >> 1;
}

static int read_end(const struct conf_node *node, struct link_end_settings *end, char **error)
{
	static const char *const keys[] = {"namespace", "interface", NULL};

	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, keys, error) < 0 ||
		conf_string(node, "namespace", NULL, &end->netns, error) < 0 ||
		conf_need_string(node, "interface", &end->interface, error) < 0)
		return -1;
	end->at = node;
	if (end->netns && !*end->netns)
		return conf_error(conf_child(node, "namespace"), error,
			"empty namespace; write a pid, a path or a name, or leave the key out for the daemon's own");
	size_t length = strlen(end->interface);
	if (length == 0 || length >= IFNAMSIZ || strpbrk(end->interface, "/ \t"))
		return conf_error(conf_child(node, "interface"), error,
			"`%s` cannot be an interface; a name has 1 to %d characters, no space, no slash",
			end->interface, IFNAMSIZ - 1);
	return 0;
}

static int read_ends(const struct conf_node *map, struct link_settings *link, char **error)
{
	const struct conf_node *ends = conf_child(map, "ends");
	int i = 0;

	if (!ends)
		return conf_error(
			map, error, "a link needs `ends: [{namespace: ..., interface: ...}, {...}]`");
	if (conf_expect(ends, CONF_SEQUENCE, error) < 0)
		return -1;
	if (ends->children != 2)
		return conf_error(ends, error, "a link has two ends, here are %zu", ends->children);
	for (const struct conf_node *node = conf_first(ends); node; node = node->next)
		if (read_end(node, &link->ends[i++], error) < 0)
			return -1;
	return 0;
}

static int read_link(const struct conf_node *map, struct link_settings *link, char **error)
{
	static const char *const link_keys[] = {"name", "ends", "forward", "reverse", DIRECTION_KEYS, NULL};

	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, link_keys, error) < 0 ||
		conf_need_string(map, "name", &link->name, error) < 0)
		return -1;
	if (!*link->name || strpbrk(link->name, " \t\r\n"))
		return conf_error(conf_child(map, "name"), error,
			"`%s` cannot be a link's name; it is one word", link->name);
	if (read_ends(map, link, error) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		const struct conf_node *own = conf_child(map, i ? "reverse" : "forward");
		/* The link's own keys hold for both directions unless a direction says otherwise. */
		link->direction[i].seed = seed_of(link->name);
		if (shape_read(map, &link->direction[i], error) < 0)
			return -1;
		if (own && (conf_expect(own, CONF_MAPPING, error) < 0 ||
				   conf_only(own, direction_keys, error) < 0 ||
				   shape_read(own, &link->direction[i], error) < 0))
			return -1;
		if (shape_check(own ? own : map, &link->direction[i], error) < 0)
			return -1;
	}
	return shape_check_pair(map, &link->direction[0], &link->direction[1], true, error);
}

static bool same_netns(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* A name serves one link, an interface one end, and a radio is the same wherever it is named. */
static int check_distinct(const struct settings *settings, char **error)
{
	for (size_t i = 0; i < 2 * settings->count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct link_settings *a = &settings->links[k / 2], *b = &settings->links[i / 2];
			const struct link_end_settings *x = &a->ends[k % 2], *y = &b->ends[i % 2];
			if (a != b && strcmp(a->name, b->name) == 0)
				return conf_error(y->at->parent->parent, error,
					"there is a link `%s` already", b->name);
			if (a != b && shape_check_pair(y->at->parent->parent, &a->direction[0],
					      &b->direction[0], false, error) < 0)
				return -1;
			if (strcmp(x->interface, y->interface) == 0 && same_netns(x->netns, y->netns))
				return conf_error(y->at, error, "interface %s is an end of link `%s` already",
					y->interface, a->name);
		}
	return 0;
}

static int read_settings(struct settings *settings, char **error)
{
	static const char *const keys[] = {
		"links", "spin", "spin_share", "memory", "clock", "keep_offloads", "orphaned", NULL};
	static const char *const clocks[] = {"runs", "waits", NULL};
	static const char *const fates[] = {"drop", "pass", NULL};
	int clock = 0, fate = 0;
	const struct conf_node *root = conf_root(settings->conf), *links = conf_child(root, "links");

	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, keys, error) < 0 ||
		conf_duration(root, "spin", 0, 10 * NS_PER_MS, SPIN_NS, &settings->spin_ns, error) < 0 ||
		conf_fraction(root, "spin_share", SPIN_SHARE, &settings->spin_share, error) < 0 ||
		conf_word(root, "clock", clocks, 0, &clock, error) < 0 ||
		conf_word(root, "orphaned", fates, 0, &fate, error) < 0 ||
		conf_bool(root, "keep_offloads", false, &settings->keep_offloads, error) < 0 ||
		conf_size(root, "memory", 1 << 20, 1ULL << 40, MEMORY_BYTES, &settings->memory_bytes, error) <
			0)
		return -1;
	settings->clock_waits = clock == 1;
	settings->orphaned_pass = fate == 1;
	if (!links || (links->type == CONF_SEQUENCE && links->children == 0))
		return conf_error(
			links ? links : root, error, "no links; add `links: [{name: ..., ends: [...]}]`");
	if (conf_expect(links, CONF_SEQUENCE, error) < 0)
		return -1;
	if (links->children > LINKS_MAX)
		return conf_error(
			links, error, "%zu links; one daemon serves at most %d", links->children, LINKS_MAX);
	settings->links = calloc(links->children, sizeof *settings->links);
	if (!settings->links)
		return error_set(error, "no memory for %zu links", links->children);
	for (const struct conf_node *node = conf_first(links); node; node = node->next)
		if (read_link(node, &settings->links[settings->count++], error) < 0)
			return -1;
	return check_distinct(settings, error);
}

static struct settings *settings_of(struct conf *conf, char **error)
{
	struct settings *settings = conf ? calloc(1, sizeof *settings) : NULL;

	if (!settings) {
		if (conf)
			error_set(error, "no memory for the configuration");
		conf_free(conf);
		return NULL;
	}
	settings->conf = conf;
	if (read_settings(settings, error) == 0)
		return settings;
	settings_free(settings);
	return NULL;
}

struct settings *settings_load(const char *path, char **error)
{
	return settings_of(conf_load(path, error), error);
}

struct settings *settings_parse(const char *name, const char *text, size_t length, char **error)
{
	return settings_of(conf_parse(name, text, length, error), error);
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	free(settings->links);
	conf_free(settings->conf);
	free(settings);
}

bool settings_same_links(const struct settings *a, const struct settings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct link_settings *x = &a->links[i], *y = &b->links[i];
		if (strcmp(x->name, y->name) != 0)
			return false;
		for (int k = 0; k < 2; k++)
			if (!same_netns(x->ends[k].netns, y->ends[k].netns) ||
				strcmp(x->ends[k].interface, y->ends[k].interface) != 0)
				return false;
	}
	return true;
}

void settings_write_keys(FILE *out)
{
	for (const char *const *key = direction_keys; *key; key++)
		fprintf(out, "%s%s", key == direction_keys ? "" : ", ", *key);
}

/* A text of keys and values on top of *direction. */
static int apply_text(struct shape *direction, const char *name, const char *text, char **error)
{
	struct conf *conf = conf_parse(name, text, strlen(text), error);
	struct shape changed = *direction;

	if (!conf)
		return -1;
	const struct conf_node *root = conf_root(conf);
	int result = conf_expect(root, CONF_MAPPING, error) < 0 ||
				     conf_only(root, direction_keys, error) < 0 ||
				     shape_read(root, &changed, error) < 0 ||
				     shape_check(root, &changed, error) < 0
			     ? -1
			     : 0;
	if (result == 0)
		*direction = changed;
	conf_free(conf);
	return result;
}

int settings_change(struct shape *direction, int count, char **words, char **error)
{
	char text[4096];
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		if (!equals)
			return error_set(error, "`%s`: write KEY=VALUE, as in rate=5Mbit/s", words[i]);
		int n = snprintf(text + used, sizeof text - used, "%.*s: %s\n", (int)(equals - words[i]),
			words[i], equals + 1);
		if (n < 0 || (size_t)n >= sizeof text - used)
			return error_set(error, "too many settings in one line");
		used += (size_t)n;
	}
	return apply_text(direction, "set", text, error);
}

int settings_shape(struct shape *direction, int count, char **words, char **error)
{
	char text[4096];
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; i < count; i++) {
		int n = snprintf(text + used, sizeof text - used, "%s ", words[i]);
		if (n < 0 || (size_t)n >= sizeof text - used)
			return error_set(error, "too many settings in one line");
		used += (size_t)n;
	}
	return apply_text(direction, "shape", text, error);
}
