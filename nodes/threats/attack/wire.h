/* Wire: packet sockets that look, and a raw socket that sends in batches. */
#ifndef LIQUIDNET_THREATS_WIRE_H
#define LIQUIDNET_THREATS_WIRE_H

#include "lib/mptcp/packet.h"

/* A socket, in the namespace that we are in, that gets the TCP packets of a port (0: of all) which enter by any interface. -1 with
 * errno. */
int wire_watch(uint16_t port);
/* Takes what is there, `most` packets at most; counts those that are none. */
void wire_read(int fd, unsigned most, uint64_t *malformed,
	void (*take)(void *context, const struct packet *packet), void *context);

enum { WIRE_BATCH = 64 };
struct wire_sender;
struct wire_sender *wire_sender_new(char **error);
void wire_sender_free(struct wire_sender *sender);
/* Sends when the batch is full, or at wire_flush. */
void wire_send(struct wire_sender *sender, const struct packet *packet);
void wire_flush(struct wire_sender *sender);
/* Packets that did not go out. */
uint64_t wire_failed(const struct wire_sender *sender);

#endif
