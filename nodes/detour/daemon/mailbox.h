/* Mailboxes: a UDP socket an address, datagrams taken and answers sent many at a time; an answer leaves from the address that
 * was asked. */
#ifndef LIQUIDNET_DETOUR_MAILBOX_H
#define LIQUIDNET_DETOUR_MAILBOX_H

#include "nodes/detour/daemon/desk.h"
#include <systemd/sd-event.h>

#define MAILBOX_BATCH 64

struct mailbox;

/* Listens at `at` (0.0.0.0 and ::: every address of the family). `arrived` is called with 1 to MAILBOX_BATCH letters, which are
 * valid until it returns. NULL with *error, and errno: EAFNOSUPPORT when the host has no such family. */
struct mailbox *mailbox_open(sd_event *loop, const struct place *at,
	void (*arrived)(
		void *context, struct mailbox *mailbox, const struct desk_letter *letters, size_t count),
	void *context, char **error);
void mailbox_close(struct mailbox *mailbox);

struct mailbox_answer {
	const struct desk_letter *to;
	const uint8_t *bytes;
	size_t size;
};
/* Sends at most MAILBOX_BATCH answers; returns how many left (whoever hears nothing asks again). */
size_t mailbox_send(struct mailbox *mailbox, const struct mailbox_answer *answers, size_t count);

#endif
