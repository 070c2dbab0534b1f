/* Any bytes at a store's and at a client's port: frames are whole or refused, and what is read is written again as it was. */
#include "nodes/replica/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void requests(const uint8_t *data, size_t size)
{
	struct wire_request request;
	const char *why = NULL;

	for (ssize_t n; size && (n = wire_read_request(data, size, &request, &why)) != 0;
		data += n, size -= (size_t)n) {
		uint8_t head[WIRE_REQUEST_HEAD];
		if (n < 0) {
			if (!why)
				abort();
			return;
		}
		if ((size_t)n > size || request.value + request.size != data + n)
			abort();
		if (wire_write_request(&request, head) != WIRE_REQUEST_HEAD ||
			memcmp(head, data, sizeof head) != 0)
			abort();
	}
}

static void answers(const uint8_t *data, size_t size)
{
	struct wire_answer answer;
	const char *why = NULL;

	for (ssize_t n; size && (n = wire_read_answer(data, size, &answer, &why)) != 0;
		data += n, size -= (size_t)n) {
		uint8_t head[WIRE_ANSWER_HEAD];
		if (n < 0) {
			if (!why)
				abort();
			return;
		}
		if ((size_t)n > size || answer.value + answer.size != data + n)
			abort();
		if (wire_write_answer(&answer, head) != WIRE_ANSWER_HEAD ||
			memcmp(head, data, sizeof head) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	requests(data, size);
	answers(data, size);
	return 0;
}
