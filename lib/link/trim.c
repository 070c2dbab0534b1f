/* The trimming port's rules: what fits, what is trimmed, who is served. */
#include "lib/link/trim.h"
#include "lib/base/draw.h"

#include <stddef.h>

void trim_init(struct trim_port *port, const struct trim_limits *limits, uint64_t key)
{
	*port = (struct trim_port){.limits = limits, .key = key};
}

static bool fits(uint32_t bytes, uint32_t more, uint32_t limit)
{
	return (uint64_t)bytes + more <= limit;
}

static void append(
	struct trim_queue *queue, struct trim_packet **oldest, uint32_t *bytes, struct trim_packet *packet)
{
	packet->next = NULL;
	if (*oldest)
		queue->newest->next = packet;
	else
		*oldest = packet;
	queue->newest = packet;
	*bytes += packet->bytes;
	if (*bytes > queue->most_bytes)
		queue->most_bytes = *bytes;
}

static void into_low(struct trim_port *port, struct trim_packet *packet)
{
	packet->previous = port->low.newest; /* of no meaning for the oldest */
	append(&port->low, &port->low_oldest, &port->low_bytes, packet);
}

static struct trim_packet *take_newest(struct trim_port *port)
{
	struct trim_packet *newest = port->low.newest;

	if (port->low_oldest == newest) {
		port->low_oldest = NULL;
	} else {
		port->low.newest = newest->previous;
		port->low.newest->next = NULL;
	}
	port->low_bytes -= newest->bytes;
	return newest;
}

static struct trim_outcome into_high(struct trim_port *port, struct trim_packet *packet)
{
	if (fits(port->high_bytes, packet->bytes, port->limits->high_bytes)) {
		append(&port->high, &port->high_oldest, &port->high_bytes, packet);
		return (struct trim_outcome){NULL, TRIM_KEPT};
	}
	if (packet->class == TRIM_HEADER && port->limits->bounce) {
		port->counters.bounced++;
		return (struct trim_outcome){packet, TRIM_BOUNCED};
	}
	port->counters.headers_dropped++;
	return (struct trim_outcome){packet, TRIM_DROPPED};
}

static void trim(struct trim_port *port, struct trim_packet *packet)
{
	packet->bytes = packet->header_bytes;
	packet->class = TRIM_HEADER;
	port->counters.trimmed++;
}

/* Whether the newest packet of LOW makes room for the arriving one: the coin is tossed for every packet that does not fit, so
 * that a port's draws depend on nothing else; then the newest must be one that can be trimmed, and its room must do. */
static bool newest_yields(struct trim_port *port, const struct trim_packet *packet)
{
	const struct trim_packet *newest = port->low_oldest ? port->low.newest : NULL;
	bool coin = draw_number(port->key, port->coins++) >> (DRAW_BITS - 32) < port->limits->tail_chance;

	return coin && newest && newest->class == TRIM_DATA &&
	       fits(port->low_bytes - newest->bytes, packet->bytes, port->limits->low_bytes);
}

/* Up to where LOW takes it. */
static uint32_t low_limit(const struct trim_port *port, const struct trim_packet *packet)
{
	bool other = packet->class == TRIM_OTHER && port->limits->other_bytes;

	return other ? port->limits->other_bytes : port->limits->low_bytes;
}

/* A packet for LOW that does not fit. */
static struct trim_outcome overflow(struct trim_port *port, struct trim_packet *packet)
{
	if (packet->class == TRIM_OTHER) {
		port->counters.others_dropped++;
		return (struct trim_outcome){packet, TRIM_DROPPED};
	}
	if (newest_yields(port, packet)) {
		struct trim_packet *newest = take_newest(port);
		into_low(port, packet);
		packet = newest;
		port->counters.trimmed_tail++;
	}
	trim(port, packet);
	return into_high(port, packet);
}

struct trim_outcome trim_arrive(struct trim_port *port, struct trim_packet *packet)
{
	if (packet->class >= TRIM_HEADER)
		return into_high(port, packet);
	if (!fits(port->low_bytes, packet->bytes, low_limit(port, packet)))
		return overflow(port, packet);
	into_low(port, packet);
	return (struct trim_outcome){NULL, TRIM_KEPT};
}

/* Both queues wait: `ratio` times HIGH, then once LOW. */
static bool turn_of_high(struct trim_port *port)
{
	if (port->limits->ratio == 0)
		return true;
	if (++port->turn > port->limits->ratio)
		port->turn = 0;
	return port->turn < port->limits->ratio;
}

struct trim_packet *trim_serve(struct trim_port *port)
{
	struct trim_packet **oldest = &port->low_oldest;

	if (port->high_oldest && (!port->low_oldest || turn_of_high(port)))
		oldest = &port->high_oldest;
	port->serving = *oldest;
	if (port->serving)
		*oldest = port->serving->next;
	return port->serving;
}

struct trim_packet *trim_done(struct trim_port *port)
{
	struct trim_packet *packet = port->serving;

	*(packet->class >= TRIM_HEADER ? &port->high_bytes : &port->low_bytes) -= packet->bytes;
	port->serving = NULL;
	return packet;
}
