/* The guard: what is bound to a tunnel's address never leaves by another interface, whatever became of rules and routes: one rule a
 * tunnel in an nftables table of our own, `inet liquidnet-detour-guard`, put back when somebody removes it. And it hears of changes to
 * interfaces, addresses, rules and routes (rtnetlink). */
#ifndef LIQUIDNET_CLIENT_GUARD_H
#define LIQUIDNET_CLIENT_GUARD_H

#include <netinet/in.h>
#include <systemd/sd-event.h>

struct guard;

/* `changed` is called from the loop after each change, or some. NULL with *error. */
struct guard *guard_new(sd_event *loop, void (*changed)(void *context), void *context, char **error);
/* Removes the table. NULL-safe. */
void guard_free(struct guard *guard);
/* From now on, until told otherwise, `from` leaves through `device` alone. A device has one address. -1 with *error. */
int guard_set(struct guard *guard, struct in_addr from, const char *device, char **error);

#endif
