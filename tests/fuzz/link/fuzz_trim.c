/* The trimming port with any arrivals: after each step it has what a slow model has, and never more than its limits. A byte is a step: a
 * packet arrives (class, size), or the port serves. */
#include "tests/unit/link/trim_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint16_t pair_of(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trim_pair pair;

	if (size < 8)
		return 0;
	struct trim_limits limits = {pair_of(data), pair_of(data + 2), data[4] & 15, (uint32_t)data[5] << 24,
		data[4] & 16, data[4] & 32 ? 2 * (uint32_t)pair_of(data) : 0};
	pair_init(&pair, &limits, data[6]);
	int id = 0;
	for (size_t i = 7; i + 1 < size && id < MODEL_PACKETS; i++) {
		uint8_t step = data[i];
		if (step >= 192) {
			pair_step(&pair);
			continue;
		}
		uint32_t bytes = 1 + (uint32_t)(step >> 2) * 37 * (1 + (data[++i] & 7));
		uint16_t header = (uint16_t)(1 + data[i] % (bytes < 200 ? bytes : 200));
		pair_arrive(&pair, id++, bytes, header, step & 3);
	}
	while (pair_step(&pair))
		;
	if (pair.port.low_bytes || pair.port.high_bytes)
		abort();
	return 0;
}
