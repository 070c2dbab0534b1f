/* Fuzz: any bytes as what a host's agent says (or is told), whole or piece by piece: the same messages come out, their bytes are as many as
 * they say, and what ping prints there becomes times. */
#include "harness/hosts/ping.h"
#include "harness/place/message.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void add(struct channel *c, const uint8_t *data, size_t size)
{
	if (c->room < c->size + size && !(c->text = realloc(c->text, c->room = c->size + size)))
		abort();
	if (size)
		memcpy(c->text + c->size, data, size);
	c->size += size;
}

static void look(const struct message *m)
{
	expect(json_is_object(m->head));
	expect(m->count <= MESSAGE_BYTES_MAX);
	expect((m->bytes != NULL) == (json_object_get(m->head, "bytes") != NULL));
	expect(!m->bytes ||
		(message_number(m->head, "bytes") == (int64_t)m->count && m->bytes[m->count] == 0));
	json_t *times = m->bytes ? ping_times(m->bytes) : NULL, *one;
	size_t i;
	json_array_foreach(times, i, one)
		expect(isfinite(json_real_value(one)) && json_real_value(one) >= 0);
	json_decref(times);
}

/* Takes all that have come; how many, or -1. */
static int take_all(struct channel *c)
{
	struct message m;
	char *error = NULL;
	int taken, count = 0;
	while ((taken = channel_take(c, &m, &error)) == 1) {
		look(&m);
		message_free(&m);
		count++;
	}
	expect((taken < 0) == (error != NULL));
	free(error);
	return taken < 0 ? -1 : count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel whole = {.fd = -1}, pieces = {.fd = -1};
	int count = 0, came = 0;
	if (size > 4096)
		return 0;
	add(&whole, data, size);
	struct message m;
	char *error = NULL;
	int taken;
	while ((taken = channel_take(&whole, &m, &error)) == 1) {
		look(&m);
		message_free(&m);
		count++;
	}
	for (size_t at = 0; at < size && came >= 0; at += 7) {
		add(&pieces, data + at, size - at < 7 ? size - at : 7);
		int more = take_all(&pieces);
		came = more < 0 ? -1 : came + more;
	}
	expect((taken < 0) == (came < 0) && (taken < 0 || count == came));
	free(error);
	free(whole.text);
	free(pieces.text);
	return 0;
}
