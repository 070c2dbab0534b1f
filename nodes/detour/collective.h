/* A collective's list: its members by public key, and the detours that they offer, signed by whoever keeps the list
 * (S. Brennan 2017, section 6.1). Text, a line an entry, described in nodes/detour/README.md; the last line is an Ed25519
 * signature of all that is before it. Detour and client read it; liquidnet-collective writes it. Pure: bytes and the time
 * are given. */
#ifndef LIQUIDNET_DETOUR_COLLECTIVE_H
#define LIQUIDNET_DETOUR_COLLECTIVE_H

#include "lib/detour/seal.h"

#define COLLECTIVE_NAME 33         /* room for a name: 1 to 32 of a-z A-Z 0-9 - _ . */
#define COLLECTIVE_ADDRESSES 4     /* of one detour */
#define COLLECTIVE_MEMBERS 10000   /* at most */
#define COLLECTIVE_SIZE (4u << 20) /* bytes of a list at most */

struct collective_member {
	char name[COLLECTIVE_NAME];
	uint8_t key[SEAL_PUBLIC];
};

struct collective_detour {
	unsigned member; /* index: whose it is */
	struct address addresses[COLLECTIVE_ADDRESSES];
	unsigned address_count; /* 1 at least */
	uint16_t port;
	uint64_t capacity_bps; /* 0: not said */
	char region[COLLECTIVE_NAME];
};

struct collective {
	char name[COLLECTIVE_NAME];
	uint64_t version;        /* grows with every change */
	int64_t issued, expires; /* seconds since 1970 */
	struct collective_member *members;
	struct collective_detour *detours; /* in the order of their members */
	size_t member_count, detour_count;
};

/* Whether a text is a name for a collective, a member or a region. */
bool collective_is_name(const char *text);

/* An empty list; NULL when out of memory. */
struct collective *collective_new(const char *name);
void collective_free(struct collective *list);
/* False when the member or its key is there already, or there is no room. */
bool collective_add(struct collective *list, const char *name, const uint8_t key[SEAL_PUBLIC]);
/* A detour of the last member that was added (detour->member is set). False when there is no room. */
bool collective_add_detour(struct collective *list, struct collective_detour detour);
/* Takes a member and its detours out. False when there is none of that name. */
bool collective_remove(struct collective *list, const char *name);

/* The signature alone: 0 when `key` signed these bytes, as a list. -1 with *error. */
int collective_verify(const char *bytes, size_t size, const uint8_t key[SEAL_PUBLIC], char **error);
/* Checks the signature and reads the list. NULL with *error: one line, with the number of the line at fault. */
struct collective *collective_read(
	const char *bytes, size_t size, const uint8_t key[SEAL_PUBLIC], char **error);
/* The same from a file, whose name comes before the error. */
struct collective *collective_load(const char *path, const uint8_t key[SEAL_PUBLIC], char **error);
/* Whether the list may be used now: not after it expires, and not a day or more before it was issued. */
bool collective_is_current(const struct collective *list, int64_t now);
/* The list as signed text, to be freed; NULL when out of memory. */
char *collective_write(const struct collective *list, const struct identity *keeper, size_t *size);

/* Members by name on the wire; NULL: none. */
const struct collective_member *collective_find(const struct collective *list, const char *name);

#endif
