/* The detour client: questions of the detour protocol (nodes/detour/README.md) and the mappings that they brought. A pure
 * library: the caller sends the datagrams, hands in those that arrive, and tells the time.
 *
 * A question is one (detour, own address, destination): a mapping is for the address that asks, so each is asked from the
 * address that will use it, through a channel of its own, a socket connected to that detour. A question is sent at once,
 * again after 200 ms, then after twice that, and so on, until the detour answers or its deadline passes. A mapping is renewed
 * for as long as it is wanted, and forgotten when it is not, or when the detour does not answer any more.
 *
 * Version 2 is spoken to a detour whose public key is known, and nothing else ever: its answers are opened with keys that only
 * it and we have, and belong to a question by their number. Version 1 has neither: an answer counts when a question for that
 * destination is open, the first stands, and what comes when nothing was asked is dropped. */
#ifndef LIQUIDNET_CLIENT_REQUEST_H
#define LIQUIDNET_CLIENT_REQUEST_H

#include "lib/detour/seal.h"
#include "nodes/detour/wire.h"

#define REQUESTS_NEVER INT64_MAX

struct request_detour {
	struct place at;
	bool sealed; /* version 2 */
	uint8_t key[SEAL_PUBLIC];
	bool option;         /* ask for the key of destinations in the SYN, too */
	int64_t deadline_ns; /* how long one question is repeated */
	int64_t renew_ns;    /* at least so often; version 1: less than the detour's idle time */
};

/* What a question is about; `local` is 0.0.0.0 or ::, as the remote's family is, where routing chooses the address. */
struct request_subject {
	unsigned detour;
	struct address local;
	struct place remote;
};

struct request_handlers {
	/* Sends one datagram from `local` to the detour; a failure is like a loss. */
	void (*send)(
		void *context, unsigned detour, const struct address *local, const void *bytes, size_t size);
	/* The answer to a question (or the mapping moved); called for a question answered from memory, too. */
	void (*mapped)(void *context, int64_t now, const struct request_subject *subject, uint16_t port,
		int64_t since);
	/* The deadline passed without an answer, or the detour refused: `why`, in a word. */
	void (*unmapped)(void *context, int64_t now, const struct request_subject *subject, const char *why);
	/* A train was answered: `arrived` of `sent` datagrams of `size` bytes (UDP payload) came, within `span_ns`. May be NULL. */
	void (*probed)(void *context, unsigned detour, const struct address *local, unsigned sent,
		unsigned arrived, int64_t span_ns, unsigned size);
	/* Whether the mapping should be kept alive. */
	bool (*wanted)(void *context, const struct request_subject *subject);
	void *context;
};

struct request_counters {
	uint64_t sent, repeated, answered, late, duplicate, unknown, timed_out, renewals;
	uint64_t unsealed;                  /* version 2: not from the detour, or of no version */
	uint64_t proofs, refused, released; /* version 2 */
	uint64_t trains, trains_answered;   /* version 2 */
	uint64_t faults
		[DETOUR_WIRE_FAULTS]; /* malformed datagrams, by fault; [0] counts requests where answers belong */
};

struct requests;

/* For at most `count` detours, none at first. `own` is needed for version 2 alone, and must outlive it; `session` is a random
 * number of this life. */
struct requests *requests_new(unsigned count, const struct identity *own, uint64_t session,
	const struct request_handlers *handlers);
void requests_free(struct requests *requests);
/* Which detour is number `index`; NULL: none any more, what was asked of it is forgotten. False when its public key is none. */
bool requests_set_detour(struct requests *requests, unsigned index, const struct request_detour *detour);
/* Asks for a port. A mapping that is younger than its renewal answers at once, unless `fresh`. A question that is under way is
 * joined. Nothing happens where there is no such detour. */
void requests_ask(struct requests *requests, int64_t now, const struct request_subject *subject, bool fresh);
/* A datagram has arrived in the channel of `detour` and `local`. Any bytes. */
void requests_receive(struct requests *requests, int64_t now, unsigned detour, const struct address *local,
	const void *bytes, size_t size);
/* Sends a train of `count` datagrams of `size` bytes each (version 2; nothing happens elsewhere, or before the detour has proven
 * `local`). True when the train before it was not answered. */
bool requests_probe(struct requests *requests, unsigned detour, const struct address *local, unsigned count,
	unsigned size);
/* Whether a train has been sent and its answer has not come. */
bool requests_probe_is_out(const struct requests *requests, unsigned detour, const struct address *local);
/* When requests_tick wants to be called next; REQUESTS_NEVER: no need. */
int64_t requests_deadline(const struct requests *requests);
void requests_tick(struct requests *requests, int64_t now);
/* Tells every detour that its mappings are not needed any more (version 2). */
void requests_release_all(struct requests *requests);
/* The key for destinations in the SYN that a detour gave to `local`; false: none. */
bool requests_option_key(const struct requests *requests, unsigned detour, const struct address *local,
	uint8_t key[MESSAGE_KEY_SIZE]);
const struct request_counters *requests_counters(const struct requests *requests, unsigned detour);
/* Mappings known now, of one detour. */
unsigned requests_mappings(const struct requests *requests, unsigned detour);
/* What a detour refused last, in a word; "" when it did not. */
const char *requests_refusal(const struct requests *requests, unsigned detour);

#endif
