/* Accounting: who forwarded how much for whom. A device has its own tunnel to the provider, and one through each neighbour that carries for
 * it. A neighbour sends what it forwards in its own tunnel, so the packets arrive encrypted twice. The outer tunnel proves who carried,
 * the inner one who sent. Each packet counts once, because OpenVPN drops duplicates. Inner packets that do not come in the carrier's
 * tunnel are dropped and not counted. */
#ifndef LIQUIDNET_PROVIDER_ACCOUNTS_H
#define LIQUIDNET_PROVIDER_ACCOUNTS_H

#include "nodes/kibbutz/provider/settings.h"
#include <jansson.h>
#include <systemd/sd-event.h>

struct accounts;

/* Starts the tunnels and counters; the counters of a predecessor that was killed go on. NULL with *error. */
struct accounts *accounts_start(sd_event *loop, const struct settings *settings, char **error);
/* Stops the tunnels and removes the counters, whose last state is logged. NULL-safe. */
void accounts_stop(struct accounts *accounts);
/* The same for a provider that could not start: a predecessor's counters stay for the next. NULL-safe. */
void accounts_abandon(struct accounts *accounts);
/* {"devices": {NAME: {"given": B, "taken": B}}, "tunnels": [{"device", "via", "state", "up": B, "down": B}],
 * "strays": P}: bytes of the packets inside; packets that came another way. A new reference; NULL with
 * *error. */
json_t *accounts_report(struct accounts *accounts, char **error);
#endif
