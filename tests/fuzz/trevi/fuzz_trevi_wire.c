/* Any datagram and any frame: what is read is possible, and is written again as it was. */
#include "nodes/trevi/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void datagram(const uint8_t *data, size_t size)
{
	struct wire_datagram d;
	uint8_t again[WIRE_REQUEST];

	if (!wire_read_datagram(data, size, &d))
		return;
	size_t head = wire_write_datagram(&d, again);
	if (head > size || memcmp(again, data, head) != 0)
		abort();
	if (d.type == WIRE_BRING && d.payload + d.size != data + size)
		abort();
	if (d.type == WIRE_ASK && (d.count < 1 || d.count > WIRE_COUNT_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_frame f;
	uint8_t again[WIRE_FRAME_MAX];

	datagram(data, size);
	for (ssize_t n; (n = wire_read_frame(data, size, &f)) > 0; data += n, size -= (size_t)n) {
		if ((size_t)n > size || wire_write_frame(&f, again) != (size_t)n ||
			memcmp(again, data, (size_t)n) != 0)
			abort();
		if (f.length > WIRE_TRACT_MAX)
			abort();
	}
	return 0;
}
