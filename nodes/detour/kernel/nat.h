/* The NAT detour in the kernel: one nftables table of our own, for both families. Its rules are permanent: that a mapping
 * ends, even the last one, never disturbs a flow, which lives in the connection tracking. What the rules are for is said
 * beside them in nat_rules.c and in nodes/detour/README.md.
 *
 * Others may change or remove the table: it is then put back as it has to be, at once and at most ten times a second; until
 * that is done nat_is_up says so. */
#ifndef LIQUIDNET_DETOUR_NAT_H
#define LIQUIDNET_DETOUR_NAT_H

#include "nodes/detour/kernel/elements.h"
#include "nodes/detour/reach.h"
#include <stdio.h>
#include <systemd/sd-event.h>

#define NAT_TABLE "liquidnet-detour"
#define NAT_DYNAMIC "held" /* how the names of sets begin that the kernel fills */

struct nft_ctx;
struct nat;

struct nat_settings {
	uint16_t port; /* of the signalling: not tracked */
	uint32_t mark,
		mark_mask; /* of our flows in the connection tracking; mark has no bits outside mark_mask */
	const struct reach *reach; /* kept by reference */
	uint32_t flows_most;       /* of one client at a time, tracked */
	uint32_t flow_rate;        /* new ones of one client a second, with a burst of as many */
	uint32_t flow_idle_s;      /* an established flow without a packet is forgotten after so long */
	bool option;               /* destinations in SYNs (destinations.h) are led to */
};

struct nat_counters {
	uint64_t translated;  /* first packets (SYNs, repeated ones too) that a mapping led on */
	uint64_t departed;    /* of those, what left this host */
	uint64_t to_self;     /* refused: they would have ended here */
	uint64_t unreachable; /* refused: destination */
	uint64_t too_many;    /* refused: flows of one client */
	uint64_t too_fast;    /* refused: new flows of one client */
	uint64_t hops;        /* refused: has passed too many hops, or detours */
};

/* Takes over what an earlier life left: calls `found` with each of its mappings (the caller puts those that it keeps into
 * `table`), then installs. *settings is copied. NULL with *error. */
struct nat *nat_open(sd_event *loop, struct nft_ctx *nft, const struct nat_settings *settings,
	struct mapping_table *table, void (*found)(void *context, const struct mapping *mapping),
	void *context, char **error);
/* Closes; with `remove`, and takes the table away. NULL-safe. */
void nat_close(struct nat *nat, bool remove);
/* Other settings (of a reload), or other surroundings (addresses, networks). They are copied. */
void nat_configure(struct nat *nat, const struct nat_settings *settings);
void nat_surround(struct nat *nat, const struct reach_surroundings *around);

/* Whether the kernel translates as it has to. */
bool nat_is_up(const struct nat *nat);
/* Puts changes into the kernel, in one transaction; when it does not know what they are about, everything is put back first.
 * The mappings to be added must be in the table, those to be removed may be. -1 with *error: nothing is as wanted then, and
 * nat_is_up says no until it is. */
int nat_commit(struct nat *nat, const struct elements_change *changes, size_t count, char **error);
/* How often others' changes have been undone. */
uint64_t nat_repairs(const struct nat *nat);
/* -1: the kernel's table is not there. */
int nat_count(struct nat *nat, struct nat_counters *counters);

/* The commands that make the table, whatever is there already; with `anew`, instead of what is there. */
void nat_write_rules(
	FILE *out, const struct nat_settings *settings, const struct reach_surroundings *around, bool anew);

#endif
