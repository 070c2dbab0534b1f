/* Four sources a pass: the sum is written once for four reads. Blocks of 64 bytes are read whole before they are written, so that `out` may be `first`. */
#include "nodes/trevi/xor.h"

#include <string.h>

typedef uint64_t block __attribute__((vector_size(64), aligned(1), may_alias));

/* The compiler makes it as wide as the processor has it. Not under the sanitizers, which start before the choice can be made. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

WIDE static void four(uint8_t *out, const uint8_t *first, const uint8_t *const *s, size_t size)
{
	const uint8_t *a = s[0], *b = s[1], *c = s[2], *d = s[3];
	size_t i = 0;

	for (; i + sizeof(block) <= size; i += sizeof(block))
		*(block *)(out + i) = *(const block *)(first + i) ^ *(const block *)(a + i) ^
				      *(const block *)(b + i) ^ *(const block *)(c + i) ^
				      *(const block *)(d + i);
	for (; i < size; i++)
		out[i] = (uint8_t)(first[i] ^ a[i] ^ b[i] ^ c[i] ^ d[i]);
}

WIDE static void one(uint8_t *out, const uint8_t *first, const uint8_t *a, size_t size)
{
	size_t i = 0;

	for (; i + sizeof(block) <= size; i += sizeof(block))
		*(block *)(out + i) = *(const block *)(first + i) ^ *(const block *)(a + i);
	for (; i < size; i++)
		out[i] = (uint8_t)(first[i] ^ a[i]);
}

void xor_gather(uint8_t *out, const uint8_t *first, const uint8_t *const *s, uint32_t count, size_t size)
{
	if (!first) {
		if (count == 0) {
			memset(out, 0, size);
			return;
		}
		first = *s++;
		count--;
	}
	if (count == 0 && first != out)
		memcpy(out, first, size);
	for (; count >= 4; count -= 4, s += 4, first = out)
		four(out, first, s, size);
	for (; count; count--, s++, first = out)
		one(out, first, *s, size);
}
