/* Tunnel: a plain substring search in the captured part of each large datagram of the port. */
#include "harness/trial/tunnel.h"

#include "harness/trial/datagrams.h"
#include <string.h>

#define DATA_BYTES 600

struct look {
	unsigned port;
	const char *pattern;
	struct tunnel_sight *sight;
};

static void look_at(void *context, const struct datagram *d)
{
	const struct look *look = context;
	if (d->length < DATA_BYTES || (d->from != look->port && d->to != look->port))
		return;
	look->sight->data++;
	if (memmem(d->data, d->size, look->pattern, strlen(look->pattern)))
		look->sight->readable++;
}

int tunnel_look(const char *capture, int port, const char *pattern, struct tunnel_sight *sight, char **error)
{
	struct look look = {(unsigned)port, pattern, sight};
	*sight = (struct tunnel_sight){0};
	return datagrams_read(capture, look_at, &look, error);
}
