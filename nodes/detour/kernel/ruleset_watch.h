/* What others do to our nftables tables: `nft flush ruleset`, a service that restores its own rules, one element deleted by
 * hand. The kernel tells of every transaction (group NFNLGRP_NFTABLES); those of our own are left out, by the number of the
 * generation that they made or by the socket that they came from. */
#ifndef LIQUIDNET_DETOUR_RULESET_WATCH_H
#define LIQUIDNET_DETOUR_RULESET_WATCH_H

#include <stdint.h>
#include <systemd/sd-event.h>

struct nft_ctx;
struct ruleset_watch;

/* Calls `changed` from the loop, before any other source is looked at, when somebody else touched `table` (of any family),
 * or when events were lost. But for the sets whose names begin with `dynamic`: the kernel fills them. NULL with *error. */
struct ruleset_watch *ruleset_watch_new(sd_event *loop, const char *table, const char *dynamic,
	void (*changed)(void *context), void *context, char **error);
void ruleset_watch_free(struct ruleset_watch *watch);
/* What comes from this netlink socket (its port id) is ours: the kernel need not even tell. -1 with *error. */
int ruleset_watch_ignore(struct ruleset_watch *watch, uint32_t port_id, char **error);
/* Runs nft commands as ours. -1 with *error of nft. */
int ruleset_watch_run(struct ruleset_watch *watch, struct nft_ctx *nft, const char *commands, char **error);

#endif
