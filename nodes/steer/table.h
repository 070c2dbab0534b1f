/* Table: the flows and connections that a box on the path knows; their number is limited. A flow is a subflow's four-tuple with the
 * sequence numbers of both directions. A connection is what its flows share: keys and tokens. Pure.
 *
 * Two queues protect against a flood, as in a segmented LRU cache. Flows that have proven nothing are in `young`, which has a quarter of
 * the room, and replace only each other. A flow whose handshake both ends have answered, and which has carried data, is in `old`. Only
 * other such flows replace it, and the one that was silent for longest goes first. A flow that is being redirected is never replaced. */
#ifndef LIQUIDNET_STEER_TABLE_H
#define LIQUIDNET_STEER_TABLE_H

#include "lib/mptcp/packet.h"
#include "nodes/steer/rules.h"

enum { FROM_CLIENT, FROM_SERVER };
#define TABLE_NONE UINT32_MAX

struct direction {
	uint32_t next; /* sequence number behind the highest that was seen */
	uint32_t ack;  /* as last sent by this side */
	uint32_t hole; /* while `holes`: behind what was missed; the other side's ACK closes it */
	uint16_t window;
	uint8_t scale;
	bool started, holes, finished;
	uint64_t bytes; /* payload */
	pattern_state patterns[RULES_MOST];
};

enum flow_state {
	FLOW_ASKED,    /* SYN */
	FLOW_ANSWERED, /* SYN/ACK */
	FLOW_PROVEN,   /* third packet: keys, or a join's HMACs, were right */
	FLOW_UP,       /* and the server has spoken after it */
	FLOW_BLIND,    /* its handshake was not seen, or it is another's other half: left alone */
};

/* What finding it looks at comes first: one cache line. */
struct flow {
	uint32_t hash, chain;
	struct packet_end client, server; /* who sent the SYN, and its peer */
	uint8_t family;
	bool is_join, is_old, watched; /* watched: never pushed out */
	uint8_t state;                 /* of enum flow_state */
	uint32_t connection;           /* TABLE_NONE: not known yet */
	uint32_t touched; /* when it last went to the front of its queue, in packets of the table */
	struct direction direction[2];
	uint64_t server_key; /* of the SYN/ACK, until the third packet repeats it */
	uint32_t nonce[2];   /* of a join */
	uint32_t sibling;    /* the connection's next flow */
	uint32_t newer, older;
};

struct redirect; /* of steps.h */

struct connection {
	bool used,
		strayed; /* strayed: has joins to addresses that the server did not begin with, and not by us */
	bool decided;    /* a rule has held already */
	uint64_t key[2]; /* the client's, the server's */
	uint32_t token[2];
	struct packet_end server; /* where the client began */
	uint32_t flows;           /* the first of the chain of siblings */
	uint32_t
		current; /* the flow that carries it: the initial one, or the last one it was redirected to */
	uint32_t chain;  /* of the token's bucket, or of what is free */
	struct redirect *redirect;
};

struct table_counters {
	uint64_t flows, connections; /* at the moment */
	uint64_t old;
	uint64_t pushed_young, pushed_old; /* out, ever */
	uint64_t refused;                  /* no room, because all flows are being redirected */
};

struct table;

/* Room for `capacity` flows, 16 to 2^24, and as many connections. `gone` is called before a connection is removed. NULL: no memory. */
struct table *table_new(uint32_t capacity, void (*gone)(void *context, uint32_t connection), void *context);
void table_free(struct table *table);
const struct table_counters *table_counters(const struct table *table);

/* The flow between two ends, whichever sent the packet; TABLE_NONE. *direction: who sent it. */
uint32_t table_find(const struct table *table, const struct packet *packet, unsigned *direction);
/* A new flow whose client sent this packet; young. The flow must not be there. TABLE_NONE: refused. */
uint32_t table_add(struct table *table, const struct packet *packet);
void table_remove(struct table *table, uint32_t flow);
/* A packet of the flow came: the flow moves to the end of its queue that is replaced last. Moving costs time, so a flow moves at most once per
 * (table size / 16) packets; the order of silence is exact up to that. `proven`: the flow is old from now on. */
void table_touch(struct table *table, uint32_t flow, bool proven);

struct flow *table_flow(struct table *table, uint32_t flow);
struct connection *table_connection(struct table *table, uint32_t connection);

/* The connection of a flow whose keys are now known. TABLE_NONE: refused. */
uint32_t table_connect(struct table *table, uint32_t flow, const uint64_t key[2], const uint32_t token[2]);
/* The connection by the token of its server's key. */
uint32_t table_by_token(const struct table *table, uint32_t token);
/* Adds a join's flow to its connection. */
void table_join(struct table *table, uint32_t flow, uint32_t connection);
/* The next connection in use after `connection` (TABLE_NONE: the first). */
uint32_t table_next(const struct table *table, uint32_t connection);

#endif
