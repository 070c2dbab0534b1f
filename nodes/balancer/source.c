/* The map's place behind one seam; see lb_source.h. */
#include "nodes/balancer/source.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 100 /* a change that loses so many races against others gives up */

struct lb_source {
	const struct lb_source_kind *kind;
	void *place;
	char *where;
	struct lb_source_events events;
	uint32_t generation;
};

static const struct lb_access reader;

static const struct lb_source_kind *kind_of(const char *where)
{
	return strncmp(where, "zk://", 5) == 0 ? &lb_source_zookeeper : &lb_source_file;
}

static struct lb_map *read_place(
	const struct lb_source_kind *kind, void *place, const char *where, int *version, char **error)
{
	char *text;
	size_t length;
	if (kind->read(place, &text, &length, version, error) < 0)
		return NULL;
	if (!text) {
		error_set(error, "%s: no map is there; make one with `liquidnet-balancer-ctl --map %s init`",
			where, where);
		return NULL;
	}
	struct lb_map *map = lb_map_parse(where, text, length, error);
	free(text);
	return map;
}

struct lb_map *lb_source_read(const char *where, char **error)
{
	const struct lb_source_kind *kind = kind_of(where);
	void *place = kind->open(where, &reader, error);
	if (!place)
		return NULL;
	int version;
	struct lb_map *map = read_place(kind, place, where, &version, error);
	kind->close(place);
	return map;
}

struct lb_source *lb_source_watch(sd_event *loop, const char *where, const struct lb_source_events *events,
	struct lb_map **map, char **error)
{
	struct lb_source *source = calloc(1, sizeof *source);
	int version;
	*map = NULL;
	if (!source || !(source->where = strdup(where))) {
		error_set(error, "out of memory");
		free(source);
		return NULL;
	}
	source->kind = kind_of(where);
	source->events = *events;
	source->place = source->kind->open(where, &reader, error);
	/* The watch comes first: a change while we read is seen twice, not never. */
	if (source->place && source->kind->watch(source->place, loop, source, error) == 0)
		*map = read_place(source->kind, source->place, where, &version, error);
	if (!*map) {
		lb_source_close(source);
		return NULL;
	}
	source->generation = (*map)->generation;
	return source;
}

void lb_source_close(struct lb_source *source)
{
	if (!source)
		return;
	if (source->place)
		source->kind->close(source->place);
	free(source->where);
	free(source);
}

void lb_source_changed(struct lb_source *source)
{
	char *error = NULL;
	int version;
	struct lb_map *map = read_place(source->kind, source->place, source->where, &version, &error);
	if (!map) {
		log_error("map-refused", "problem=\"%s\" action=\"generation %u stays\"", error,
			source->generation);
	} else if (map->generation == source->generation) {
		lb_map_free(map);
	} else {
		source->generation = map->generation;
		source->events.map(source->events.context, map);
	}
	free(error);
}

/* Reads, changes, writes: as lb_source_kind.write returns. */
static int change_once(const struct lb_source_kind *kind, void *place, const char *where,
	int (*change)(struct lb_map *map, void *context, char **error), void *context, char **error)
{
	int version, result;
	struct lb_map *map = read_place(kind, place, where, &version, error);
	if (!map)
		return -1;
	result = change(map, context, error);
	char *text = result == 0 ? lb_map_format(map) : NULL;
	if (result == 0)
		result = text ? kind->write(place, text, version, error) : error_set(error, "out of memory");
	free(text);
	lb_map_free(map);
	return result;
}

int lb_source_change(const char *where, const struct lb_access *access,
	int (*change)(struct lb_map *map, void *context, char **error), void *context, char **error)
{
	const struct lb_source_kind *kind = kind_of(where);
	void *place = kind->open(where, access, error);
	int result = 1;
	if (!place)
		return -1;
	for (int i = 0; result == 1 && i < ATTEMPTS; i++)
		result = change_once(kind, place, where, change, context, error);
	kind->close(place);
	return result == 1 ? error_set(error, "%s: others change it all the time", where) : result;
}

int lb_source_create(
	const char *where, const struct lb_access *access, const struct lb_map *map, char **error)
{
	const struct lb_source_kind *kind = kind_of(where);
	void *place = kind->open(where, access, error);
	char *text = place ? lb_map_format(map) : NULL;
	int result = text ? kind->write(place, text, -1, error) : -1;
	free(text);
	if (place)
		kind->close(place);
	return result == 1 ? error_set(error, "%s: a map is there; remove it first", where) : result;
}
