/* UDP sockets, one a path: an own address each, the same port on all. */
#ifndef LIQUIDNET_NDP_HOST_SOCKETS_H
#define LIQUIDNET_NDP_HOST_SOCKETS_H

#include "lib/ndp/ndp_wire.h"
#include "nodes/ndp/host/options.h"

struct sockets {
	int fds[ADDRESSES_MAX];
	uint32_t count;
	int64_t now_ns;
	uint64_t unsent;             /* packets that the kernel did not take */
	uint64_t faults[NDP_FAULTS]; /* datagrams that are no NDP */
};

/* `port`: 0 for any. -1 and *error. */
int sockets_open(struct sockets *sockets, const struct addresses *own, uint16_t port, char **error);
void sockets_close(struct sockets *sockets);
/* Sends a message over a path, with message->length bytes of nothing in particular behind a DATA header. */
void sockets_send(struct sockets *sockets, uint32_t path, const struct sockaddr_in *to,
	const struct ndp_message *message);

/* A message came, over the path of that number. */
typedef void sockets_handler(void *context, uint32_t path, const struct sockaddr_in *from,
	const struct ndp_message *message, int64_t now_ns);
/* Now, as this wait began or, once it has ended, as it ended: reading the clock takes time in virtual time. */
int64_t sockets_now(const struct sockets *sockets);
/* Waits until `until_ns` (CLOCK_MONOTONIC; INT64_MAX: for ever), or until something comes, and hands out all that is there. -1: a signal. */
int sockets_wait(struct sockets *sockets, int64_t until_ns, sockets_handler *handler, void *context);

#endif
