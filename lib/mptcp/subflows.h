/* Subflows: keeps the state of a host's MPTCP connections and of their subflows: which subflows exist, are being made, have
 * failed, and may be tried again. A policy decides which subflows are wanted, and when. The policy tells the keeper its
 * decisions and the events of the kernel; the keeper answers with actions for the kernel. Pure: the caller passes the time
 * with each call, and actions come out; there is no clock and no socket here. (The kernel's side is lib/mptcp/pm.h and
 * lib/mptcp/survey.h.)
 *
 * A connection has paths, which the policy numbers. A path is a way for packets, such as a detour or a neighbour's link. Each
 * path has at most one subflow:
 *
 *   NONE --subflows_join--> JOINING --subflows_up--> UP --subflows_destroy--> NONE
 *   JOINING, UP --refused, closed, not established in time--> WAITING (back-off) or GIVEN_UP --time, policy--> NONE
 *
 * A policy may set further states, from SUBFLOW_STATES on, for its own reasons why a path has no subflow yet. */
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
	uint16_t
		left; /* local port of a removed subflow whose end the kernel has not reported yet; 0: none */
	bool seen, left_seen; /* alive, according to a survey */
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

/* `act` is called for each action, before the call that caused it returns. If the kernel refuses a CREATE, the caller reports
 * this by subflows_failed, at once or later. Never fails: if memory runs out, the program ends. */
struct subflows *subflows_new(const struct subflows_settings *settings, subflows_act *act, void *context);
void subflows_free(struct subflows *subflows);

/* ---- connections */

/* The connection of that token; it is made if there is none. */
struct subflows_connection *subflows_open(
	struct subflows *subflows, int64_t now, uint32_t token, struct place local, struct place remote);
struct subflows_connection *subflows_find(const struct subflows *subflows, uint32_t token);
/* The oldest; then ->next. */
struct subflows_connection *subflows_first(const struct subflows *subflows);
/* Forgets the connection of that token, if there is one. */
void subflows_close(struct subflows *subflows, uint32_t token);

/* ---- what the policy wants */

struct subflow_wish {
	struct address local;
	struct place remote;
	uint8_t local_id; /* 0: the keeper chooses */
	int if_index;
	bool backup;
};

/* Makes a subflow on a path that has none. The kernel requires that each local address of a connection has its own identifier.
 * (The initial subflow's is 0, and the same address without its port counts as another.) If no identifier is left, the path
 * is given up. */
void subflows_join(struct subflows *subflows, int64_t now, struct subflows_connection *connection,
	unsigned path, const struct subflow_wish *wish);
/* Removes the subflow that is up on the path. */
void subflows_destroy(struct subflows *subflows, struct subflows_connection *connection, unsigned path);
/* Closes a subflow that lives beside the path's own, which stays. */
void subflows_turn_away(struct subflows *subflows, const struct subflows_connection *connection,
	unsigned path, struct place local, struct place remote);
/* Low priority, or not any more, for the subflow that is up on the path. */
void subflows_set_backup(
	struct subflows *subflows, struct subflows_connection *connection, unsigned path, bool backup);
/* The path has changed: its failures no longer count, and it may be tried at once. */
void subflow_forgive(struct subflow *subflow);
/* The pause after `times` failures in a row (>= 1): the first pause, then twice that, and so on. */
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
/* The subflow on the path, or the attempt to make one, has failed. */
void subflows_failed(
	struct subflows *subflows, int64_t now, struct subflows_connection *connection, unsigned path);
/* For a policy without paths of its own: the path on which a subflow between these ends is up; otherwise a path without a
 * subflow, which is made if there is none. */
unsigned subflows_place(struct subflows *subflows, struct subflows_connection *connection, struct place local,
	struct place remote);

/* Connections and subflows whose end was missed, found by a survey of those that live. */
struct subflows_missed {
	/* No subflow of the connection lives; the callee may close it. */
	void (*closed)(void *context, struct subflows_connection *connection);
	/* The subflow on that path has ended. */
	void (*ended)(void *context, struct subflows_connection *connection, unsigned path);
	void *context;
};
void subflows_compare(struct subflows *subflows, const struct survey_subflow *list, size_t count,
	const struct subflows_missed *missed);

/* ---- time */

/* When something is due next, including the times given to subflows_wake_at; SUBFLOWS_NEVER: nothing. It may be too early,
 * never too late. */
int64_t subflows_deadline(const struct subflows *subflows);
void subflows_wake_at(struct subflows *subflows, int64_t at);
/* False: nothing is due. True: the caller must call subflows_due for every path, which sets the deadline anew. */
bool subflows_wake(struct subflows *subflows, int64_t now);
/* Marks a subflow that was not established in time as failed. True: the path has waited long enough; it has no subflow, and
 * may be tried again. */
bool subflows_due(
	struct subflows *subflows, int64_t now, struct subflows_connection *connection, unsigned path);

#endif
