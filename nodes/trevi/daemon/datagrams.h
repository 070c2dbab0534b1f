/* One UDP socket for all symbols and requests of a program. */
#ifndef LIQUIDNET_TREVI_DATAGRAMS_H
#define LIQUIDNET_TREVI_DATAGRAMS_H

#include "lib/net/address.h"
#include "nodes/trevi/wire.h"
#include <systemd/sd-event.h>

struct datagrams;

/* Called with each datagram of the protocol; after a batch `batch` is called once (may be NULL). */
typedef void datagrams_take(void *context, const struct wire_datagram *datagram, struct place from);

/* Binds (port 0: any). NULL with *error. */
struct datagrams *datagrams_open(sd_event *loop, struct place at, unsigned ttl, datagrams_take *take,
	void (*batch)(void *context), void *context, char **error);
void datagrams_close(struct datagrams *datagrams);
uint16_t datagrams_port(const struct datagrams *datagrams);
/* Groups are joined once, however often that is asked, on the interface of the address that was bound. False with errno. */
bool datagrams_join(struct datagrams *datagrams, struct in_addr group);
bool datagrams_leave(struct datagrams *datagrams, struct in_addr group);
/* False: there is no room to send now, or no way (counted). */
bool datagrams_ask(
	struct datagrams *datagrams, struct place to, uint64_t session, uint32_t label, uint32_t count);
/* The symbol's payload is at datagrams_payload. */
uint8_t *datagrams_payload(struct datagrams *datagrams);
bool datagrams_bring(
	struct datagrams *datagrams, struct place to, uint64_t session, uint32_t label, size_t size);
/* Datagrams that were none of the protocol; sends that failed. */
uint64_t datagrams_malformed(const struct datagrams *datagrams);
uint64_t datagrams_unsent(const struct datagrams *datagrams);

#endif
