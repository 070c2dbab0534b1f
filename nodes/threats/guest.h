/* Guest: a subflow of somebody else's connection, implemented here without the kernel. An attacker who knows both keys joins from an
 * address of its own (RFC 8684, section 3.2), reads what is sent there, and acknowledges it. There are no retransmissions, because its
 * network loses nothing. Pure. */
#ifndef LIQUIDNET_THREATS_GUEST_H
#define LIQUIDNET_THREATS_GUEST_H

#include "nodes/threats/knowledge.h"

enum guest_state {
	GUEST_CLOSED,
	GUEST_ASKED,       /* SYN sent */
	GUEST_PROVEN,      /* the third packet sent */
	GUEST_ESTABLISHED, /* the server has answered it */
	GUEST_RESET,       /* by the server */
};

struct guest {
	enum guest_state state;
	bool liar; /* proves by a wrong HMAC */
	struct packet_end own, server;
	uint64_t own_key, server_key; /* own: the one whose place it takes, the client's */
	uint32_t token, nonce, initial, next, expected, peer_initial;
	uint64_t data_acknowledged; /* of the connection: the next number that is wanted */
	bool has_data;
	bool peer_proven; /* the SYN/ACK's HMAC was right */
	uint64_t bytes;   /* payload read, in order */
	int reset_reason; /* RFC 8684, section 3.6; -1: none was given */
};

/* Begins: *packet is the SYN. `known` has the keys; `draw` is random. */
void guest_begin(struct guest *guest, const struct known *known, const struct packet_end *own,
	const struct packet_end *server, bool liar, uint64_t draw, struct option_list *options,
	struct packet *packet);
/* Takes a packet; true: *packet is the answer. */
bool guest_packet(
	struct guest *guest, const struct packet *in, struct option_list *options, struct packet *packet);
/* REMOVE_ADDR of that id on this subflow; MP_FASTCLOSE of the connection. Only while established. */
void guest_remove(struct guest *guest, uint8_t id, struct option_list *options, struct packet *packet);
void guest_close(struct guest *guest, struct option_list *options, struct packet *packet);

#endif
