/* The model's store of packets of a link that trims: the two queues of a trimming port (trim.h), and what the model knows of
 * each packet in them. It has no clock: the model says when the link is free. */
#ifndef LIQUIDNET_LINK_TRIMMER_H
#define LIQUIDNET_LINK_TRIMMER_H

#include "lib/link/model_packet.h"
#include "lib/link/shape.h"
#include "lib/link/trim.h"

#include <stdbool.h>
#include <stdint.h>

struct trimmer;

enum trimmer_fate {
	TRIMMER_KEPT,
	TRIMMER_OTHER, /* this packet, or another one in its place, leaves at once: *other says how it ends */
	TRIMMER_REFUSED, /* it is dropped */
	TRIMMER_NO_MEMORY,
};

/* `key` seeds the coin. NULL: no memory. Limits come before the first packet. */
struct trimmer *trimmer_new(uint64_t key);
void trimmer_free(struct trimmer *trimmer);
/* Sets the limits of the shape, for frames of `frame_bytes`; packets that wait stay. */
void trimmer_limit(struct trimmer *trimmer, const struct shape *shape, uint32_t frame_bytes);
/* A packet comes; it is copied. */
enum trimmer_fate trimmer_offer(struct trimmer *trimmer, const struct model_packet *packet,
	enum trim_class class, uint16_t header_bytes, struct model_packet *other);
/* The packet in service has left. Takes the next one into service and returns it in *packet, with the size of its header if
 * it was trimmed. False: none waits. */
bool trimmer_serve(struct trimmer *trimmer, struct model_packet *packet);
/* Packets in it, the one in service included. */
uint64_t trimmer_count(const struct trimmer *trimmer);
const struct trim_port *trimmer_port(const struct trimmer *trimmer);
void trimmer_forget_high(struct trimmer *trimmer);

#endif
