/* The policy: which subflows a connection gets, and when. A pure library: events go in with the time at which
 * they happened, actions come out of a queue, and nothing here touches the kernel, the network or a clock.
 *
 * The rules (S. Brennan 2017, section 4.2.1, and what a real network adds):
 * - When a connection is fully established every NAT detour is asked for a mapping to its destination.
 * - Subflows are opened across detours until `limit` of them live; the initial subflow does not count.
 * - VPN detours that are up come first, then direct ways, which are always there, then NAT detours that have answered; in each
 * kind the oldest first. A direct way is no detour: it leads from another address of ours, or from the connection's own once more
 * with another port, to where the connection goes.
 * - None before join_after_ns have passed since a connection was established, and join_after_bytes on it.
 * - A detour that comes up later serves the connections that live: a silent NAT detour is asked again with
 * back-off for as long as a connection wants it, and all wait no longer once it answers any of them.
 * - A subflow that is refused, closed, or not established within `join_deadline_ns` frees its place for the
 * next detour. Its detour is tried again after a back-off, a NAT detour being asked again first (its mapping
 * may be gone), and at most `attempts` times in a row, until the detour itself changes (a tunnel comes up
 * anew, a mapping moves).
 * - Where the direct path's subflow has ended, and the connection lives, it is made anew after a back-off, for as long as it takes
 *   (a program's data then is on detours alone). It takes no place of a detour's.
 * - A detour serves connections of the families that it has addresses of, as NAT keeps the family; tunnels serve IPv4.
 *   One that has IPv4 alone serves a connection over IPv6 once the server has announced an IPv4 address (ADD_ADDR).
 * - Untouched: connections accepted here, those to a detour or to a signalling or VPN port, and those that no
 * detour could carry (loopback, link-local, own address). */
#ifndef LIQUIDNET_CLIENT_PATHS_H
#define LIQUIDNET_CLIENT_PATHS_H

#include "lib/mptcp/subflows.h"
#include "lib/net/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATHS_NEVER SUBFLOWS_NEVER

enum detour_kind { DETOUR_NAT, DETOUR_VPN, DETOUR_DIRECT, DETOUR_NONE };

struct paths_detour {
	enum detour_kind kind;
	struct place at;      /* where it listens: signalling (NAT) or OpenVPN (VPN) */
	struct address other; /* NAT: its address of the other family; none: it has one family */
	struct address from;  /* DIRECT: our address; none: the connection's own */
};

struct paths_settings {
	unsigned limit;    /* detour subflows of a connection */
	unsigned attempts; /* subflows in a row that may fail, of one connection across one detour; >= 1 */
	int64_t join_after_ns; /* no detour subflow earlier than this after a connection was established */
	uint64_t
		join_after_bytes; /* nor before so many bytes have passed on it, both ways together; 0: no matter */
	int64_t join_deadline_ns; /* a subflow that is not established by then has failed */
	int64_t retry_first_ns;   /* back-off: first pause; doubles */
	int64_t retry_last_ns;    /* longest pause */
	int64_t stable_ns;        /* a subflow that lived this long forgives the failures before it */
};

/* Of a connection across one detour: what the keeper says of its subflow, and why there is none yet. */
enum path_state {
	PATH_IDLE = SUBFLOW_NONE, /* VPN: the tunnel is down */
	PATH_JOINING = SUBFLOW_JOINING,
	PATH_UP = SUBFLOW_UP,
	PATH_WAITING = SUBFLOW_WAITING,
	PATH_GIVEN_UP = SUBFLOW_GIVEN_UP,
	PATH_ASKED = SUBFLOW_STATES, /* NAT: a request is under way */
	PATH_SILENT,                 /* NAT: did not answer; asked again at `at` */
	PATH_READY,                  /* may be used when there is a place */
	PATH_OTHER_FAMILY,           /* the detour has no address of the connection's family */
	PATH_STATES
};

enum paths_verdict {
	PATHS_TAKEN,
	PATHS_KNOWN,
	PATHS_SERVER_SIDE,
	PATHS_TO_DETOUR,
	PATHS_UNREACHABLE,
	PATHS_VERDICTS
};

enum paths_action_kind { PATHS_ASK, PATHS_CREATE, PATHS_DESTROY, PATHS_PRIORITY };

struct paths_action {
	enum paths_action_kind kind;
	unsigned detour; /* index */
	uint32_t token;  /* CREATE, DESTROY */
	/* ASK: the connection's own address and its destination; CREATE: local.port is 0. */
	struct place local, remote;
	uint8_t local_id; /* CREATE */
	int if_index;     /* CREATE; 0: as routing says */
	bool backup;      /* PRIORITY */
	bool option;      /* CREATE: the SYN itself says `destination` */
	struct address destination;
	bool fresh; /* ASK: a mapping from before is in doubt, the detour itself must answer */
};

struct paths;

/* `detours` and *settings are copied. A detour of kind DETOUR_NONE is a place for one that may come (paths_set_detour). Never
 * fails: memory that runs out ends the program. */
struct paths *paths_new(
	const struct paths_settings *settings, const struct paths_detour *detours, unsigned count);
void paths_free(struct paths *paths);
/* A detour comes to a place, or leaves it (NULL): its subflows are taken away then, and others take their places. */
void paths_set_detour(struct paths *paths, int64_t now, unsigned index, const struct paths_detour *detour);

/* Takes the next action out of the queue; false when there is none. To be emptied after each event. */
bool paths_next_action(struct paths *paths, struct paths_action *action);
/* The address of a detour that is of that one's family; NULL: it has none. */
const struct address *paths_address(const struct paths_detour *detour, const struct address *like);
/* When paths_tick wants to be called next; PATHS_NEVER: no need. May be early, never late. */
int64_t paths_deadline(const struct paths *paths);
void paths_tick(struct paths *paths, int64_t now);

/* join_after_bytes: when paths_look wants to be called next, with all subflows that live (survey_take); PATHS_NEVER: nobody waits for
 * bytes. A connection is looked at when at its pace half of what is missing has passed, 1 to 100 ms after the look before, and no
 * sooner than ten times what a look takes, `spent_ns`. May be early, never late. */
int64_t paths_look_at(const struct paths *paths);
void paths_look(
	struct paths *paths, int64_t now, int64_t spent_ns, const struct survey_subflow *list, size_t count);

/* Events of connections and subflows. Each may be repeated, and may name what is unknown. */
enum paths_verdict paths_established(struct paths *paths, int64_t now, uint32_t token, struct place local,
	struct place remote, bool server_side);
/* The same of a connection that lived before: it may have subflows, of which paths_subflow_established tells next. None is opened for it before
 * paths_serve_all. */
enum paths_verdict paths_found(struct paths *paths, int64_t now, uint32_t token, struct place local,
	struct place remote, bool server_side);
void paths_serve_all(struct paths *paths, int64_t now);
void paths_closed(struct paths *paths, uint32_t token);
void paths_subflow_established(struct paths *paths, int64_t now, uint32_t token, struct place local,
	struct place remote, uint8_t local_id);
void paths_subflow_closed(
	struct paths *paths, int64_t now, uint32_t token, struct place local, struct place remote);
/* The server has announced an address of its own, with the port at which it takes subflows; `local` is ours towards it, none where there is
 * no route. Of use is the first of IPv4 to a connection over IPv6 (the kernel lets no other have both). */
void paths_announced(
	struct paths *paths, int64_t now, uint32_t token, struct address local, struct place remote);
/* The kernel refused to create the subflow across `detour`. */
void paths_subflow_refused(struct paths *paths, int64_t now, uint32_t token, unsigned detour);

/* A NAT detour has answered: for what comes from `local`, `port` leads to `remote`; the mapping is known since `since`. */
void paths_mapped(struct paths *paths, int64_t now, unsigned detour, struct address local,
	struct place remote, uint16_t port, int64_t since);
/* A NAT detour understands destinations in SYNs that come from `local`. From then on a connection need not wait for its answer (which it is
 * asked for all the same). Where such a subflow fails, by refusal, or in silence for a second, the path may be one that drops or removes the
 * option: it is not tried again for PATHS_OPTION_PAUSE_NS, and the mapping is used. */
#define PATHS_OPTION_PAUSE_NS (600 * 1000000000LL)
void paths_set_option(struct paths *paths, unsigned detour, struct address local);
/* A NAT detour did not answer in time, or refused. */
void paths_unmapped(
	struct paths *paths, int64_t now, unsigned detour, struct address local, struct place remote);
/* A tunnel came up (again) / went down. */
void paths_tunnel_up(struct paths *paths, int64_t now, unsigned detour, struct address local, int if_index);
void paths_tunnel_down(struct paths *paths, int64_t now, unsigned detour);

/* Another route is taken (client/routing.h): the place of the subflow across `from` is for `to` (-1: for whichever is best). `dead`: `from`
 * has failed: it is taken away at once, and is tried again after a back-off. Else it rests: low priority (RFC 8684, section 3.3.8), so that
 * no data is given to it, and is there when it is wanted again. (Whenever a subflow is taken away, the kernel sends all again that the
 * connection has under way, on whatever subflow.) `anew`: a subflow that rests on `to` is taken away for a new one. Nothing happens where `from`
 * carries none. */
void paths_reroute(
	struct paths *paths, int64_t now, uint32_t token, unsigned from, int to, bool dead, bool anew);
bool paths_rests(const struct subflows_connection *connection, unsigned detour);
/* Whether the server has room for subflows that rest, as far as is known. */
bool paths_have_room(const struct paths *paths, const struct subflows_connection *connection);
/* The path of the direct subflow that followed the initial one: behind those of the detours. */
unsigned paths_direct(const struct paths *paths);
/* The ends of the direct subflow: the initial one, or the one that followed. False: there is none now. */
bool paths_direct_ends(const struct paths *paths, const struct subflows_connection *connection,
	struct place *local, struct place *remote);
/* The direct subflow delivers nothing any more: it is taken away, and made anew after a back-off. False: not done, as there is no other
 * subflow (the kernel ends a connection that has none for net.mptcp.close_timeout). */
bool paths_direct_dead(struct paths *paths, int64_t now, uint32_t token);

/* No detour that there is has an address of the connection's family. */
bool paths_fits_none(const struct paths *paths, const struct subflows_connection *connection);
/* Whether a living connection from `local` uses, or could use, the mapping to `remote`: it is worth renewing. */
bool paths_wants(const struct paths *paths, unsigned detour, struct address local, struct place remote);
/* Their paths: one a detour, in their order. */
const struct subflows_connection *paths_first(const struct paths *paths); /* then ->next */
const struct subflows_connection *paths_find(const struct paths *paths, uint32_t token);
/* Tells `missed` of what has ended unseen (subflows_compare). */
void paths_compare(struct paths *paths, const struct survey_subflow *list, size_t count,
	const struct subflows_missed *missed);
const char *path_state_name(enum path_state state);
const char *paths_verdict_name(enum paths_verdict verdict);
#endif
