/* One client's choice among replicas: C3 (Trilogy2 D1.4, section 3.7; Suresh et al., NSDI 2015) and the policies with which it is
 * compared. For each request the client names a group of servers that could serve it. It gets a server at once, or the request
 * waits in the group's queue until one of the servers is within its rate (backpressure). With each answer a server says how many
 * requests wait and how long the service took.
 *
 * Pure: no clock, no socket. Times are nanoseconds of any clock that does not step; calls are in order of time. The daemon and the
 * simulator use it. */
#ifndef LIQUIDNET_REPLICA_CHOOSER_H
#define LIQUIDNET_REPLICA_CHOOSER_H

#include "nodes/replica/limiter.h"
#include <stdbool.h>
#include <stdint.h>

#define CHOOSER_REPLICAS 16 /* most servers of a group */

enum selection {
	SELECT_C3,
	SELECT_LOR,         /* least outstanding requests */
	SELECT_ROUND_ROBIN, /* a turn per group */
	SELECT_SNITCH,      /* Cassandra's Dynamic Snitching */
	SELECT_RANDOM,
	SELECT_ORACLE, /* the server that is told to be the least loaded */
	SELECTIONS
};
extern const char
	*const selection_names[SELECTIONS + 1]; /* "c3", "lor", "rr", "ds", "random", "oracle", NULL */

struct chooser_settings {
	enum selection select;
	bool control;     /* rates are limited */
	unsigned clients; /* w: for how many each of our outstanding requests counts */
	double exponent;  /* b of the score: 3 */
	double alpha;     /* weight of the newest sample in smoothed values */
	struct limiter_settings limiter;
	unsigned servers, groups, replicas; /* replicas: servers per group, 1..CHOOSER_REPLICAS */
	const uint16_t *members; /* groups x replicas servers; borrowed, lives as long as the chooser */
	uint64_t seed;
	/* SELECT_ORACLE: the load of a server now; less is better. */
	double (*load)(void *context, unsigned server);
	void *context;
};
/* C3 as published; the caller sets servers, groups, replicas, members. */
extern const struct chooser_settings CHOOSER_SETTINGS;

struct feedback {
	double response_ns; /* from sending to the answer */
	double service_ns;  /* below 0: the server does not say */
	double queue;       /* requests that waited when the answer left; below 0: the server does not say */
};

/* What is known of a server; for logs. */
struct server_view {
	double response_ns, service_ns, queue; /* smoothed */
	uint32_t outstanding;
	bool known, failed;
	struct limiter limiter;
};

struct chooser;

/* NULL: no memory. The settings are copied. */
struct chooser *chooser_new(const struct chooser_settings *settings, int64_t now_ns);
void chooser_free(struct chooser *chooser);

/* A new request. Returns the server to which it is to be sent now, or -1: it waits. `request` is the caller's name for it. Requests that
 * already wait in the group go first. */
int chooser_ask(struct chooser *chooser, unsigned group, uint32_t request, int64_t now_ns);
/* The next waiting request that may go now, and its server. False: none before chooser_wake. Groups take turns. */
bool chooser_next(struct chooser *chooser, int64_t now_ns, uint32_t *request, unsigned *server);
/* When chooser_next is to be asked again; INT64_MAX: nothing waits. */
int64_t chooser_wake(const struct chooser *chooser);
/* One more request to this server, without choice or waiting: a read repair, a retry, a write. */
void chooser_also(struct chooser *chooser, unsigned server, int64_t now_ns);

void chooser_answered(
	struct chooser *chooser, unsigned server, const struct feedback *feedback, int64_t now_ns);
/* A request to it will have no answer: nothing is learned. */
void chooser_forgotten(struct chooser *chooser, unsigned server);
/* The server is gone, and all its outstanding requests with it. It is last in every order until it answers. (Neither text says what to
 * do then.) */
void chooser_failed(struct chooser *chooser, unsigned server);
/* The server is back. It counts as a server of which nothing is known. */
void chooser_returned(struct chooser *chooser, unsigned server, int64_t now_ns);
void chooser_severity(struct chooser *chooser, unsigned server, double severity);

const struct server_view *chooser_view(const struct chooser *chooser, unsigned server);
/* Requests that had to wait, ever; that wait now. */
uint64_t chooser_held(const struct chooser *chooser);
uint32_t chooser_waiting(const struct chooser *chooser);
/* A group's servers as they would be tried now. */
void chooser_order(struct chooser *chooser, unsigned group, int64_t now_ns, unsigned order[CHOOSER_REPLICAS]);

/* The score: R - T + q^b T with q = 1 + outstanding x clients + queue, in the unit of R and T. Less is better (D1.4, 3.7.6). */
double c3_score(
	double response, double service, double queue, double outstanding, unsigned clients, double exponent);

#endif
