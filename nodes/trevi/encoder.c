#include "nodes/trevi/fountain_internal.h"

#include "nodes/trevi/xor.h"
#include <stdlib.h>
#include <string.h>

struct fountain_encoder {
	const struct fountain_code *code;
	const uint8_t *bytes;
	uint32_t size, *list;
	const uint8_t **sources;
	uint8_t *last; /* the last fragment with its filling */
};

struct fountain_encoder *fountain_encoder_new(
	const struct fountain_code *code, const uint8_t *bytes, size_t length, uint32_t size)
{
	uint32_t k = code->fragments;
	struct fountain_encoder *e;

	if (length == 0 || size == 0 || (length + size - 1) / size != k)
		return NULL;
	e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	*e = (struct fountain_encoder){code, bytes, size, malloc(k * sizeof *e->list),
		malloc(k * sizeof *e->sources), calloc(1, size)};
	if (!e->list || !e->sources || !e->last) {
		fountain_encoder_free(e);
		return NULL;
	}
	size_t before = (size_t)(k - 1) * size;
	memcpy(e->last, bytes + before, length - before);
	return e;
}

void fountain_encoder_free(struct fountain_encoder *e)
{
	if (!e)
		return;
	free(e->list);
	free(e->sources);
	free(e->last);
	free(e);
}

void fountain_encode(struct fountain_encoder *e, uint32_t seed, uint8_t *symbol)
{
	uint32_t degree = fountain_neighbours(e->code, seed, e->list);

	for (uint32_t i = 0; i < degree; i++)
		e->sources[i] = e->list[i] == e->code->fragments - 1
					? e->last
					: e->bytes + (size_t)e->list[i] * e->size;
	xor_gather(symbol, NULL, e->sources, degree, e->size);
}
