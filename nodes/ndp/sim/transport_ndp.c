/* NDP in a simulated network: the policy (nodes/ndp/sender.h, receiver.h, pulls.h, paths.h) between packets and timers. A host daemon
 * does the same with datagrams. */
#include "lib/fabric/world.h"
#include "lib/ndp/ndp_wire.h"
#include "nodes/ndp/receiver.h"
#include "nodes/ndp/sender.h"
#include "nodes/ndp/sim/transports.h"

#include <stdlib.h>

#define SLOTS_LEAST 32
#define SLOTS_MOST 4096       /* for flows that are longer: an answer may be 30 ms late */
#define AHEAD_MOST (1U << 18) /* 32 KB of bits; of which only those in use are ever touched */
#define FIFO_ROOM 16384
#define PULLS SIM_USER /* flag: a pull rides on this answer */

struct ndp_end {
	struct ndp_sender sender;
	struct ndp_paths out, back; /* of data; of answers and pulls */
	bool timed;                 /* a timer of the sender is set */
};

struct ndp_host {
	struct ndp_pulls pulls;
	bool timed;
};

struct ndp_world {
	struct ndp_end *ends;           /* by flow */
	struct ndp_receiver *receivers; /* by flow */
	struct ndp_host *hosts;
};

static struct ndp_world *ndp_of(const struct world *world)
{
	return world->state;
}

static struct flow *flow_of(struct world *world, uint32_t number)
{
	return &world->flows[number];
}

static void *some(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

static void open(struct world *world)
{
	const struct scenario *s = world->scenario;
	uint64_t spacing = sim_serialise(s->rate_bps, s->payload + (s->pace_frames ? FRAME : 0));
	struct ndp_world *ndp = some(1, sizeof *ndp);

	ndp->ends = some(world->flow_room, sizeof *ndp->ends);
	ndp->receivers = some(world->flow_room, sizeof *ndp->receivers);
	ndp->hosts = some(s->hosts, sizeof *ndp->hosts);
	for (uint32_t i = 0; i < s->hosts; i++) {
		ndp_pulls_init(&ndp->hosts[i].pulls, spacing, s->published ? 0 : NDP_PATIENCE);
		if (s->fifo)
			ndp_pulls_in_order(&ndp->hosts[i].pulls,
				some(FIFO_ROOM, sizeof *ndp->hosts[i].pulls.fifo), FIFO_ROOM);
	}
	world->state = ndp;
}

static void end_free(struct ndp_end *end, struct ndp_receiver *receiver)
{
	free(receiver->here);
	free(end->sender.slots);
	free(end->sender.sent);
	free(end->out.order);
	free(end->out.scores);
	free(end->back.order);
}

static void count(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		const struct ndp_sender_counters *counters = &ndp_of(world)->ends[i].sender.counters;
		world->counters.sent += counters->packets;
		world->counters.again += counters->again;
		world->counters.timeouts += counters->timeouts + counters->keepalives;
	}
}

static void close(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++)
		end_free(&ndp_of(world)->ends[i], &ndp_of(world)->receivers[i]);
	for (uint32_t i = 0; i < world->scenario->hosts; i++)
		free(ndp_of(world)->hosts[i].pulls.fifo);
	free(ndp_of(world)->ends);
	free(ndp_of(world)->receivers);
	free(ndp_of(world)->hosts);
	free(ndp_of(world));
}

static uint32_t slots_for(uint32_t packets, uint32_t window)
{
	uint32_t slots = SLOTS_LEAST;

	while (slots < packets && slots < SLOTS_MOST)
		slots *= 2;
	while (slots < window)
		slots *= 2;
	return slots;
}

/* Bits: of the packets that may come while one is missing for good, which happens where headers are lost and RTOs are off. */
static uint32_t ahead_for(uint32_t packets)
{
	uint32_t ahead = 64;

	while (ahead < packets && ahead < AHEAD_MOST)
		ahead *= 2;
	return ahead;
}

static void end_init(struct world *world, struct ndp_end *end, uint32_t number)
{
	const struct scenario *s = world->scenario;
	const struct flow *flow = flow_of(world, number);
	uint32_t slots = slots_for(flow->packets, s->window);
	uint32_t paths = world->network.topology->paths(world->network.topology, flow->from, flow->to);
	uint32_t ahead = ahead_for(flow->packets);

	ndp_receiver_init(&ndp_of(world)->receivers[number], some(ahead / 64, sizeof(uint64_t)), ahead,
		flow->preferred);
	ndp_sender_init(&end->sender, flow->packets, s->window, some(slots, sizeof(struct ndp_slot)),
		s->rto_ps ? some(slots, sizeof(uint64_t)) : NULL, slots);
	ndp_paths_init(&end->out, some(paths, sizeof(uint16_t)),
		s->penalty ? some(paths, sizeof(struct ndp_path)) : NULL, paths, s->spray,
		draw_key(world->seed, 2ULL * number, 5));
	ndp_paths_init(&end->back, some(paths, sizeof(uint16_t)), NULL, paths, s->spray,
		draw_key(world->seed, 2ULL * number + 1, 5));
}

static struct sim_packet *make(
	struct world *world, uint32_t flow, enum ndp_type type, uint32_t sequence, uint32_t bytes)
{
	struct sim_packet *packet = sim_packet_new(&world->network);

	packet->queued.bytes = bytes;
	packet->queued.header_bytes = FRAME;
	packet->queued.class = type == NDP_DATA ? TRIM_DATA : TRIM_CONTROL;
	packet->flow = flow;
	packet->type = (uint8_t)type;
	packet->sequence = sequence;
	packet->number = 0;
	packet->flags = 0;
	return packet;
}

/* ---- the sender's side */

static void set_sender_timer(struct world *world, struct ndp_end *end, uint32_t number)
{
	uint64_t due = ndp_sender_due(&end->sender, world->scenario->rto_ps);

	if (end->timed || due == NDP_NEVER)
		return;
	end->timed = true;
	sim_timer_at(&world->network, due > fabric_now(world) ? due : fabric_now(world),
		TIMER_OF(TIMER_SENDER, number));
}

static void send(struct world *world, uint32_t number, uint32_t packets)
{
	const struct flow *flow = flow_of(world, number);
	struct ndp_end *end = &ndp_of(world)->ends[number];
	uint32_t sequence;
	bool again;

	while (packets-- > 0 && ndp_sender_next(&end->sender, fabric_now(world), &sequence, &again)) {
		struct sim_packet *packet =
			make(world, number, NDP_DATA, sequence, world->scenario->payload + FRAME);
		packet->path = (uint16_t)ndp_paths_next(&end->out);
		packet->flags = again ? SIM_AGAIN : 0;
		sim_send(&world->network, packet, flow->from, flow->to, packet->path);
	}
	if (end->sender.sent)
		set_sender_timer(world, end, number);
}

static void start(struct world *world, uint32_t number)
{
	const struct flow *flow = flow_of(world, number);
	struct ndp_end *end = &ndp_of(world)->ends[number];

	end_init(world, end, number);
	if (world->scenario->published) /* its receivers know all their flows beforehand */
		ndp_pulls_join(
			&ndp_of(world)->hosts[flow->to].pulls, &ndp_of(world)->receivers[number].pulls);
	send(world, number, ndp_sender_start(&end->sender, fabric_now(world)));
}

/* An answer: about the packet, then the pull that rides on it. */
static void answered(struct world *world, const struct sim_packet *packet)
{
	struct ndp_end *end = &ndp_of(world)->ends[packet->flow];
	uint64_t now = fabric_now(world);
	bool ack = packet->type == NDP_ACK;
	uint32_t packets = ack ? ndp_sender_ack(&end->sender, packet->sequence, now)
			       : ndp_sender_nack(&end->sender, packet->sequence, now);

	ndp_paths_feedback(&end->out, packet->path, ack ? NDP_FEEDBACK_ACK : NDP_FEEDBACK_NACK);
	if (packet->flags & PULLS)
		packets += ndp_sender_pull(&end->sender, packet->number, now);
	send(world, packet->flow, packets);
}

static void pulled(struct world *world, const struct sim_packet *packet)
{
	send(world, packet->flow,
		ndp_sender_pull(
			&ndp_of(world)->ends[packet->flow].sender, packet->number, fabric_now(world)));
}

static void bounced(struct world *world, const struct sim_packet *packet)
{
	struct ndp_end *end = &ndp_of(world)->ends[packet->flow];

	ndp_paths_feedback(&end->out, packet->path, NDP_FEEDBACK_BOUNCE);
	send(world, packet->flow, ndp_sender_bounced(&end->sender, packet->sequence, fabric_now(world)));
}

/* ---- the receiver's side */

static void send_back(struct world *world, struct sim_packet *packet)
{
	const struct flow *flow = flow_of(world, packet->flow);

	sim_send(&world->network, packet, flow->to, flow->from,
		ndp_paths_next(&ndp_of(world)->ends[packet->flow].back));
}

static void set_pull_timer(struct world *world, uint32_t number)
{
	struct ndp_host *host = &ndp_of(world)->hosts[number];
	uint64_t due = ndp_pulls_due(&host->pulls), now = fabric_now(world);

	if (host->timed || due == NDP_NEVER)
		return;
	host->timed = true;
	if (due == now + host->pulls.spacing)
		sim_timer_after(&world->network, host->pulls.spacing, TIMER_OF(TIMER_PULL, number));
	else
		sim_timer_at(&world->network, due, TIMER_OF(TIMER_PULL, number));
}

static void received(struct world *world, const struct sim_packet *packet)
{
	struct flow *flow = flow_of(world, packet->flow);
	bool whole = packet->queued.class == TRIM_DATA, last = packet->sequence == flow->packets - 1;
	struct ndp_answer answer = ndp_receive(&ndp_of(world)->receivers[packet->flow],
		&ndp_of(world)->hosts[flow->to].pulls, whole, packet->sequence, last, fabric_now(world));
	struct sim_packet *reply = make(world, packet->flow,
		answer.reply == NDP_REPLY_ACK ? NDP_ACK : NDP_NACK, packet->sequence, FRAME);

	reply->number = answer.pull;
	reply->flags = answer.pull ? PULLS : 0;
	reply->path = packet->path;
	send_back(world, reply);
	set_pull_timer(world, flow->to);
	if (answer.fresh)
		fabric_arrived(world, flow);
}

static void pull(struct world *world, uint32_t number)
{
	struct ndp_host *host = &ndp_of(world)->hosts[number];
	struct ndp_pull_flow *next = ndp_pulls_take(&host->pulls, fabric_now(world));

	host->timed = false;
	if (next) {
		uint32_t flow = (uint32_t)((struct ndp_receiver *)next - ndp_of(world)->receivers);
		struct sim_packet *packet = make(world, flow, NDP_PULL, 0, FRAME);
		packet->number = next->sent;
		send_back(world, packet);
	}
	set_pull_timer(world, number);
}

static void arrive(struct world *world, struct sim_packet *packet)
{
	struct sim_packet copy = *packet;

	sim_packet_free(&world->network, packet); /* before its answer is made: the line is warm */
	if (copy.flags & SIM_BOUNCED)
		bounced(world, &copy);
	else if (copy.type == NDP_DATA)
		received(world, &copy);
	else if (copy.type == NDP_PULL)
		pulled(world, &copy);
	else
		answered(world, &copy);
}

static void timer(struct world *world, enum timer kind, uint32_t number)
{
	if (kind == TIMER_PULL) {
		pull(world, number);
		return;
	}
	struct ndp_end *end = &ndp_of(world)->ends[number];
	end->timed = false;
	send(world, number, ndp_sender_timeout(&end->sender, world->scenario->rto_ps, fabric_now(world)));
}

static const struct transport_functions functions = {open, count, close, start, arrive, timer};

static const struct transport ndp = {.name = "ndp",
	.functions = &functions,
	.discipline = SIM_TRIM,
	.window = 23,
	.buffer = 8,
	.header = FRAME,
	.sprays = true};

const struct transport *const ndp_transports[] = {&ndp, FABRIC_TCP, NULL};
