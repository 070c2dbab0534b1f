/* Listeners: what sock_diag lists of them. MPTCP listeners are TCP listeners here, too. */
#include "lib/net/listeners.h"

#include "lib/base/error.h"
#include "lib/net/sockdiag.h"
#include <stdlib.h>

struct listeners {
	struct sockdiag *diag;
};

struct listeners *listeners_open(char **error)
{
	struct listeners *listeners = calloc(1, sizeof *listeners);
	if (!listeners) {
		error_set(error, "sock_diag: out of memory");
		return NULL;
	}
	listeners->diag = sockdiag_open(error);
	if (!listeners->diag) {
		free(listeners);
		return NULL;
	}
	return listeners;
}

void listeners_close(struct listeners *listeners)
{
	if (!listeners)
		return;
	sockdiag_close(listeners->diag);
	free(listeners);
}

struct reader {
	void (*add)(void *context, uint16_t port);
	void *context;
};

static void take_listener(void *context, const struct inet_diag_msg *socket, const struct nlmsghdr *message)
{
	const struct reader *reader = context;
	(void)message;
	reader->add(reader->context, ntohs(socket->id.idiag_sport));
}

int listeners_read(
	struct listeners *listeners, void (*add)(void *context, uint16_t port), void *context, char **error)
{
	struct reader reader = {add, context};
	return sockdiag_walk(listeners->diag, IPPROTO_TCP, SOCKDIAG_LISTEN, 0, take_listener, &reader, error);
}
