/* Channels: sockets connected to detours, one a (detour, own address), so that a question leaves from the address that it is
 * about, and the kernel drops what another than that detour sends. */
#ifndef LIQUIDNET_CLIENT_CHANNELS_H
#define LIQUIDNET_CLIENT_CHANNELS_H

#include "lib/net/address.h"
#include <systemd/sd-event.h>

struct channels;

/* `arrived` is called with each datagram, from the loop; `settled` after a batch of them. Never fails: memory that runs out
 * ends the program. */
struct channels *channels_new(sd_event *loop,
	void (*arrived)(
		void *context, unsigned detour, const struct address *local, const void *bytes, size_t size),
	void (*settled)(void *context), void *context);
void channels_free(struct channels *channels);
/* Sends from `local` (0.0.0.0 or ::: as routing says) to detour number `detour`, which is at `at`. False with errno. */
bool channels_send(struct channels *channels, unsigned detour, const struct place *at,
	const struct address *local, const void *bytes, size_t size);
/* The detour has gone, or is at another place. */
void channels_drop(struct channels *channels, unsigned detour);

#endif
