/* Tracts on the disk: a file each, written under another name and renamed when it is whole and its hash is right; and SHA-256. */
#ifndef LIQUIDNET_TREVI_TRACTS_H
#define LIQUIDNET_TREVI_TRACTS_H

#include "nodes/trevi/wire.h"

void tract_hash(const uint8_t *bytes, size_t length, uint8_t hash[WIRE_HASH]);
/* Reads one into memory that the caller frees, and checks it. NULL: it is not there, or not what was written (*damaged). `folder`: a descriptor. */
uint8_t *tract_read(int folder, const uint8_t guid[WIRE_GUID], uint32_t tract, uint32_t *length,
	uint8_t hash[WIRE_HASH], bool *damaged);
/* Writes one; false with errno: nothing is there that was not before. */
bool tract_write(int folder, const uint8_t guid[WIRE_GUID], uint32_t tract, const uint8_t *bytes,
	uint32_t length, const uint8_t hash[WIRE_HASH]);

#endif
