/* A frame, any bytes, as a link that trims sees it: classified, cut, sent back, marked, corrupted. The first byte says how the port is read. */
#include "nodes/link/packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t to[6] = {2, 0, 0, 0, 0, 1};
	uint16_t header;

	if (size < 1 || size > 10000)
		return 0;
	uint32_t bytes = (uint32_t)size - 1;
	uint8_t *frame = malloc(bytes + 1); /* of this size and no larger, for the sanitizer */
	if (!frame)
		return 0;
	memcpy(frame, data + 1, bytes);
	enum trim_class class = packet_trim_class(frame, bytes, data[0] ? data[0] : 6199, &header);
	if (class == TRIM_DATA && header >= bytes)
		abort();
	if (class == TRIM_DATA)
		packet_trim(frame);
	if (class == TRIM_DATA || class == TRIM_HEADER) {
		uint32_t left = class == TRIM_DATA ? header : bytes;
		if (packet_trim_class(frame, left, data[0] ? data[0] : 6199, &header) != TRIM_HEADER)
			abort();
		packet_bounce(frame, to);
		if (packet_trim_class(frame, left, data[0] ? data[0] : 6199, &header) != TRIM_CONTROL)
			abort();
	}
	if (packet_is_ecn(frame, bytes))
		packet_mark(frame, bytes);
	packet_corrupt(frame, bytes, size);
	free(frame);
	return 0;
}
