/* What the files of the policy share. */
#ifndef LIQUIDNET_CLIENT_PATHS_INTERNAL_H
#define LIQUIDNET_CLIENT_PATHS_INTERNAL_H

#include "nodes/detour/client/paths.h"

/* A connection that ends closes its subflows one by one before it says so. A replacement for the first of
 * them would be a SYN for nothing, so a place that an established subflow left stays free this long. */
#define HOLD_NS 200000000LL

/* So many subflows besides the initial one the kernel has; some of them may rest. */
#define ROOM_MOST 8

/* A server may allow less than ROOM_MOST: it turns away what is more, once it is established. Then so many are enough as there were, and what
 * was turned away is tried again, after pauses that double, as the server may not have heard yet of the end of another. */
#define TURNED_AWAY_NS 500000000LL
#define TURNED_AWAY_FIRST_NS 50000000LL
#define TURNED_AWAY_MOST 6

struct detour {
	struct paths_detour is;
	bool up;              /* VPN */
	struct address local; /* VPN: the tunnel's; DIRECT: ours, none for the connection's own */
	int if_index;
	int64_t since;
	struct address option_local; /* NAT: SYNs from there may say where they go; none: none may */
	int64_t option_not_before;
};

struct paths {
	struct paths_settings settings;
	struct detour *detours; /* count of them, and the direct path */
	unsigned count;
	struct subflows *subflows;
	struct paths_action *actions; /* a queue: [taken, queued) */
	size_t taken, queued, room;
	int64_t look_at;
};

/* What the policy keeps beside a connection and beside each of its subflows. */
struct plan {
	int64_t hold; /* no new subflow before: it may be closing, or an old one is not yet gone */
	int heir;     /* the path that is to have the next place; -1: none */
	unsigned turned_away;
	unsigned room; /* subflows across detours that the server allows, as far as is known */
	/* IPv4, for a connection over IPv6: what the server has announced, and ours towards it; none: nothing. */
	struct address other_local;
	struct place other_remote;
	/* join_after_bytes */
	bool waits;      /* for bytes */
	uint64_t passed; /* bytes, in the survey at hand */
	uint64_t bytes;  /* that had passed when it was judged last */
	int64_t looked;  /* when that was */
	int64_t look_at;
};

struct path {
	int64_t since;     /* age of the detour (VPN) or of its mapping (NAT): the oldest is used first */
	uint16_t port;     /* NAT: the detour's port for this destination */
	unsigned silences; /* requests in a row without an answer */
	int64_t rests;     /* since when; 0: it does not */
	uint16_t mapped;   /* NAT: the port that the detour has answered; 0: none yet */
	bool option;       /* NAT: this subflow's SYN says where it goes */
};

/* Of a connection's subflow across a NAT detour: our address, the detour's, and where that is to lead. */
struct ends {
	struct address local, detour;
	struct place remote;
};

static inline struct plan *plan_of(const struct subflows_connection *connection)
{
	return connection->own;
}

static inline struct path *path_of(const struct subflows_connection *connection, unsigned detour)
{
	return (struct path *)connection->own_paths + detour;
}
static inline bool is_used(const struct subflow *subflow)
{
	return subflow->state == PATH_JOINING || subflow->state == PATH_UP;
}

/* False: the detour has no address of a family that the connection can have. */
bool paths_ends(const struct paths *paths, const struct subflows_connection *connection, unsigned index,
	struct ends *ends);
/* Subflows across detours that have data, or will: those that rest do not. */
unsigned paths_used(const struct paths *paths, const struct subflows_connection *connection);
void paths_ask(struct paths *paths, struct subflows_connection *connection, unsigned detour, bool fresh);
/* Opens what there is room for. */
void paths_serve(struct paths *paths, int64_t now, struct subflows_connection *connection);
/* Sees to it that a direct subflow that ended is made anew, when its time has come. */
void paths_restore_direct(struct paths *paths, int64_t now, struct subflows_connection *connection);
/* The time has come. */
void paths_join_direct(struct paths *paths, int64_t now, struct subflows_connection *connection);
/* What a connection first wants of a detour; of a tunnel, or of a direct way. */
void paths_enter(struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index);
void paths_enter_way(const struct paths *paths, struct subflows_connection *connection, unsigned index);
/* A connection is new: it may have to wait for bytes. */
void paths_wait_for_bytes(struct paths *paths, int64_t now, struct subflows_connection *connection);
/* What the SYN said was not understood: the detour's answer decides from now on. */
void paths_leave_option(
	struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index);

#endif
