#include "nodes/replica/record.h"

#include "lib/base/draw.h"
#include "nodes/replica/zipf.h"
#include <string.h>

#define FIELDS 10
#define EXPONENT 0.99
#define SAMPLE 20000 /* keys of which the mean is taken */

uint32_t record_size(const struct record_shape *shape, uint64_t key)
{
	if (!shape->skewed)
		return shape->size;
	struct zipf zipf;
	uint64_t draws = draw_mix(key + DRAW_GOLDEN);
	uint32_t size = 0;
	zipf_init(&zipf, shape->size / FIELDS > 1 ? shape->size / FIELDS : 1, EXPONENT);
	for (int i = 0; i < FIELDS; i++)
		size += (uint32_t)zipf_draw(&zipf, &draws);
	return size < 8 ? 8 : size;
}

double record_mean(const struct record_shape *shape)
{
	double sum = 0;

	if (!shape->skewed)
		return shape->size;
	for (uint64_t key = 0; key < SAMPLE; key++)
		sum += record_size(shape, key);
	return sum / SAMPLE;
}

void record_fill(uint8_t *bytes, uint32_t size, uint64_t key)
{
	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = draw_mix(key ^ ((uint64_t)i << 40));
		memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
	}
}

bool record_check(const uint8_t *bytes, uint32_t size, uint64_t key)
{
	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = draw_mix(key ^ ((uint64_t)i << 40));
		if (memcmp(bytes + i, &word, size - i < 8 ? size - i : 8) != 0)
			return false;
	}
	return true;
}
