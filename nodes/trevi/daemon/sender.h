/* A tract that is being sent: to one receiver (a server's side of a read), or to a group at the pace of its slowest (a write). */
#ifndef LIQUIDNET_TREVI_SENDER_H
#define LIQUIDNET_TREVI_SENDER_H

#include "nodes/trevi/daemon/datagrams.h"
#include "nodes/trevi/pace.h"

struct sender;

/* What a sender sends, and as what. */
struct sender_tract {
	const uint8_t *bytes; /* borrowed */
	uint32_t length;      /* more than 0 */
	uint16_t fragment;
	uint64_t session;
	uint8_t source; /* of its seeds */
	enum wire_code code;
};

/* The code that a tract of so many bytes may have where one sender serves it. */
enum wire_code sender_code(uint32_t length, uint16_t fragment);
/* `to`: where symbols go, a group or the receiver. NULL: no memory. */
struct sender *sender_new(struct datagrams *datagrams, const struct sender_tract *tract, struct place to,
	const struct place *receivers, unsigned count, int64_t now_ns);
void sender_free(struct sender *sender);
/* The first `count` symbols, but no more than there are fragments, are sent unasked, spread over `over_ns` from now on: as if its one receiver asked for them. */
void sender_begin(struct sender *sender, uint32_t count, int64_t over_ns, int64_t now_ns);
/* When the next of those is due; INT64_MAX: none is. */
int64_t sender_expiry(const struct sender *sender);
uint64_t sender_session(const struct sender *sender);
/* A request with its session. False: it does not come from one of the receivers, or is impossible. */
bool sender_ask(
	struct sender *sender, const struct wire_datagram *datagram, struct place from, int64_t now_ns);
/* Sends what all receivers have asked for, and what is due unasked. `budget`: as in receiver_work. True: more is to be sent than could be sent now. */
bool sender_work(struct sender *sender, double *budget, int64_t now_ns);
void sender_leave(struct sender *sender, unsigned receiver);
int sender_straggler(const struct sender *sender, int64_t patience_ns, int64_t now_ns);
uint64_t sender_symbols(const struct sender *sender);
uint32_t sender_fragments(const struct sender *sender);

#endif
