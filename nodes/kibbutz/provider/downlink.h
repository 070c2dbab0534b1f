/* Own traffic first on the way down. If the provider knows a device's address and the rate of its cellular link, it sends no faster than
 * that, so packets wait at the provider. There, packets for the device itself go before packets that it forwards for others (Trilogy2
 * D1.1, section 2.1.3.2.2.1, Prioritization). HTB on the provider's interface has one class per device, with two bands; nftables sorts
 * the packets. */
#ifndef LIQUIDNET_PROVIDER_DOWNLINK_H
#define LIQUIDNET_PROVIDER_DOWNLINK_H

#include "nodes/kibbutz/provider/settings.h"
#include <stdio.h>

/* Replaces the interface's root queue; nothing without such devices. -1 with *error, nothing is left then. */
int downlink_install(const struct settings *settings, char **error);
void downlink_remove(const struct settings *settings);
/* The nftables chain that sorts, for the table of the accounts. */
void downlink_write_rules(FILE *out, const struct settings *settings);
#endif
