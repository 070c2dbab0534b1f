/* The way of packets: enqueue, serve, depart, arrive. */
#include "lib/sim/network.h"
#include "lib/base/draw.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What an event is about, in its upper three bits; the rest is the number of a packet, of a port, or the user's. */
enum { ARRIVE = 0, DEPART = 1 << 29, TIMER = 2 << 29, KIND = 7 << 29 };

_Static_assert(sizeof(struct sim_packet) == 64, "one cache line");

/* Address space, not memory: pages come when they are touched, and nothing ever moves. */
static void *reserve(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

uint64_t sim_serialise(uint64_t rate_bps, uint32_t bytes)
{
	return (uint64_t)((unsigned __int128)bytes * 8 * 1000000000000 / rate_bps);
}

static struct sim_rate *rate_of(struct sim_network *network, uint64_t bps)
{
	for (uint32_t i = 0; i < network->rate_count; i++)
		if (network->rates[i].bps == bps)
			return &network->rates[i];
	if (network->rate_count == sizeof network->rates / sizeof *network->rates)
		return NULL;
	struct sim_rate *rate = &network->rates[network->rate_count++];
	*rate = (struct sim_rate){.bps = bps};
	return rate;
}

void sim_network_init(
	struct sim_network *network, struct sim_topology *topology, const struct sim_settings *settings)
{
	*network =
		(struct sim_network){.settings = *settings, .topology = topology, .free_packet = UINT32_MAX};
	sim_events_init(&network->events);
	network->packets = reserve(SIM_PACKETS_MAX * sizeof *network->packets);
	network->far = reserve(SIM_PACKETS_MAX * sizeof *network->far);
	network->ports = reserve(topology->ports * sizeof *network->ports);
	struct sim_rate *rate = rate_of(network, settings->rate_bps);
	for (uint32_t i = 0; i < topology->ports; i++) {
		struct sim_port *port = &network->ports[i];
		struct sim_place place;
		topology->describe(topology, i, &place);
		port->reverse = (uint16_t)place.reverse;
		port->rate = rate;
		port->delay = settings->delay_ps;
		port->wire = sim_events_lane(&network->events, port->delay);
		port->discipline = (uint8_t)(place.from_rank == 0 ? SIM_HOST : settings->discipline);
		if (port->discipline == SIM_TRIM)
			trim_init(&port->trim, &network->settings.trim, draw_key(settings->seed, i, 1));
	}
}

void sim_network_free(struct sim_network *network)
{
	munmap(network->packets, SIM_PACKETS_MAX * sizeof *network->packets);
	munmap(network->far, SIM_PACKETS_MAX * sizeof *network->far);
	munmap(network->ports, network->topology->ports * sizeof *network->ports);
	sim_events_free(&network->events);
	sim_topology_free(network->topology);
}

bool sim_network_rate(struct sim_network *network, uint32_t port, uint64_t rate_bps)
{
	struct sim_rate *rate = rate_of(network, rate_bps);

	if (rate)
		network->ports[port].rate = rate;
	return rate;
}

static uint32_t number_of(const struct sim_network *network, const struct sim_packet *packet)
{
	return (uint32_t)(packet - network->packets);
}

static struct sim_packet *packet_of(struct trim_packet *queued)
{
	return (struct sim_packet *)queued;
}

struct sim_packet *sim_packet_new(struct sim_network *network)
{
	if (network->free_packet == UINT32_MAX) {
		if (network->packet_count == SIM_PACKETS_MAX)
			abort();
		return &network->packets[network->packet_count++];
	}
	struct sim_packet *packet = &network->packets[network->free_packet];
	network->free_packet = packet->flow;
	return packet;
}

void sim_packet_free(struct sim_network *network, struct sim_packet *packet)
{
	packet->flow = network->free_packet;
	network->free_packet = number_of(network, packet);
}

/* ---- a port with plain queues */

static void push(struct sim_level *level, struct trim_packet *packet)
{
	packet->next = NULL;
	if (level->oldest)
		level->newest->next = packet;
	else
		level->oldest = packet;
	level->newest = packet;
}

static bool early_drop(const struct sim_network *network, struct sim_port *port, uint32_t after)
{
	uint64_t key = draw_key(network->settings.seed, (uint64_t)(port - network->ports), 2);

	return after > network->settings.early_bytes &&
	       draw_number(key, port->plain.draws++) >> (DRAW_BITS - 32) < network->settings.early_chance;
}

static uint32_t level_of(
	const struct sim_network *network, const struct sim_port *port, const struct sim_packet *packet)
{
	if (port->discipline == SIM_HOST)
		return packet->queued.class >= TRIM_HEADER ? 0 : packet->flags & SIM_AGAIN ? 1 : 2;
	return network->settings.control_first && packet->queued.class < TRIM_HEADER ? 1 : 0;
}

static bool beyond_limit(const struct sim_network *network, const struct sim_port *port, uint32_t bytes)
{
	const struct sim_settings *settings = &network->settings;

	return port->plain.bytes + bytes > settings->limit_bytes ||
	       (settings->limit_packets && port->plain.packets >= settings->limit_packets);
}

/* False: dropped. */
static bool into_plain(struct sim_network *network, struct sim_port *port, struct sim_packet *packet)
{
	uint32_t after = port->plain.bytes + packet->queued.bytes;

	if (port->discipline != SIM_HOST &&
		(beyond_limit(network, port, packet->queued.bytes) ||
			(port->discipline == SIM_TAIL && early_drop(network, port, after)))) {
		port->plain.dropped++;
		return false;
	}
	port->plain.bytes = after;
	port->plain.packets++;
	push(&port->plain.level[level_of(network, port, packet)], &packet->queued);
	return true;
}

static struct trim_packet *serve_plain(struct sim_port *port)
{
	struct sim_level *level = port->plain.level;

	level += level[0].oldest ? 0 : level[1].oldest ? 1 : 2;
	struct trim_packet *packet = level->oldest;
	if (packet)
		level->oldest = packet->next;
	port->plain.serving = packet;
	return packet;
}

static struct trim_packet *done_plain(struct sim_network *network, struct sim_port *port)
{
	struct trim_packet *packet = port->plain.serving;

	if (port->discipline == SIM_ECN && port->plain.bytes > network->settings.mark_bytes) {
		packet_of(packet)->flags |= SIM_MARKED;
		port->plain.marked++;
	}
	port->plain.bytes -= packet->bytes;
	port->plain.packets--;
	return packet;
}

/* ---- any port */

/* A size that is not one of the last two. */
static __attribute__((noinline)) const struct sim_service *new_service(
	struct sim_network *network, struct sim_rate *rate, uint32_t bytes)
{
	struct sim_service *known = &rate->known[rate->replaced++ & 1];
	uint64_t time = sim_serialise(rate->bps, bytes);
	*known = (struct sim_service){bytes, sim_events_lane(&network->events, time), time};
	return known;
}

static const struct sim_service *service(struct sim_network *network, struct sim_rate *rate, uint32_t bytes)
{
	if (rate->known[0].bytes == bytes)
		return &rate->known[0];
	if (rate->known[1].bytes == bytes)
		return &rate->known[1];
	return new_service(network, rate, bytes);
}

static void serve(struct sim_network *network, struct sim_port *port)
{
	struct trim_packet *packet =
		port->discipline == SIM_TRIM ? trim_serve(&port->trim) : serve_plain(port);

	port->busy = packet != NULL;
	if (!packet)
		return;
	uint32_t number = (uint32_t)(port - network->ports);
	const struct sim_service *time = service(network, port->rate, packet->bytes);
	sim_events_after(&network->events, time->lane, time->time, DEPART | number);
	if (network->trace)
		network->trace(network->user, number, packet_of(packet), false);
}

static const uint16_t *route_of(const struct sim_network *network, const struct sim_packet *packet)
{
	return packet->hops <= SIM_HOPS_NEAR ? packet->route : network->far[number_of(network, packet)];
}

static uint16_t *route_room(struct sim_network *network, struct sim_packet *packet, uint32_t hops)
{
	packet->hops = (uint8_t)hops;
	return hops <= SIM_HOPS_NEAR ? packet->route : network->far[number_of(network, packet)];
}

static void enqueue(struct sim_network *network, struct sim_packet *packet);

static void drop(struct sim_network *network, uint32_t port, struct sim_packet *packet)
{
	if (network->trace)
		network->trace(network->user, port, packet, true);
	sim_packet_free(network, packet);
}

/* Back over the links that it came by. */
static void bounce(struct sim_network *network, struct sim_packet *packet)
{
	uint16_t back[SIM_HOPS_MAX];
	uint32_t hops = packet->hop;
	const uint16_t *came = route_of(network, packet);

	for (uint32_t i = 0; i < hops; i++)
		back[i] = network->ports[came[hops - 1 - i]].reverse;
	memcpy(route_room(network, packet, hops), back, hops * sizeof *back);
	packet->hop = 0;
	packet->flags |= SIM_BOUNCED;
	packet->queued.class = TRIM_CONTROL;
	enqueue(network, packet);
}

static void into_trim(struct sim_network *network, struct sim_port *port, struct sim_packet *packet)
{
	struct trim_outcome outcome = trim_arrive(&port->trim, &packet->queued);

	if (!port->busy)
		serve(network, port);
	if (outcome.fate == TRIM_BOUNCED)
		bounce(network, packet_of(outcome.packet));
	else if (outcome.fate == TRIM_DROPPED)
		drop(network, (uint32_t)(port - network->ports), packet_of(outcome.packet));
}

static void enqueue(struct sim_network *network, struct sim_packet *packet)
{
	uint32_t number = route_of(network, packet)[packet->hop];
	struct sim_port *port = &network->ports[number];

	if (port->discipline == SIM_TRIM)
		into_trim(network, port, packet);
	else if (!into_plain(network, port, packet))
		drop(network, number, packet);
	else if (!port->busy)
		serve(network, port);
}

static void depart(struct sim_network *network, struct sim_port *port)
{
	struct sim_packet *packet =
		packet_of(port->discipline == SIM_TRIM ? trim_done(&port->trim) : done_plain(network, port));

	packet->hop++;
	network->links++;
	sim_events_after(&network->events, port->wire, port->delay, ARRIVE | number_of(network, packet));
	serve(network, port);
}

void sim_send(
	struct sim_network *network, struct sim_packet *packet, uint32_t from, uint32_t to, uint32_t path)
{
	uint16_t route[SIM_HOPS_MAX];
	uint32_t hops = network->topology->route(network->topology, from, to, path, route);

	memcpy(route_room(network, packet, hops), route, hops * sizeof *route);
	packet->hop = 0;
	enqueue(network, packet);
}

bool sim_full(struct sim_network *network, uint32_t from, uint32_t to, uint32_t path, uint32_t bytes)
{
	uint16_t route[SIM_HOPS_MAX];

	network->topology->route(network->topology, from, to, path, route);
	const struct sim_port *port = &network->ports[route[0]];
	return (port->discipline == SIM_TAIL || port->discipline == SIM_ECN) &&
	       beyond_limit(network, port, bytes);
}

void sim_timer_at(struct sim_network *network, uint64_t time, uint32_t what)
{
	sim_events_at(&network->events, time, TIMER | what);
}

void sim_timer_after(struct sim_network *network, uint64_t delay, uint32_t what)
{
	sim_events_after(&network->events, sim_events_lane(&network->events, delay), delay, TIMER | what);
}

bool sim_run(struct sim_network *network, uint64_t until)
{
	struct sim_event event;

	while (!network->stop && sim_events_take(&network->events, until, &event)) {
		uint32_t number = event.what & ~(uint32_t)KIND;
		if ((event.what & KIND) == ARRIVE) {
			struct sim_packet *packet = &network->packets[number];
			if (packet->hop < packet->hops)
				enqueue(network, packet);
			else
				network->arrive(network->user, packet);
		} else if ((event.what & KIND) == DEPART) {
			depart(network, &network->ports[number]);
		} else {
			network->timer(network->user, number);
		}
	}
	return !network->stop && sim_events_pending(&network->events);
}
