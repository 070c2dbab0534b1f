/* Destinations in SYNs, in the kernel: the programs of syn.bpf.c at interfaces, and what they are told. They are attached through
 * descriptors (TCX, Linux 6.6): they go with the process, however that ends. */
#ifndef LIQUIDNET_DETOUR_DESTINATIONS_H
#define LIQUIDNET_DETOUR_DESTINATIONS_H

#include "nodes/detour/kernel/syn.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct destinations;

enum destinations_role {
	DESTINATIONS_ASK, /* a client: writes them, where packets leave */
	DESTINATIONS_LEAD /* a detour: takes them off, where packets arrive */
};

/* At these interfaces (Ethernet). Needs CAP_BPF and CAP_NET_ADMIN; later calls need neither. NULL with *error. */
struct destinations *destinations_open(
	enum destinations_role role, const char *const *interfaces, size_t count, char **error);
void destinations_close(struct destinations *destinations); /* NULL-safe */

/* Of a client: the next SYN from `local` to `port` of `detour` leads to `remote`. -1 with errno. */
int destinations_want(struct destinations *destinations, struct in_addr local, struct in_addr detour,
	uint16_t port, struct in_addr remote, const uint8_t key[DESTINATION_KEY]);

/* Of a detour: what comes from `client` until then (CLOCK_BOOTTIME) is read with that key. -1: another member has that address, too, and
 * neither is served so; or the kernel refused. */
int destinations_allow(struct destinations *destinations, struct in_addr client,
	const uint8_t key[DESTINATION_KEY], int64_t now_ns, int64_t until_ns);
/* The key of whoever may send from there now. False: nobody. */
bool destinations_key(
	const struct destinations *destinations, struct in_addr client, uint8_t key[DESTINATION_KEY]);
/* Nobody with that key may any more. */
void destinations_forget(struct destinations *destinations, const uint8_t key[DESTINATION_KEY]);

uint64_t destinations_count(const struct destinations *destinations, enum syn_count which);

#endif
