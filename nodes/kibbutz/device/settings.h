/* The device daemon's configuration file; nodes/kibbutz/daemons.md describes each key. */
#ifndef LIQUIDNET_KIBBUTZ_SETTINGS_H
#define LIQUIDNET_KIBBUTZ_SETTINGS_H

#include "lib/base/conf.h"
#include "nodes/kibbutz/policy.h"
#include "nodes/kibbutz/wire.h"
#include <net/if.h>

#define SETTINGS_NEIGHBOURS 32

struct settings_tunnel {
	uint16_t port; /* the provider's; 0: no tunnel */
	char interface[IFNAMSIZ];
	struct in_addr local, remote; /* inside it */
};

struct settings_neighbour {
	const char *name;
	struct in_addr address; /* its address on the local link */
	struct in_addr source;  /* ours, for what goes through it */
	struct in_addr guest;   /* its, for what goes through us */
	uint8_t key[WIRE_KEY_SIZE];
	struct settings_tunnel tunnel; /* to the provider, through it */
};

struct settings {
	const char *cellular; /* interfaces */
	struct in_addr gateway;
	const char *local;
	struct in_addr address;
	int prefix;
	uint16_t port;
	bool new_by_neighbour; /* new connections begin at a neighbour's link while there is one */
	bool manage_sysctl;
	int64_t poll_ns;
	const char *trace; /* NULL: none */
	struct kibbutz_settings policy;
	struct in_addr provider; /* of the tunnels; either all are there or none */
	const char *provider_certificate, *directory, *certificate, *key;
	struct settings_tunnel tunnel; /* the own one, for what is forwarded */
	struct settings_neighbour neighbours[SETTINGS_NEIGHBOURS];
	unsigned count;
	struct conf *conf; /* owns the strings */
};

/* The address with which own packets go through a neighbour: inside the tunnel, where there is one. */
struct in_addr settings_path(const struct settings *settings, unsigned neighbour);
/* Reads the file and the keys that it names. NULL with *error "FILE:LINE: ...". */
struct settings *device_settings_load(const char *path, char **error);
/* The same from a text, for tests; `name` stands for the file. */
struct settings *device_settings_parse(const char *name, const char *text, char **error);
void device_settings_free(struct settings *settings);
#endif
