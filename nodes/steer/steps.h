/* Steps: the redirection of a connection over a waypoint (Trilogy2 D1.1, section 2.1.3.1.5.1), as a state machine: ask the waypoint for
 * a mapping, announce the waypoint to the client in the server's name, see the client's join in both directions, reset the old flow.
 * A failure before the join is undone, and the old path stays as it was. Several waypoints are used one after the other. Pure: the
 * caller passes packets and times (nanoseconds of one clock); handlers get what is to be sent. */
#ifndef LIQUIDNET_STEER_STEPS_H
#define LIQUIDNET_STEER_STEPS_H

#include "nodes/steer/watch.h"

#define STEPS_NEVER INT64_MAX

enum step {
	STEP_MAPPING,    /* the waypoint is asked */
	STEP_ANNOUNCING, /* the client is told, again and again */
	STEP_JOINING,    /* its SYN was seen */
	STEP_RELEASING,  /* the new flow is up; the old ones are being reset */
	STEP_DONE,
	STEP_FAILED, /* before the join: undone */
	STEPS,
};

/* The time at which each state was first reached, in nanoseconds; 0: not yet. `proven`: the join's third packet; `up`: the server's answer
 * to it. */
enum moment { AT_MATCH, AT_MAPPED, AT_ANNOUNCED, AT_JOIN, AT_PROVEN, AT_UP, AT_RELEASED, AT_QUIET, MOMENTS };

/* A redirection to one waypoint, as it is reported. */
struct report {
	uint64_t number;
	uint32_t token; /* of the server's key */
	struct packet_end client, from, to, server;
	unsigned waypoint, stage, announcements, resets;
	int rule; /* -1: it was asked for */
	enum step step;
	const char *why; /* of a failure; a literal */
	int64_t at[MOMENTS];
	uint64_t old_bytes_after; /* payload on old flows after the first reset */
};

struct steps_handlers {
	/* Asks a waypoint for a mapping of `server` for that client; steps_mapped answers, once, and not
	 * before this returns. */
	void (*ask)(void *context, unsigned waypoint, const struct packet_end *client,
		const struct packet_end *server);
	/* The mapping is not wanted any more (it may not have come yet). */
	void (*release)(void *context, unsigned waypoint, const struct packet_end *client,
		const struct packet_end *server);
	void (*send)(void *context, const struct packet *packet);
	/* A redirection has made a step. */
	void (*told)(void *context, const struct report *report);
	void *context;
};

struct steps_settings {
	int64_t announce_every_ns; /* 250 ms */
	int64_t join_within_ns;    /* of the first announcement; 2 s */
	int64_t quiet_ns;          /* old flows without a packet: 300 ms */
	unsigned resets_most;      /* of one redirection; 64 */
	unsigned redirects_most;   /* at a time */
};

struct steps_counters {
	uint64_t begun, done, failed;
	uint64_t refused; /* because redirects_most are under way */
	uint64_t strayed; /* rules that applied to a connection that somebody else had moved */
};

struct steps;

/* NULL: no memory. Counters of watching go to *watch. */
struct steps *steps_new(uint32_t capacity, const struct rules *rules, const struct steps_settings *settings,
	const struct steps_handlers *handlers);
void steps_free(struct steps *steps);

/* A packet has passed. */
void steps_packet(struct steps *steps, int64_t now, const struct packet *packet);
/* The answer to `ask`; `to` NULL: none, and `why` is a literal. */
void steps_mapped(struct steps *steps, int64_t now, unsigned waypoint, const struct packet_end *client,
	const struct packet_end *server, const struct packet_end *to, const char *why);
/* When steps_tick is wanted next. */
int64_t steps_deadline(const struct steps *steps);
void steps_tick(struct steps *steps, int64_t now);

/* Asks for a redirection now, whatever the rules say. NULL, or why not. */
const char *steps_redirect(
	struct steps *steps, int64_t now, uint32_t token, const unsigned *via, unsigned via_count);

struct table *steps_table(struct steps *steps);
const struct watch_counters *steps_watched(const struct steps *steps);
const struct steps_counters *steps_counters(const struct steps *steps);
/* A packet passed that is no readable segment. */
void steps_passed(struct steps *steps, enum packet_result result);
/* "mapping", "announcing", ...; "match", "mapped", ... */
const char *step_name(enum step step);
const char *moment_name(enum moment moment);

#endif
