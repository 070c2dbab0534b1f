/* Exclusive or of many blocks at once. */
#ifndef LIQUIDNET_TREVI_XOR_H
#define LIQUIDNET_TREVI_XOR_H

#include <stddef.h>
#include <stdint.h>

/* out = first ^ sources[0] ^ ... ^ sources[count - 1]; `first` may be `out`; NULL: zeros. Blocks of `size` bytes. */
void xor_gather(
	uint8_t *out, const uint8_t *first, const uint8_t *const *sources, uint32_t count, size_t size);

#endif
