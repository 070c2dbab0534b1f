/* Members: who may ask by version 2, and what each has asked. They come from the configuration and from the collective's list;
 * a member that stays keeps its sessions and counters when either is read again. Pure. */
#ifndef LIQUIDNET_DETOUR_MEMBERS_H
#define LIQUIDNET_DETOUR_MEMBERS_H

#include "nodes/detour/bucket.h"
#include "nodes/detour/collective.h"
#include "nodes/detour/replay.h"

struct member_rights {
	size_t mappings; /* at most */
	uint32_t rate;   /* questions a second, with a burst of as many */
	const struct network *on_behalf;
	size_t on_behalf_count;
};

struct member_counters {
	uint64_t questions;                /* good ones, new */
	uint64_t results[MESSAGE_RESULTS]; /* answers */
	uint64_t replayed, malformed;
	uint64_t flows, bytes_up, bytes_down; /* that ended: taken from this detour */
};

/* The train that arrives now; one at a time: a new one ends the one before. */
struct member_train {
	uint64_t session, first; /* the sequence number that its first datagram has */
	unsigned arrived;
	int64_t first_ns, last_ns; /* arrivals */
};

struct member {
	struct member *next; /* in its bucket */
	char name[COLLECTIVE_NAME];
	uint64_t id;
	uint8_t key[SEAL_PUBLIC];
	struct seal_keys keys;
	bool keyed, bad_key;
	struct member_rights rights;
	struct bucket questions, proofs, refusals;
	struct replay replay;
	struct member_train train;
	struct member_counters counters;
	uint8_t option_key[MESSAGE_KEY_SIZE]; /* for destinations in the SYN */
	unsigned round;                       /* of the reading that named it last */
};

struct members;

struct members *members_new(void);
void members_free(struct members *members);
size_t members_count(const struct members *members);

/* A reading: members_begin, then members_name for each, then members_end, which calls `removed` for each that was not named
 * (and frees it afterwards). A key that is named twice keeps the name and rights that came first. NULL when out of memory. */
void members_begin(struct members *members);
struct member *members_name(struct members *members, const char *name, const uint8_t key[SEAL_PUBLIC],
	const struct member_rights *rights);
void members_end(
	struct members *members, void (*removed)(void *context, const struct member *member), void *context);

/* By the name on the wire; NULL: a stranger. O(1). */
struct member *members_find(const struct members *members, uint64_t id);
/* Its keys with us, derived once; NULL when its public key is none. */
const struct seal_keys *member_keys(struct member *member, const struct identity *own);
/* Whether it may ask for that client. */
bool member_may_ask_for(const struct member *member, const struct address *client);
/* All, in no order. */
void members_each(
	const struct members *members, void (*each)(void *context, struct member *member), void *context);

#endif
