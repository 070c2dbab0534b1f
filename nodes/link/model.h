/* Model of one direction of a link: when does each packet leave, and which never does. It knows no socket, no
 * clock and no packet: what happens is a function of the offers (time, bytes), the settings and the seed, so
 * that the same offers give the same departures to the nanosecond, with or without a network.
 *
 * A packet passes, in the order of a physical link:
 *   loss       a draw from (seed, stream, number of the packet): the same seed loses the same packets
 *   queue      drop-tail: refused when the packets (or bytes) whose serialisation has not ended reach the
 * limit rate       serialised after the one before it: wire bytes * 8 / rate, exact (fractions of a ns are
 * carried) delay      propagation, from the end of serialisation, plus a uniform jitter that never reorders
 *
 * The model owns the order of the packets: the caller gives a token (its buffer) with each offer and gets it
 * back from model_take when the packet is due. Whatever decides on a packet later than at its arrival
 * (another queue discipline, duplication, reordering) fits behind the same three calls. */
#ifndef LIQUIDNET_LINK_MODEL_H
#define LIQUIDNET_LINK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_NEVER INT64_MAX

struct model_settings {
	uint64_t rate_bps; /* bit/s of frames with their Ethernet header (as HTB counts); 0: not limited */
	int64_t delay_ns;  /* >= 0 */
	int64_t jitter_ns; /* uniform in [-jitter, +jitter]; 0 <= jitter <= delay */
	double loss;       /* probability, 0 to 1 */
	uint32_t queue_packets; /* waiting packets, the one being serialised included; 0: not limited */
	uint64_t queue_bytes;   /* likewise in wire bytes; 0: not limited */
	uint64_t seed;
};

enum model_fate {
	MODEL_QUEUED,    /* it will be due */
	MODEL_LOST,      /* by the loss model */
	MODEL_OVERFLOW,  /* by the queue's limit */
	MODEL_NO_MEMORY, /* the model itself could not keep it: a failure of the emulation, not of the link */
};

struct model_packet {
	int64_t departure_ns;  /* when it leaves the far end of the link */
	int64_t serialised_ns; /* when its last bit was on the wire */
	uint32_t bytes;
	void *token;
};

struct model_queue {
	uint64_t packets, bytes;           /* waiting now */
	uint64_t high_packets, high_bytes; /* most since the last model_forget_high */
	uint64_t held;                     /* waiting or propagating */
};

struct model;

/* `stream` makes the draws of several directions with one seed independent. NULL: no memory. */
struct model *model_new(const struct model_settings *settings, uint64_t stream);
/* Tokens still held stay the caller's. */
void model_free(struct model *model);
/* New settings for the packets offered from now on; those already queued keep their departure. A changed seed
 * starts its draws at the first packet again; an unchanged one goes on. */
void model_change(struct model *model, const struct model_settings *settings);
const struct model_settings *model_settings(const struct model *model);

/* Offers a packet of `bytes` (frame with Ethernet header) at `now_ns`, which never decreases from call to
 * call. The token is the model's only when the fate is MODEL_QUEUED. */
enum model_fate model_offer(struct model *model, int64_t now_ns, uint32_t bytes, void *token);
/* When the next packet is due; MODEL_NEVER when there is none. */
int64_t model_next(const struct model *model);
/* Takes the next packet if it is due at `now_ns`; false otherwise. */
bool model_take(struct model *model, int64_t now_ns, struct model_packet *packet);

void model_queue(struct model *model, int64_t now_ns, struct model_queue *queue);
void model_forget_high(struct model *model, int64_t now_ns);

#endif
