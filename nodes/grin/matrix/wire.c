#include "nodes/grin/matrix/matrix.h"

#include <string.h>

static const unsigned char magic[8] = {'G', 'R', 'N', 'M'};

bool matrix_read_header(const unsigned char header[MATRIX_HEADER], uint64_t *wanted)
{
	*wanted = 0;
	for (int i = 8; i < MATRIX_HEADER; i++)
		*wanted = *wanted << 8 | header[i];
	return memcmp(header, magic, sizeof magic) == 0;
}

void matrix_write_header(unsigned char header[MATRIX_HEADER], uint64_t wanted)
{
	memcpy(header, magic, sizeof magic);
	for (int i = MATRIX_HEADER; i-- > 8; wanted >>= 8)
		header[i] = (unsigned char)wanted;
}
