/* Fuzz: any bytes are either refused with a fault that has a name, or decode to a message that encodes to the
 * same bytes. */
#include "nodes/detour/wire.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct detour_message message;
	uint8_t again[DETOUR_WIRE_SIZE];
	enum detour_wire_fault fault = detour_wire_decode(data, size, &message);
	if (fault != DETOUR_WIRE_OK) {
		if (strcmp(detour_wire_fault_name(fault), "unknown") == 0)
			abort();
		return 0;
	}
	detour_wire_encode(&message, again);
	if (size != sizeof again || memcmp(again, data, size) != 0 || message.remote_port == 0 ||
		message.detour_port == 0)
		abort();
	return 0;
}
