/* The client's configuration file; nodes/detour/client.md describes each key. */
#ifndef LIQUIDNET_CLIENT_SETTINGS_H
#define LIQUIDNET_CLIENT_SETTINGS_H

#include "lib/base/conf.h"
#include "lib/net/openvpn.h"
#include "nodes/detour/client/paths.h"

struct settings_detour {
	const char *name;
	enum detour_kind kind;
	struct endpoint at;
	/* NAT */
	int64_t deadline_ns, renew_ns;
	/* VPN */
	const char *certificate, *key, *peer; /* files in PEM form: ours, ours, the server's certificate */
	enum openvpn_encryption encryption;
	const char *device;
	uint32_t table; /* routing table of the tunnel's own traffic */
};

struct settings {
	struct paths_settings paths;
	const char *directory;
	bool manage_sysctl;
	struct settings_detour *detours;
	unsigned count;
	struct conf *conf; /* owns the strings */
};

/* Reads the file. NULL with *error "FILE:LINE: ...". Nothing but the file and the presence of those it names
 * is looked at. */
struct settings *settings_load(const char *path, char **error);
/* The same from a text, for tests; `name` stands for the file. */
struct settings *settings_parse(const char *name, const char *text, char **error);
void settings_free(struct settings *settings);
#endif
