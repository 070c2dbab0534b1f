/* Reach: where a detour leads, and where not. A mapping lets a stranger's packets leave under the detour's address, from
 * inside its networks: so what only a neighbour could reach, or the detour's own services, is refused unless its owner
 * allows it. Pure: the detour's own addresses are given. The rules, the first that applies decides:
 *   1. its own addresses, those of other detours of the collective, and what no host has: refused, whatever is configured;
 *   2. an entry of `deny`: refused;
 *   3. ports: refused unless one of the ranges has it;
 *   4. an entry of `allow`: let through;
 *   5. special-purpose networks (RFC 6890: private, shared, link-local, loopback, documentation, benchmarking,
 *      reserved, multicast, translation), and networks that the detour is attached to: refused;
 *   6. everything else: let through. */
#ifndef LIQUIDNET_DETOUR_REACH_H
#define LIQUIDNET_DETOUR_REACH_H

#include "lib/net/address.h"

struct reach_ports {
	uint16_t from, to;
};

struct reach {
	struct network *allow, *deny;
	struct reach_ports *ports; /* none: every port */
	size_t allow_count, deny_count, port_count;
};

/* What the kernel and the collective say, ordered for bsearch by reach_order. */
struct reach_surroundings {
	const struct address *own, *detours;
	const struct network *attached; /* in no order */
	size_t own_count, detour_count, attached_count;
};

enum reach_verdict {
	REACH_GOOD,
	REACH_OWN,
	REACH_DETOUR,
	REACH_NO_HOST,
	REACH_DENIED,
	REACH_PORT,
	REACH_SPECIAL,
	REACH_ATTACHED,
	REACH_VERDICTS
};

enum reach_verdict reach_judge(
	const struct reach *reach, const struct reach_surroundings *around, const struct place *remote);
const char *reach_verdict_name(enum reach_verdict verdict);
/* Order of addresses, for qsort and bsearch. */
int reach_order(const void *a, const void *b);
/* The special-purpose networks, for the kernel's copy of the policy: `*count` of them. */
const struct network *reach_special(size_t *count);

#endif
