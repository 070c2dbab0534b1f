/* Any bytes as what a client says first: what is taken is written the same again. */
#include "nodes/grin/matrix/matrix.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char again[MATRIX_HEADER];
	uint64_t wanted;

	if (size < MATRIX_HEADER)
		return 0;
	bool taken = matrix_read_header(data, &wanted);
	matrix_write_header(again, wanted);
	if (taken != (memcmp(again, data, sizeof again) == 0))
		abort();
	return 0;
}
