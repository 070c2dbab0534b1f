/* The provider's configuration file; provider.example.yaml explains each key. */
#ifndef LIQUIDNET_PROVIDER_SETTINGS_H
#define LIQUIDNET_PROVIDER_SETTINGS_H

#include "lib/base/conf.h"
#include "nodes/kibbutz/policy.h"
#include <net/if.h>
#include <netinet/in.h>

#define SETTINGS_TUNNELS 64

/* A tunnel of one device: its own (a carrier's, in which it forwards for others), or one through a carrier.
 */
struct settings_tunnel {
	const char *device; /* whose it is */
	int via;            /* index of the carrier's tunnel; -1: its own */
	uint16_t port;      /* UDP, here */
	char interface[IFNAMSIZ];
	struct in_addr local, remote; /* inside the tunnel */
	const char *certificate;      /* the device's */
	struct in_addr downlink;      /* its own tunnel: where direct packets go */
	uint64_t downlink_bps;        /* of its cellular link; 0: not told */
};

struct settings {
	struct kibbutz_settings policy;
	int64_t poll_ns;
	bool manage_sysctl;
	const char *interface; /* on which devices are reached; NULL: no downlink is shaped */
	const char *directory, *certificate, *key; /* ours; NULL without tunnels */
	struct settings_tunnel tunnels[SETTINGS_TUNNELS];
	unsigned count;
	struct conf *conf; /* owns the strings */
};

/* NULL with *error "FILE:LINE: ...". */
struct settings *provider_settings_load(const char *path, char **error);
struct settings *provider_settings_parse(const char *name, const char *text, char **error);
void provider_settings_free(struct settings *settings);
#endif
