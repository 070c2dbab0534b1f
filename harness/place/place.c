/* Place: what callers use, whatever the kind. */
#include "harness/place/place.h"

#include <errno.h>

int place_start(const struct place *place, const struct process_options *options, struct process *process,
	char **error)
{
	return place->kind->start(place, options, process, error);
}

void place_stop(const struct place *place, struct process *process, int grace_ms)
{
	place->kind->stop(place, process, grace_ms);
}

int place_run(const struct place *place, const struct process_options *options, bool merge, int limit_ms,
	char **output, char **error)
{
	return place->kind->run(place, options, merge, limit_ms, output, error);
}

int place_feed(
	const struct place *place, const char *const *argv, const char *input, char **output, char **error)
{
	return place->kind->feed(place, argv, input, output, error);
}

int place_read(const struct place *place, const char *path, char **text)
{
	return place->kind->read(place, path, text);
}

int place_write(const struct place *place, const char *path, const char *text)
{
	return place->kind->write(place, path, text);
}

struct pcap *place_capture(const struct place *place, const char *interface, uint32_t snap, char **error)
{
	return place->kind->capture(place, interface, snap, error);
}

int place_call(const struct place *place, int (*fn)(void *context), void *context)
{
	if (place->kind->call)
		return place->kind->call(place, fn, context);
	errno = ENOTSUP;
	return -1;
}

int place_ask(const struct place *place, const char *path, const char *line, int limit_ms, json_t **answer,
	char **error)
{
	return place->kind->ask(place, path, line, limit_ms, answer, error);
}

struct place place_of_nobody(const char *name)
{
	return (struct place){.name = name, .netns_fd = -1};
}

bool place_is_nobodys(const struct place *place)
{
	return !place->kind;
}

bool place_is_elsewhere(const struct place *place)
{
	return place->kind && place->kind->talk;
}

int place_listens(const struct place *place, int port, int wait_ms, char **error)
{
	return place->kind->listens(place, port, wait_ms, error);
}

int place_talk(const struct place *place, json_t *first, char **error)
{
	return place->kind->talk(place, first, error);
}

void place_close(struct place *place)
{
	if (place->kind)
		place->kind->close(place);
	place->kind = NULL;
}
