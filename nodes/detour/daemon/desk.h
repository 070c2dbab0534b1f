/* The desk: what becomes of one datagram. It looks at the cheapest thing first, so that a stranger costs next to nothing: the
 * outside, the member's name, the seal; then the proof of the address, the replay window, how often the member asks, and only
 * then what it wants. Pure policy over mappings and members: the caller receives, puts mappings into the kernel, and sends. */
#ifndef LIQUIDNET_DETOUR_DESK_H
#define LIQUIDNET_DETOUR_DESK_H

#include "nodes/detour/cookie.h"
#include "nodes/detour/daemon/mapping.h"
#include "nodes/detour/daemon/members.h"
#include "nodes/detour/reach.h"
#include "nodes/detour/wire.h"

#define DESK_BUCKETS 256

/* What the configuration says of version 1 and of leases. */
struct desk_rules {
	const struct network *allow; /* may ask by version 1 */
	size_t allow_count;
	size_t client_most;   /* mappings of one of their addresses */
	uint32_t client_rate; /* new mappings a second of one of their addresses */
	uint32_t lease_s;     /* of a member */
	const struct reach *reach;
	const struct address *announced; /* addresses of this detour, told to members */
	size_t announced_count;
	bool option; /* destinations in the SYN are understood here */
};

struct desk_counters {
	uint64_t datagrams;
	/* Each datagram is in exactly one of these: */
	uint64_t faults[DETOUR_WIRE_FAULTS]; /* of version 1, and what is of no version */
	uint64_t strangers;                  /* version 2: no member, or not by its key */
	uint64_t malformed;                  /* version 2: the content */
	uint64_t replayed;
	uint64_t unproven; /* was sent a cookie */
	uint64_t denied;   /* version 1: address is not allowed */
	uint64_t reused, as_proposed, other_port, greeted, renewed, released, probed;
	uint64_t refused[MESSAGE_RESULTS]; /* by reason */
	uint64_t silenced;                 /* not even worth a refusal: proofs asked for too often */
	/* And of the mappings: */
	uint64_t evicted;
};

struct desk {
	const struct desk_rules *rules;
	struct reach_surroundings around;
	const struct identity *own;
	struct members *members;
	struct mapping_table *table;
	struct cookie_secret secret;
	struct bucket version1[DESK_BUCKETS];
	uint8_t newest; /* version that we speak */
	struct desk_counters counters;
	/* Whether this host listens at a port, towards that client, who knows the host as `to`. */
	bool (*taken)(void *context, const struct address *client, const struct address *to, uint16_t port);
	void *context;
};

/* One datagram: where from, to which of our addresses, and when it came to this host (on one clock, which need not be the desk's; for
 * trains alone). `bytes` has no more than SEAL_SIZE + 1 of them, whatever its size. */
struct desk_letter {
	struct place from;
	struct address to;
	const uint8_t *bytes;
	size_t size;
	int64_t arrived_ns;
};

struct desk_outcome {
	bool answered; /* an answer is to be sent: desk_write */
	/* To be put into the kernel before the answer goes; it is in the table. */
	struct mapping *added;
	/* To be taken out of the kernel, and then with mapping_remove; they are still in the table. */
	struct mapping *released, *evicted;
	/* What the answer says. */
	struct member *member; /* NULL: version 1 */
	struct message_answer answer;
	struct detour_message version1;
	uint16_t proposed;
	bool option; /* the answer has the key for destinations in the SYN */
};

/* Time on a clock that never goes back and counts sleep, > 0. `up`: the kernel translates. */
void desk_take(struct desk *desk, int64_t now_ns, bool up, const struct desk_letter *letter,
	struct desk_outcome *outcome);
/* The kernel refused `outcome`: its answer becomes "unavailable" (version 1: silence). `added` is the caller's to remove. */
void desk_fail(struct desk *desk, struct desk_outcome *outcome);
/* Writes the answer; returns its size, SEAL_SIZE at most. */
size_t desk_write(
	const struct desk_outcome *outcome, const uint8_t nonce[SEAL_NONCE], uint8_t bytes[SEAL_SIZE]);
/* Whether an address may ask by version 1. */
bool desk_allows(const struct desk_rules *rules, const struct address *client);
/* Whether a mapping that is there would be made today: its owner is known and its remote within reach. */
bool desk_would_keep(const struct desk *desk, const struct mapping *mapping);

#endif
