/* The client's configuration file; nodes/detour/client.md describes each key. */
#ifndef LIQUIDNET_CLIENT_SETTINGS_H
#define LIQUIDNET_CLIENT_SETTINGS_H

#include "lib/base/conf.h"
#include "lib/net/openvpn.h"
#include "nodes/detour/client/paths.h"
#include "nodes/detour/collective.h"

struct settings_detour {
	const char *name;
	enum detour_kind kind;
	struct place at;
	/* NAT */
	struct address other; /* its address of the other family; none: it has one family */
	int64_t deadline_ns, renew_ns;
	bool sealed; /* version 2: its public key is known */
	uint8_t public_key[SEAL_PUBLIC];
	char name_room[COLLECTIVE_NAME + 16]; /* of one that came from the list */
	struct address
		from; /* DIRECT: our address; none: the connection's own. `device`: "" for as routing says */
	/* VPN */
	const char *certificate, *key, *peer; /* files in PEM form: ours, ours, the server's certificate */
	enum openvpn_encryption encryption;
	const char *device;
	uint32_t table; /* routing table of the tunnel's own traffic */
	unsigned mtu;   /* of the path to the server; 0: not known to be less than 1500 */
};

struct settings {
	struct paths_settings paths;
	const char *directory;
	bool manage_sysctl;
	/* Those of this file (`same_path` last), then places for those of the collective's list (kind DETOUR_NONE until one is there). */
	struct settings_detour *detours;
	unsigned configured, count;
	const char *identity_path; /* NULL: version 2 cannot be spoken */
	struct identity identity;
	const char *list_path; /* NULL: no collective */
	uint8_t list_key[SEAL_PUBLIC];
	const char *region;     /* whose detours are preferred; "" for none */
	struct place *prefetch; /* destinations whose mappings are kept ready */
	unsigned prefetch_count;
	unsigned favourites;         /* and so many that were used most */
	const char **syn_interfaces; /* where SYNs get their destinations */
	size_t syn_count;
	bool dynamic;      /* routing: dynamic */
	int64_t probe_ns;  /* from one train to the next; 0: no trains */
	struct conf *conf; /* owns the strings */
};

/* Reads the file. NULL with *error "FILE:LINE: ...". Nothing but the file and the presence of those it names
 * is looked at. */
struct settings *settings_load(const char *path, char **error);
/* The same from a text, for tests; `name` stands for the file. */
struct settings *settings_parse(const char *name, const char *text, char **error);
void settings_free(struct settings *settings);
#endif
