/* Differences: see the header. */
#include "harness/record/differences.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	char **lines;
	size_t room, count;
};

static char *shown(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	char *text = value && !json_is_null(value) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	return text ? text : strdup("nothing");
}

static void add(struct list *list, const char *key, const json_t *then, const json_t *now)
{
	if (list->count++ >= list->room)
		return;
	char *a = shown(then), *b = shown(now);
	if (asprintf(&list->lines[list->count - 1], "%s: %s -> %s", key, a, b) < 0)
		list->lines[list->count - 1] = NULL;
	free(a);
	free(b);
}

static void walk(struct list *list, const char *path, const json_t *then, const json_t *now);

static void walk_key(
	struct list *list, const char *path, const char *key, const json_t *then, const json_t *now)
{
	char longer[512];
	snprintf(longer, sizeof longer, "%s%s%s", path, *path ? "." : "", key);
	walk(list, longer, then, now);
}

static void walk(struct list *list, const char *path, const json_t *then, const json_t *now)
{
	const char *key;
	json_t *value;
	bool both = json_is_object(then) && json_is_object(now);
	/* What has no members of its own is compared whole: an empty object is not nothing. */
	if (!both && json_object_size(then) == 0 && json_object_size(now) == 0) {
		if (!json_equal(then ? then : json_null(), now ? now : json_null()))
			add(list, path, then, now);
		return;
	}
	json_object_foreach((json_t *)then, key, value)
		walk_key(list, path, key, value, json_object_get(now, key));
	json_object_foreach((json_t *)now, key, value)
		if (!json_object_get(then, key))
			walk_key(list, path, key, NULL, value);
}

size_t differences_list(const json_t *then, const json_t *now, char **lines, size_t room)
{
	struct list list = {lines, room, 0};
	walk(&list, "", then, now);
	return list.count;
}
