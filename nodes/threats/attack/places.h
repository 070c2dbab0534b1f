/* Places: the nodes of this sandbox's network, found by the names of their interfaces (NODE-LINK). All addresses come from them. For
 * single-threaded programs. */
#ifndef LIQUIDNET_THREATS_PLACES_H
#define LIQUIDNET_THREATS_PLACES_H

#include "lib/mptcp/packet.h"
#include <sys/types.h>

enum { PLACES_MOST = 64, PLACE_ADDRESSES = 8 };

struct place_address {
	char interface[16];
	uint8_t address[16]; /* mapped IPv4 */
};

struct place {
	ino_t number; /* of the namespace */
	int fd;
	unsigned count;
	struct place_address addresses[PLACE_ADDRESSES];
};

struct places {
	unsigned count;
	struct place list[PLACES_MOST];
	const struct place *own; /* where we are */
};

/* All of them. -1 with *error. */
int places_find(struct places *places, char **error);
void places_close(struct places *places);
/* NODE, or NODE/LINK: that node's (first) address there. NULL with *error. */
const struct place *places_named(
	const struct places *places, const char *name, const struct place_address **address, char **error);

#endif
