/* Messages between a machine and its host, one datagram each (UDP, port 6767). They are broadcast on the machine's cable, because a
 * machine that has just arrived has no address, or one of another network.
 *
 *   where            the machine asks for its place
 *   place NAME=...   the host gives the place (site.h), also without being asked
 *   taken NAME       the machine has taken it */
#ifndef LIQUIDNET_MIGRATION_MESSAGE_H
#define LIQUIDNET_MIGRATION_MESSAGE_H

#include "nodes/migration/site.h"
#include <stddef.h>

#define MESSAGE_PORT 6767
#define MESSAGE_TEXT 192

enum message_kind { MESSAGE_NONE, MESSAGE_WHERE, MESSAGE_PLACE, MESSAGE_TAKEN };

struct message {
	enum message_kind kind;
	struct site place; /* MESSAGE_PLACE; its name alone: MESSAGE_TAKEN */
};

/* Any bytes; MESSAGE_NONE: it is none of ours. Pure. */
struct message message_read(const void *bytes, size_t size);

/* A socket that hears and says them on one interface. -1 with *error. */
int message_socket(const char *interface, char **error);
/* What does not go out is lost, as on any cable. */
void message_send(int fd, const char *text);
/* MESSAGE_NONE where nothing waits, too. */
struct message message_receive(int fd);

#endif
