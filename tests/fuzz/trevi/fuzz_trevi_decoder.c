/* Any sequence of symbols, in any order, repeated, some of them changed: the decoder ends or asks for more; bytes that it gives are right, or a symbol was changed.
 * Input: size of a fragment, number of fragments, what is done (1: elimination, 4: the systematic code, more than 200: symbols are changed), then seeds of two bytes. */
#include "lib/base/draw.h"
#include "nodes/trevi/fountain.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[64 * 16], out[64 * 16], symbol[16];

	if (size < 4)
		return 0;
	uint32_t fragment = 1 + data[0] % 16, k = 1 + data[1] % 64;
	uint8_t changed = data[2];
	size_t length = (size_t)k * fragment - data[3] % fragment;
	uint64_t draws = data[3];
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)draw_next(&draws);
	struct fountain_code *code = changed & 4 ? fountain_code_systematic(k, data[3])
						 : fountain_code_new(k, FOUNTAIN_C, FOUNTAIN_DELTA, 1);
	struct fountain_encoder *e = fountain_encoder_new(code, bytes, length, fragment);
	struct fountain_decoder *d = fountain_decoder_new(code, fragment, changed % 2);
	enum fountain_added added = FOUNTAIN_MORE;
	bool wrong = false;
	for (size_t i = 4; i + 1 < size && added != FOUNTAIN_DONE; i += 2) {
		uint32_t seed = (uint32_t)(data[i] << 8 | data[i + 1]), before = fountain_symbols(d);
		fountain_encode(e, seed, symbol);
		if (changed > 200 && i % 16 == 4) {
			symbol[0] ^= changed;
			wrong = true;
		}
		added = fountain_add(d, seed, symbol);
		if (added == FOUNTAIN_DUPLICATE && fountain_symbols(d) != before)
			abort();
	}
	if ((fountain_decode(d, out, length) == 0) != (added == FOUNTAIN_DONE))
		abort();
	if (added == FOUNTAIN_DONE && !wrong && memcmp(out, bytes, length) != 0)
		abort();
	fountain_decoder_free(d);
	fountain_encoder_free(e);
	fountain_code_free(code);
	return 0;
}
