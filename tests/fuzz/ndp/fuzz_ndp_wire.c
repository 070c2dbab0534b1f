/* Any datagram at NDP's port. What is accepted encodes to the same bytes; what a switch would make of it, and what comes back, is accepted
 * too. */
#include "lib/ndp/ndp_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_good(struct ndp_message message)
{
	uint8_t bytes[NDP_WIRE_SIZE];
	struct ndp_message again;

	ndp_encode(&message, bytes);
	if (ndp_decode(bytes, sizeof bytes, &again) != NDP_GOOD)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ndp_message message;
	uint8_t again[NDP_WIRE_SIZE];

	if (ndp_decode(data, size, &message) != NDP_GOOD)
		return 0;
	ndp_encode(&message, again);
	if (memcmp(again, data, NDP_WIRE_SIZE) != 0)
		abort();
	if (message.type == NDP_DATA) {
		message.type = NDP_HEADER; /* trimmed */
		must_be_good(message);
		message.type = NDP_RTS; /* and bounced */
		must_be_good(message);
	}
	return 0;
}
