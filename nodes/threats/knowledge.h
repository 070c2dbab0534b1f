/* Knowledge: what an attacker may know of a connection, and what each published attack needs of it (Trilogy 2, D1.1, section 2.1.2;
 * RFC 7430). An attack gets a `struct known`, which has 0 for everything that was not granted. Pure. */
#ifndef LIQUIDNET_THREATS_KNOWLEDGE_H
#define LIQUIDNET_THREATS_KNOWLEDGE_H

#include "lib/mptcp/packet.h"

enum knowledge {
	KNOWS_TUPLE = 1,           /* addresses and ports */
	KNOWS_SEQUENCE = 2,        /* the next number of each direction */
	KNOWS_ACKNOWLEDGEMENT = 4, /* the last acknowledgement of each direction */
	KNOWS_TOKEN = 8,           /* of each end, from a join that was seen */
	KNOWS_KEYS = 16,           /* of each end, from the third packet of the handshake */
};

enum { OF_CLIENT, OF_SERVER }; /* index of what each side of a connection has */

struct known {
	unsigned knows; /* of enum knowledge; what is not granted is 0 below */
	struct packet_end end[2];
	uint32_t next[2], acknowledged[2]; /* acknowledged[OF_CLIENT]: what the client has acknowledged */
	uint32_t token[2];
	uint64_t key[2];
};

enum scenario_id {
	SCENARIO_OBSERVE,
	SCENARIO_ANNOUNCE,
	SCENARIO_TAKEOVER,
	SCENARIO_GUESS,
	SCENARIO_FLOOD,
	SCENARIO_AMPLIFY,
	SCENARIO_EAVESDROP,
	SCENARIO_BAD_ACK,
	SCENARIO_BAD_ANSWER,
	SCENARIO_RESIDUAL,
	SCENARIOS,
};

struct scenario {
	const char *name, *summary;
	unsigned needs, may_use; /* of enum knowledge; may_use besides */
};

extern const struct scenario scenarios[SCENARIOS];

/* -1 with *error, which names all. */
int scenario_named(const char *name, enum scenario_id *id, char **error);
/* "tuple,sequence" or "nothing" to bits. -1 with *error. */
int knowledge_read(const char *text, unsigned *knows, char **error);
/* Whether a scenario has what it needs and is granted nothing that it has no use for; -1 with *error: what is wrong; remedy. */
int knowledge_check(enum scenario_id id, unsigned knows, char **error);
/* The name of one bit. */
const char *knowledge_name(enum knowledge one);

#endif
