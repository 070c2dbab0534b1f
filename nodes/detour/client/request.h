/* The detour client: requests of the detour protocol (version 1, nodes/detour/wire.h) and the mappings that
 * they brought. A pure library: the caller sends the datagrams, hands in those that arrive, and tells the
 * time.
 *
 * A question is one (detour, destination). It is sent at once, again after 200 ms, then after twice that, and
 * so on, until the detour answers or its deadline passes. An answer belongs to a question when it comes from
 * that detour's address and port and names that destination; the protocol has no identifier. An answer after
 * the deadline is used all the same (for a minute); a second one to the same question changes nothing. A
 * mapping is renewed every `renew_ns` for as long as it is wanted, and forgotten when it is not, or when the
 * detour does not answer any more. */
#ifndef LIQUIDNET_CLIENT_REQUEST_H
#define LIQUIDNET_CLIENT_REQUEST_H

#include "nodes/detour/client/paths.h"
#include "nodes/detour/wire.h"

struct request_detour {
	struct endpoint at;
	bool asked;          /* false: a detour that speaks no such protocol (VPN); never asked */
	int64_t deadline_ns; /* how long one question is repeated */
	int64_t renew_ns;    /* must be less than the detour's idle time */
};

struct request_handlers {
	/* Sends one datagram; a failure is like a loss. */
	void (*send)(void *context, struct endpoint to, const uint8_t bytes[DETOUR_WIRE_SIZE]);
	/* The answer to a question (or the mapping moved); called for a question answered from memory, too.
	 */
	void (*mapped)(void *context, int64_t now, unsigned detour, struct endpoint remote, uint16_t port,
		int64_t since);
	/* The deadline passed without an answer. */
	void (*unmapped)(void *context, int64_t now, unsigned detour, struct endpoint remote);
	/* Whether the mapping should be kept alive. */
	bool (*wanted)(void *context, unsigned detour, struct endpoint remote);
	void *context;
};

struct request_counters {
	uint64_t sent, repeated, answered, late, duplicate, unknown, timed_out, renewals;
	uint64_t faults[DETOUR_WIRE_FAULTS]; /* malformed datagrams, by fault; [0] counts requests where
						answers belong */
};

struct requests;

struct requests *requests_new(
	const struct request_detour *detours, unsigned count, const struct request_handlers *handlers);
void requests_free(struct requests *requests);
/* Asks `detour` for a port to `remote`. A mapping that is younger than its renewal answers at once, unless
 * `fresh`. A question that is under way is joined. */
void requests_ask(
	struct requests *requests, int64_t now, unsigned detour, struct endpoint remote, bool fresh);
/* A datagram has arrived. Any bytes, from anybody. */
void requests_receive(
	struct requests *requests, int64_t now, struct endpoint from, const void *bytes, size_t size);
/* When requests_tick wants to be called next; PATHS_NEVER: no need. */
int64_t requests_deadline(const struct requests *requests);
void requests_tick(struct requests *requests, int64_t now);
const struct request_counters *requests_counters(const struct requests *requests, unsigned detour);
/* Datagrams from addresses that are no detour's. */
uint64_t requests_strangers(const struct requests *requests);
/* Mappings known now, of one detour. */
unsigned requests_mappings(const struct requests *requests, unsigned detour);
#endif
