/* Follow: which subflows a server opens and closes when its addresses change. Pure: the caller passes the path manager's events and the
 * addresses; handlers get the actions. It handles only connections that were accepted on this host and whose client has announced an
 * address with a port. */
#ifndef LIQUIDNET_STEER_FOLLOW_H
#define LIQUIDNET_STEER_FOLLOW_H

#include "lib/base/daemon.h"
#include "lib/mptcp/pm.h"

enum {
	FOLLOW_CONNECTIONS = 4096, /* more are counted, and left alone */
	FOLLOW_ADDRESSES = 32,     /* of this host */
	FOLLOW_SUBFLOWS = 8        /* of a connection */
};

struct follow_handlers {
	/* False: it could not be tried, for example because there is no route; follow_again tries it again. */
	bool (*create)(void *context, uint32_t token, const struct mptcp_pm_local *local,
		const struct place *remote);
	void (*destroy)(void *context, uint32_t token, const struct place *local, const struct place *remote);
	void *context;
};

struct follow_counters {
	uint64_t connections, addresses; /* at the moment */
	uint64_t announced;              /* addresses with a port, of clients */
	uint64_t created, destroyed;     /* subflows */
	uint64_t refused;                /* connections, addresses or subflows beyond the bounds */
};

struct follow;

struct follow *follow_new(const struct follow_handlers *handlers);
void follow_free(struct follow *follow);
void follow_event(struct follow *follow, const struct mptcp_pm_event *event);
/* An address of this host was added or removed. Repeated calls do nothing. */
void follow_address(struct follow *follow, const struct address *address, bool there);
/* Tries again what could not be tried before. True: something still cannot be tried; call it again later. */
bool follow_again(struct follow *follow);
bool follow_waits(const struct follow *follow);
const struct follow_counters *follow_counters(const struct follow *follow);

/* Addresses of this host by rtnetlink: those that are there first, within the call, then what changes; loopback's and link-local ones are
 * left out. NULL with *error. (addresses.c) */
struct addresses;
struct addresses *addresses_open(sd_event *loop,
	void (*told)(void *context, const struct address *address, bool there), void *context, char **error);
void addresses_close(struct addresses *addresses);

#endif
