/* Witness: learns from passing packets of a port what an observer could learn: tuples, sequence numbers, windows, keys. Attacks get their
 * knowledge from it; witness_tell gives only what is granted. Pure. */
#ifndef LIQUIDNET_THREATS_WITNESS_H
#define LIQUIDNET_THREATS_WITNESS_H

#include "nodes/threats/knowledge.h"

enum { WITNESS_MOST = 512, WITNESS_NONE = -1 };

struct witness_side {
	bool started;
	uint8_t scale;
	uint32_t first, next, acknowledged; /* acknowledged: what this side has acknowledged */
	uint64_t window, window_max;        /* that it offers, scaled */
	uint64_t bytes;                     /* payload that passed */
	int64_t data_at;                    /* when payload passed last, ns */
};

struct witness_connection {
	struct packet_end end[2];
	struct witness_side side[2];
	bool is_join;  /* a later subflow */
	bool answered; /* the SYN/ACK came */
	bool proven;   /* the third packet had both keys, or a join's HMAC (which is not checked) */
	bool up;       /* a join's server has answered the third packet */
	uint64_t key[2];
	int64_t proven_at, packet_at; /* ns */
};

struct witness {
	uint16_t port;   /* of the server */
	bool sees_joins; /* joins have entries, too */
	unsigned count;  /* entries in use */
	unsigned proven; /* first subflows so far */
	unsigned joins, joins_up;
	uint64_t not_kept; /* for want of room */
	struct witness_connection list[WITNESS_MOST];
};

void witness_init(struct witness *witness, uint16_t port, bool sees_joins);
/* Takes a packet. Returns the entry that has become a proven first subflow by it; else WITNESS_NONE. */
int witness_packet(struct witness *witness, int64_t now, const struct packet *packet);
/* What of an entry is granted. False: the keys or tokens that are granted could not be had. */
bool witness_tell(const struct witness *witness, int entry, unsigned knows, struct known *known);
/* The entry of these two ends, in either direction; WITNESS_NONE. *from: whose packet it is. */
int witness_find(const struct witness *witness, const struct packet *packet, unsigned *from);

#endif
