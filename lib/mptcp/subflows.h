/* Subflows: the keeper of a host's MPTCP connections and of the subflows that each has: which exist, are being made,
 * have failed and may be tried again. Which are wanted, and when, is a policy's business: the keeper is told what it
 * decides and what the kernel says, and tells what the kernel is to do. Pure: time goes in with each call, actions
 * come out; it knows no clock and no socket. (The kernel's side: lib/mptcp/pm.h, lib/mptcp/survey.h.)
 *
 * A connection has paths, numbered by the policy: what it may be sent across (a detour, a neighbour's link). On each
 * path stands one subflow at most:
 *
 *   NONE --subflows_join--> JOINING --subflows_up--> UP --subflows_destroy--> NONE
 *   JOINING, UP --refused, closed, not established in time--> WAITING (back-off) or GIVEN_UP --time, policy--> NONE
 *
 * A policy may have reasons of its own why there is no subflow yet: states from SUBFLOW_STATES on, which it sets. */
#ifndef LIQUIDNET_MPTCP_SUBFLOWS_H
#define LIQUIDNET_MPTCP_SUBFLOWS_H

#include "lib/mptcp/survey.h"
#include "lib/net/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBFLOWS_NEVER INT64_MAX

enum subflow_state {
	SUBFLOW_NONE,
	SUBFLOW_JOINING,  /* SYN sent; failed at `at` */
	SUBFLOW_UP,       /* established at `at` */
	SUBFLOW_WAITING,  /* failed; may be tried again at `at` */
	SUBFLOW_GIVEN_UP, /* failed too often in a row */
	SUBFLOW_STATES
};

struct subflow {
	unsigned state;    /* enum subflow_state, or the policy's */
	int64_t at;        /* ns, as the state says */
	unsigned failures; /* in a row */
	bool backup;       /* low priority (RFC 8684, section 3.3.8), by our wish */
	uint8_t local_id;
	struct place local, remote; /* local.port: 0 until it is established */
	/* The keeper's. */
	uint16_t left; /* local port of one that was taken away, and whose end was not told yet; 0: none */
	bool seen, left_seen; /* alive, by a survey */
};

struct subflows_connection {
	uint32_t token;
	int64_t since;              /* it is known */
	struct place local, remote; /* of the initial subflow */
	bool initial_closed;
	struct subflow *paths;
	unsigned count;
	void *own, *own_paths; /* the policy's: connection_size bytes, and path_size for each path */
	struct subflows_connection *next;
	/* The keeper's. */
	struct subflows_connection *previous, *bucket_next;
	bool seen, initial_seen;
	struct subflows_local *locals; /* address identifiers given out */
	unsigned local_count;
};

struct subflows_settings {
	unsigned paths;                    /* of a connection; 0: as subflows_place finds them */
	size_t connection_size, path_size; /* of what the policy keeps beside each; zero at first */
	int64_t join_ns;                   /* a subflow that is not established by then has failed */
	int64_t retry_first_ns;            /* back-off: first pause; doubles */
	int64_t retry_last_ns;             /* longest pause */
	unsigned attempts;                 /* in a row that may fail; 0: without end */
	int64_t stable_ns; /* a subflow that lived this long forgives the failures before it */
};

enum subflow_action_kind { SUBFLOW_CREATE, SUBFLOW_DESTROY, SUBFLOW_PRIORITY };

/* What the kernel is to do. */
struct subflow_action {
	enum subflow_action_kind kind;
	uint32_t token;
	unsigned path;
	struct place local, remote; /* CREATE: local.port is 0 */
	uint8_t local_id;           /* CREATE */
	int if_index;               /* CREATE; 0: as routing says */
	bool backup;                /* CREATE, PRIORITY */
};

typedef void subflows_act(void *context, const struct subflow_action *action);

struct subflows;

/* `act` is told each action when it is due, before the call that led to it returns; a CREATE that the kernel refuses is
 * told by subflows_failed, then or later. Never fails: memory that runs out ends the program. */
struct subflows *subflows_new(const struct subflows_settings *settings, subflows_act *act, void *context);
void subflows_free(struct subflows *subflows);

/* ---- connections */

/* The connection of that token, made where there is none. */
struct subflows_connection *subflows_open(
	struct subflows *subflows, int64_t now, uint32_t token, struct place local, struct place remote);
struct subflows_connection *subflows_find(const struct subflows *subflows, uint32_t token);
/* The oldest; then ->next. */
struct subflows_connection *subflows_first(const struct subflows *subflows);
/* Forgets it; an unknown one is none. */
void subflows_close(struct subflows *subflows, uint32_t token);

/* ---- what the policy wants */

struct subflow_wish {
	struct address local;
	struct place remote;
	uint8_t local_id; /* 0: the keeper chooses */
	int if_index;
	bool backup;
};

/* A subflow on a path that has none. The kernel wants local addresses and identifiers one to one within a connection
 * (the initial subflow's own is 0, and the same address without its port is another): where none is left, the path is
 * given up. */
void subflows_join(struct subflows *subflows, int64_t now, struct subflows_connection *connection,
	unsigned path, const struct subflow_wish *wish);
/* Takes the subflow away that is up on the path. */
void subflows_destroy(struct subflows *subflows, struct subflows_connection *connection, unsigned path);
/* Closes a subflow that lives beside the path's own, which stays. */
void subflows_turn_away(struct subflows *subflows, const struct subflows_connection *connection,
	unsigned path, struct place local, struct place remote);
/* Low priority, or not any more, for the subflow that is up on the path. */
void subflows_set_backup(
	struct subflows *subflows, struct subflows_connection *connection, unsigned path, bool backup);
/* The path is another than it was: its failures say nothing now, and it may be tried at once. */
void subflow_forgive(struct subflow *subflow);
/* First pause, twice that, ... for what failed so many times in a row (>= 1). */
int64_t subflows_back_off(const struct subflows *subflows, unsigned times);

/* ---- what the kernel says; each may be repeated */

/* A subflow lives on the path, made by us or found. */
void subflows_up(struct subflows *subflows, int64_t now, struct subflows_connection *connection,
	unsigned path, struct place local, struct place remote, uint8_t local_id, bool backup);
/* A local address and its identifier, of a subflow that is on no path of ours. */
void subflows_note_local(struct subflows_connection *connection, struct address address, uint8_t local_id);
/* A subflow has ended; `path`: where it ran, or -1. True: it was the path's, which has failed. */
bool subflows_down(struct subflows *subflows, int64_t now, struct subflows_connection *connection, int path,
	struct place local, struct place remote);
/* What was on the path, or was asked for, has come to nothing. */
void subflows_failed(
	struct subflows *subflows, int64_t now, struct subflows_connection *connection, unsigned path);
/* The path on which a subflow of these ends is up; else one without, made where there is none: for a policy that has no
 * paths of its own. */
unsigned subflows_place(struct subflows *subflows, struct subflows_connection *connection, struct place local,
	struct place remote);

/* What has ended unseen, by a survey of all that lives. */
struct subflows_missed {
	/* No subflow of it lives; it may be closed there and then. */
	void (*closed)(void *context, struct subflows_connection *connection);
	/* The subflow on that path. */
	void (*ended)(void *context, struct subflows_connection *connection, unsigned path);
	void *context;
};
void subflows_compare(struct subflows *subflows, const struct survey_subflow *list, size_t count,
	const struct subflows_missed *missed);

/* ---- time */

/* When something is due next, of what was set and of what subflows_wake_at was told; SUBFLOWS_NEVER: nothing. May be
 * early, never late. */
int64_t subflows_deadline(const struct subflows *subflows);
void subflows_wake_at(struct subflows *subflows, int64_t at);
/* False: nothing is due. Else every path is to be asked now (subflows_due), which sets the deadline anew. */
bool subflows_wake(struct subflows *subflows, int64_t now);
/* A subflow that is not established in time has failed now. True: a path that waited may be tried again; it has none. */
bool subflows_due(
	struct subflows *subflows, int64_t now, struct subflows_connection *connection, unsigned path);

#endif
