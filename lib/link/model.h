/* Model of one direction of a link: when each packet leaves, and which packets never leave. It has no socket, no clock and
 * no packet. Its results are a function of the offers (time, bytes), the shape and the seed. So the same offers give the
 * same departures to the nanosecond, with or without a network.
 *
 * A packet passes these steps, in the order of a physical link:
 *
 * - loss: random, Gilbert-Elliott, every n-th, or by a trace. Draws depend on seed, stream and the number of the packet, so
 *   the same seed loses the same packets.
 *
 * - queue: drop-tail or drop-head when the waiting packets (or bytes) reach the limit, the packet in serialisation included;
 *   CoDel (RFC 8289); ECN marks beyond a threshold; or the two queues of a trimming port (trim.h).
 *
 * - radio: on a cellular link a packet waits for the promotion (lib/link/radio.h).
 *
 * - rate: the packet is serialised after the one before it, in wire bytes * 8 / rate, exactly (fractions of a ns are
 *   carried over); or by the delivery opportunities of a trace; or in turn with other stations (medium.h).
 *
 * - delay: propagation, from the end of serialisation, plus jitter. A packet overtakes another only if the shape permits it.
 *
 * The model owns the packets. The caller gives a token (its buffer) with each offer, and gets it back from model_take when
 * the packet is due or when the queue has dropped it later. */
#ifndef LIQUIDNET_LINK_MODEL_H
#define LIQUIDNET_LINK_MODEL_H

#include "lib/link/medium.h"
#include "lib/link/model_packet.h"
#include "lib/link/radio.h"
#include "lib/link/shape.h"
#include "lib/link/trim.h"
#include <stdbool.h>
#include <stdint.h>

#define MODEL_NEVER INT64_MAX

enum model_fate {
	MODEL_QUEUED,    /* model_take will give it back */
	MODEL_LOST,      /* by the loss model */
	MODEL_OVERFLOW,  /* by the queue's limit */
	MODEL_NO_MEMORY, /* the model had no memory for it: a failure of the emulation, not of the link */
};

struct model_queue {
	uint64_t packets, bytes;           /* waiting now */
	uint64_t high_packets, high_bytes; /* most since the last model_forget_high */
	uint64_t held;                     /* waiting or propagating */
};

struct model;

/* `stream` makes the draws of several directions with one seed independent. Loads the traces that the shape
 * names. NULL and *error: a trace cannot be read, or no memory. */
struct model *model_new(const struct shape *shape, uint64_t stream, char **error);
/* Tokens that it still holds remain the caller's. */
void model_free(struct model *model);
/* From now on packets wait for this radio (NULL: none), which both directions of a link may share. It stays
 * the caller's. */
void model_set_radio(struct model *model, struct radio *radio);
/* From now on packets wait for their turn in this medium, as the shape's `medium` says; the directions of
 * several links may share it. It stays the caller's, and may be freed only after the model. -1: no memory. */
int model_set_medium(struct model *model, struct medium *medium);
/* Its station there; NULL: none. */
const struct station *model_station(const struct model *model);
/* On a link that trims, limits in packets are limits of frames of `bytes` bytes, which follow from the MTU. The default is
 * 1514. */
void model_set_frame(struct model *model, uint32_t bytes);
/* Its port, NULL where it does not trim: high-water marks and counters. */
const struct trim_port *model_trim(const struct model *model);
/* A new shape from now on. Packets whose serialisation has begun keep their departure. A changed seed starts
 * its draws at the first packet again; an unchanged one goes on, as does an unchanged trace of
 * opportunities. -1 and *error: a trace cannot be read, and nothing changes. */
int model_change(struct model *model, const struct shape *shape, char **error);
const struct shape *model_shape(const struct model *model);

/* Offers a packet of `bytes` (frame with Ethernet header) at `now_ns`, which never decreases from call to
 * call. `ecn`: it may be marked instead of dropped. The token is the model's only when the fate is
 * MODEL_QUEUED. */
enum model_fate model_offer(struct model *model, int64_t now_ns, uint32_t bytes, bool ecn, void *token);
/* The same for a model that may trim. `class`: what the packet is to a trimming port; `header_bytes`: what a trim leaves of
 * it. */
enum model_fate model_offer_as(struct model *model, int64_t now_ns, uint32_t bytes, bool ecn,
	enum trim_class class, uint16_t header_bytes, void *token);
/* When model_take next has something to do; MODEL_NEVER when nothing is held. An offer to a direction of the
 * same medium, or a packet taken from one, may change it. */
int64_t model_next(const struct model *model);
/* Takes the next packet that is due, or dropped, at `now_ns`; false: none is. */
bool model_take(struct model *model, int64_t now_ns, struct model_packet *packet);

void model_queue(struct model *model, int64_t now_ns, struct model_queue *queue);
void model_forget_high(struct model *model, int64_t now_ns);

#endif
