/* Any datagram at the Kibbutz's port: decoded as it is, and with a right tag put on, so that what lies behind
 * the authentication is reached too. What is accepted must encode to the same bytes. */
#include "nodes/kibbutz/device/peer.c"
#include "nodes/kibbutz/wire.c"

#include <stdlib.h>

static const struct in_addr from = {0x0100090a}, to = {0x0200090a};
static const uint8_t key[WIRE_KEY_SIZE] = {7};

static void take(struct peer *peer, const uint8_t *data, size_t size)
{
	struct wire_message message;
	uint8_t again[WIRE_SIZE];
	bool answer, met;

	if (wire_decode(data, size, key, from, to, &message) != WIRE_GOOD)
		return;
	wire_encode(&message, key, again);
	if (size != WIRE_SIZE || memcmp(again, data, WIRE_SIZE) != 0)
		abort();
	peer_read(peer, 0, &message, 2, &answer, &met);
	if (peer_read(peer, 1, &message, 3, &answer, &met) == PEER_BELIEVED)
		abort(); /* twice the same */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t signed_bytes[WIRE_SIZE];
	struct peer peer;

	peer_init(&peer, 9, 1);
	take(&peer, data, size);
	if (size != WIRE_SIZE)
		return 0;
	memcpy(signed_bytes, data, WIRE_SIZE);
	sign(signed_bytes, key, signed_bytes + SIGNED);
	take(&peer, signed_bytes, WIRE_SIZE);
	return 0;
}
