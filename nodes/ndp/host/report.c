/* What is said in the end, and the rest that all parts share. */
#include "nodes/ndp/host/host.h"

#include "lib/base/error.h"
#include "lib/base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BINS_MOST 1000000

volatile sig_atomic_t stopped;

int say_ready(const struct options *o, char **error)
{
	static const char word[] = "READY\n";

	if (o->ready_fd >= 0 && write(o->ready_fd, word, sizeof word - 1) < 0)
		return error_set(error, "--ready-fd %d: %s", o->ready_fd, strerror(errno));
	if (o->ready_fd >= 0)
		close(o->ready_fd);
	return 0;
}

int64_t end_of(const struct options *o, int64_t began_ns)
{
	return o->duration_ns ? began_ns + o->duration_ns : INT64_MAX;
}

void bins_add(struct bins *b, int64_t now_ns, uint64_t bytes)
{
	if (b->width_ns == 0)
		return;
	if (b->began_ns == 0)
		b->began_ns = now_ns;
	size_t bin = (size_t)((now_ns - b->began_ns) / b->width_ns);
	if (bin >= BINS_MOST)
		return;
	if (bin >= b->room) {
		size_t room = 2 * bin + 1024;
		b->bytes = realloc(b->bytes, room * sizeof *b->bytes);
		if (!b->bytes)
			abort();
		memset(b->bytes + b->room, 0, (room - b->room) * sizeof *b->bytes);
		b->room = room;
	}
	b->bytes[bin] += bytes;
	if (bin >= b->count)
		b->count = bin + 1;
}

json_t *seconds_json(int64_t ns)
{
	return json_real((double)ns / NS_PER_S);
}

json_t *bins_json(struct bins *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->count; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:I}", "start", seconds_json((int64_t)i * b->width_ns),
				      "end", seconds_json((int64_t)(i + 1) * b->width_ns), "bytes",
				      (json_int_t)b->bytes[i]));
	free(b->bytes);
	*b = (struct bins){0};
	return list;
}

int print_json(json_t *object)
{
	int result = json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);

	json_decref(object);
	putchar('\n');
	return result < 0 || fflush(stdout) < 0 ? 1 : 0;
}
