/* Fuzz: any bytes as a frame that a link marks or corrupts: only the ECN field and the checksum of an IP header change, which stays right,
 * or one bit. */
#include "nodes/link/packet.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static unsigned bits_that_differ(const uint8_t *a, const uint8_t *b, size_t size)
{
	unsigned count = 0;
	for (size_t i = 0; i < size; i++)
		count += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t before[2048], after[2048];
	uint64_t draw;
	if (size < sizeof draw || size - sizeof draw > sizeof before)
		return 0;
	memcpy(&draw, data, sizeof draw);
	size -= sizeof draw;
	memcpy(before, data + sizeof draw, size);
	memcpy(after, before, size);
	bool ecn = packet_is_ecn(after, (uint32_t)size);
	expect(bits_that_differ(before, after, size) == 0);
	packet_mark(after, (uint32_t)size);
	expect(bits_that_differ(before, after, size) <= 2 + 16);
	expect(!ecn || packet_is_ecn(after, (uint32_t)size));
	memcpy(after, before, size);
	packet_corrupt(after, (uint32_t)size, draw);
	expect(bits_that_differ(before, after, size) == (size > 14));
	expect(size < 14 || memcmp(before, after, 14) == 0);
	return 0;
}
