/* Fuzz: a destination in a SYN. Whatever the key, the port and the eight bytes are: what is the option is read as an address that writes the
 * same bytes again, and what was written is read as it was. */
#include "lib/detour/destination.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct destination_key key;
	uint16_t port;
	uint8_t option[DESTINATION_SIZE], again[DESTINATION_SIZE];
	uint32_t address;
	if (size < sizeof key + sizeof port + sizeof option)
		return 0;
	memcpy(&key, data, sizeof key);
	memcpy(&port, data + sizeof key, sizeof port);
	memcpy(option, data + sizeof key + sizeof port, sizeof option);
	if (destination_is(option)) {
		destination_write(&key, port, destination_read(&key, port, option), again);
		if (memcmp(option, again, sizeof again) != 0)
			abort();
	}
	memcpy(&address, option + 4, sizeof address);
	destination_write(&key, port, address, again);
	if (!destination_is(again) || destination_read(&key, port, again) != address)
		abort();
	return 0;
}
