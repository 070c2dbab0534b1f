/* Site: where a machine is attached to a network (an interface, an address, a gateway), and how it renumbers from one site to
 * another. */
#ifndef LIQUIDNET_MIGRATION_SITE_H
#define LIQUIDNET_MIGRATION_SITE_H

#include "lib/mptcp/pm.h"
#include <net/if.h>
#include <netinet/in.h>

#define SITES 8
#define SITE_NAME 32

struct site {
	char name[SITE_NAME], interface[IFNAMSIZ];
	struct in_addr address, gateway;
	unsigned prefix; /* of the address, 1..31 */
	int ifindex;     /* site_find */
};

/* "b=eth1,10.0.3.1/24,10.0.3.254". Pure. -1 with *error. */
int site_parse(struct site *place, const char *text, char **error);
/* Its interface in this network. -1 with *error: there is none of that name. */
int site_find(struct site *place, char **error);

/* What becomes of Multipath TCP's endpoints when a machine has moved.
 * NONE: nothing; another program opens subflows (liquidnet-follow), or there is plain TCP.
 * KEEP: the new address becomes one; the old one stays, and its subflow dies of silence.
 * REPLACE: the new address becomes one, and the old one is removed at once, before a subflow from the new one is there.
 * JOINED: the old one is removed when the first subflow from the new one can carry data: what was on its way is sent again over it, without waiting for a time-out.
 * FULLMESH: the same for a server: from the new address a subflow to every address of the peer, those with a port included. */
enum endpoints {
	ENDPOINTS_NONE,
	ENDPOINTS_KEEP,
	ENDPOINTS_REPLACE,
	ENDPOINTS_JOINED,
	ENDPOINTS_FULLMESH,
	ENDPOINTS
};
extern const char *const endpoints_names[ENDPOINTS + 1];

/* Address and default route of `to`, its endpoint (number 1..255) as said, the old endpoint and address away. The old place's number is `from_id`; from NULL:
 * there is none. With JOINED and FULLMESH it takes two round trips of a connection, a second at most. -1 with *error. */
int site_renumber(struct mptcp_pm *pm, enum endpoints endpoints, const struct site *from, uint8_t from_id,
	const struct site *to, uint8_t to_id, char **error);

#endif
