/* A tract that is being received: from one sender (a server's side of a write), or from several at once (a read). It requests symbols,
 * accepts only requested ones, decodes, and checks the hash. */
#ifndef LIQUIDNET_TREVI_RECEIVER_H
#define LIQUIDNET_TREVI_RECEIVER_H

#include "nodes/trevi/daemon/datagrams.h"
#include "nodes/trevi/fountain.h"
#include "nodes/trevi/window.h"

#define RECEIVER_SOURCES 16

struct receiver_source {
	struct place at;
	uint64_t session;
	uint8_t number; /* of its seeds */
	bool active;
	uint64_t symbols; /* that counted */
	struct window window;
};

enum receiver_state {
	RECEIVER_RECEIVING,
	RECEIVER_DONE,
	RECEIVER_WRONG /* the bytes are not those of the hash, or no solution */
};

struct receiver_counters {
	uint64_t symbols, duplicates, late, unasked, foreign, wrong_size, after_end;
};

struct receiver;

/* The tract of an OFFER or a PREPARE, of more than 0 bytes; a systematic code has that frame's session as its salt, and only one sender is added.
 * `settings` are borrowed, and so is `link`, which all receivers of the program share (NULL: this is the only one). NULL: no memory, or so many
 * fragments have no such code. */
struct receiver *receiver_new(struct datagrams *datagrams, const struct window_settings *settings,
	struct window_link *link, const struct wire_frame *frame);
void receiver_free(struct receiver *receiver);
/* Another sender of the same tract. `before`: as of window_init. NULL: there are RECEIVER_SOURCES. */
struct receiver_source *receiver_add(struct receiver *receiver, struct place at, uint64_t session,
	uint8_t number, const struct window *before);
/* receiver_share: the program has `windows` windows, for different senders. receiver_lend: a window of another receiver has ended, and each window of this
 * one gets `symbols` symbols more. */
void receiver_share(struct receiver *receiver, uint32_t windows);
void receiver_lend(struct receiver *receiver, double symbols);
/* The sender has gone: nothing more is asked of it. */
void receiver_drop(struct receiver *receiver, uint64_t session);
/* False: the datagram is no symbol of a session of this receiver. */
bool receiver_take(
	struct receiver *receiver, const struct wire_datagram *datagram, struct place from, int64_t now_ns);
/* Requests as many symbols as there is room for, and gives up requests that are too old. `budget`: the most symbols that it may request (for a slow disk); it is
 * lowered by those requested; NULL: no limit. Returns for how many symbols it has room that it will not need, which are others' now (window_end). */
uint32_t receiver_work(struct receiver *receiver, double *budget, int64_t now_ns);
/* How much it needs room: what it has yet to ask for, by its window; 0: none. */
double receiver_need(const struct receiver *receiver);
int64_t receiver_expiry(const struct receiver *receiver, int64_t now_ns);
enum receiver_state receiver_state(const struct receiver *receiver);
/* After RECEIVER_DONE. */
const uint8_t *receiver_bytes(const struct receiver *receiver);
uint32_t receiver_length(const struct receiver *receiver);
unsigned receiver_active(const struct receiver *receiver);
const struct receiver_counters *receiver_counters(const struct receiver *receiver);
const struct receiver_source *receiver_source(const struct receiver *receiver, unsigned number);
unsigned receiver_source_count(const struct receiver *receiver);
uint32_t receiver_fragments(const struct receiver *receiver);

#endif
