/* Waypoints: detours that are asked for mappings on behalf of clients (nodes/detour/README.md, version 2). Each one is greeted from time
 * to time, so that its cookie is fresh and a mapping takes one exchange. Pure: the caller passes datagrams and times. */
#ifndef LIQUIDNET_STEER_WAYPOINT_H
#define LIQUIDNET_STEER_WAYPOINT_H

#include "lib/detour/seal.h"

enum { WAYPOINTS_MOST = 16 };
#define WAYPOINTS_NEVER INT64_MAX

struct waypoint {
	const char *name;
	struct place at; /* where it is asked */
	uint8_t key[SEAL_PUBLIC];
};

/* What is mapped: the server's place, for a client's address. */
struct wish {
	unsigned waypoint;
	struct address client;
	struct place server;
};

struct waypoint_counters {
	uint64_t asked, repeated, granted, refused, silent, released, unsealed, unknown;
};

struct waypoints_handlers {
	void (*send)(void *context, unsigned waypoint, const void *bytes, size_t size);
	/* The answer to a wish: where the mapping is, or NULL and why not (a literal). */
	void (*mapped)(
		void *context, int64_t now, const struct wish *wish, const struct place *to, const char *why);
	void *context;
};

struct waypoints;

/* `own` and `list` stay the caller's and must outlive this. `session` is random. NULL: no memory, or a key that is none. */
struct waypoints *waypoints_new(const struct identity *own, uint64_t session, const struct waypoint *list,
	unsigned count, const struct waypoints_handlers *handlers);
void waypoints_free(struct waypoints *waypoints);

/* Asks for a mapping; `mapped` is called later, once for all that wish the same at the time. Each wish is to be released once. */
void waypoints_ask(struct waypoints *waypoints, int64_t now, const struct wish *wish);
/* The last of those who wished it gives it back. */
void waypoints_release(struct waypoints *waypoints, int64_t now, const struct wish *wish);
void waypoints_receive(
	struct waypoints *waypoints, int64_t now, unsigned waypoint, const void *bytes, size_t size);
int64_t waypoints_deadline(const struct waypoints *waypoints);
void waypoints_tick(struct waypoints *waypoints, int64_t now);
/* Whether a waypoint's last greeting was answered. */
bool waypoints_is_up(const struct waypoints *waypoints, unsigned waypoint);
const struct waypoint_counters *waypoints_counters(const struct waypoints *waypoints, unsigned waypoint);

#endif
