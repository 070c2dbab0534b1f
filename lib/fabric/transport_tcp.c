/* TCP's packets and timers: connections and their subflows, acknowledgements, recovery, time-outs. */
#include "lib/fabric/tcp.h"

#include <stdlib.h>

enum { TCP_DATA = 16, TCP_SYN, TCP_ACK, TCP_SYN_ACK }; /* apart from NDP's */

#define HEADER 40 /* bytes of an acknowledgement, as in the published simulator; data has none there */
#define SYN 1     /* and its first packet is one byte */
#define DUPLICATES 3
#define HERE_BITS 256
#define FIRST_RTO_PS 3000000000000ULL     /* RFC 2988 */
#define FIRST_RTO_DCTCP_PS 10000000000ULL /* the published simulator's */

static void *some(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

static void open(struct world *world)
{
	struct tcp_world *tcp = some(1, sizeof *tcp);

	tcp->room =
		world->flow_room * (world->scenario->transport->multipath ? world->scenario->subflows : 1);
	tcp->subflows = some(tcp->room, sizeof *tcp->subflows);
	tcp->first = some(world->flow_room, sizeof *tcp->first);
	tcp->assigned = some(world->flow_room, sizeof *tcp->assigned);
	world->state = tcp;
}

static void count(struct world *world)
{
	(void)world; /* done as packets are sent */
}

static void close(struct world *world)
{
	for (uint32_t i = 0; i < tcp_of(world)->count; i++) {
		free(tcp_of(world)->subflows[i].here);
		free(tcp_of(world)->subflows[i].out.order);
		free(tcp_of(world)->subflows[i].back.order);
	}
	free(tcp_of(world)->subflows);
	free(tcp_of(world)->first);
	free(tcp_of(world)->assigned);
	free(tcp_of(world));
}

static uint32_t number_of(const struct world *world, const struct subflow *subflow)
{
	return (uint32_t)(subflow - tcp_of(world)->subflows);
}

static struct flow *flow_of(struct world *world, const struct subflow *subflow)
{
	return &world->flows[subflow->flow];
}

static bool sprays(const struct world *world)
{
	return world->scenario->transport->kind == TCP_SPRAYS;
}

/* ---- packets */

static void send_packet(
	struct world *world, struct subflow *subflow, uint8_t type, uint32_t sequence, bool again)
{
	const struct flow *flow = flow_of(world, subflow);
	struct sim_packet *packet = sim_packet_new(&world->network);

	packet->queued.bytes = type == TCP_SYN ? SYN : world->scenario->payload;
	packet->queued.class = TRIM_OTHER;
	packet->flow = number_of(world, subflow);
	packet->type = type;
	packet->sequence = sequence;
	packet->stamp = fabric_now(world);
	packet->flags = 0;
	world->counters.sent += type == TCP_DATA;
	world->counters.again += again;
	sim_send(&world->network, packet, flow->from, flow->to,
		sprays(world) ? ndp_paths_next(&subflow->out) : subflow->path);
}

/* The answer to a packet: all before `base` are here. */
static void acknowledge(struct world *world, struct subflow *subflow, const struct sim_packet *about)
{
	const struct flow *flow = flow_of(world, subflow);
	struct sim_packet *packet = sim_packet_new(&world->network);

	packet->queued.bytes = HEADER;
	packet->queued.class = TRIM_CONTROL;
	packet->flow = number_of(world, subflow);
	packet->type = about->type == TCP_SYN ? TCP_SYN_ACK : TCP_ACK;
	packet->number = subflow->base;
	packet->stamp = about->stamp;
	packet->flags =
		about->flags & SIM_MARKED ? SIM_USER : 0; /* the echo: a mark of its own says nothing */
	sim_send(&world->network, packet, flow->to, flow->from,
		sprays(world) ? ndp_paths_next(&subflow->back) : subflow->path);
}

/* ---- the retransmission timer */

/* When the timer that ends at `deadline` is acted on. The published code looks at its timers every `scan`, and then waits up to a two
 * hundredth of that. */
static uint64_t fires_at(const struct world *world, uint64_t deadline)
{
	uint64_t scan = world->scenario->scan_ps;

	if (!scan)
		return deadline;
	uint64_t look = (deadline / scan + 1) * scan;
	return look + (scan - (look - deadline)) / 200;
}

static void set_timer(struct world *world, struct subflow *subflow)
{
	if (subflow->timed || subflow->deadline == SIM_NEVER)
		return;
	subflow->timed = true;
	sim_timer_at(&world->network, fires_at(world, subflow->deadline),
		TIMER_OF(TIMER_SUBFLOW, number_of(world, subflow)));
}

static void restart_timer(struct world *world, struct subflow *subflow)
{
	subflow->deadline = fabric_now(world) + subflow->rto;
	set_timer(world, subflow);
}

/* RFC 6298, with the sample of the packet that the acknowledgement answers. */
static void measure_rtt(struct world *world, struct subflow *subflow, uint64_t sample)
{
	if (subflow->rtt) {
		uint64_t off = sample > subflow->rtt ? sample - subflow->rtt : subflow->rtt - sample;
		subflow->deviation = subflow->deviation * 3 / 4 + off / 4;
		subflow->rtt = subflow->rtt * 7 / 8 + sample / 8;
	} else {
		subflow->rtt = sample;
		subflow->deviation = sample / 2;
	}
	subflow->rto = subflow->rtt + 4 * subflow->deviation;
	if (subflow->rto < world->scenario->rto_least_ps)
		subflow->rto = world->scenario->rto_least_ps;
}

/* ---- the sender */

/* Whether there is a packet beyond `sent`: a subflow takes the connection's next one when it has room for it. */
static bool have_next(struct world *world, struct subflow *subflow)
{
	if (subflow->sent < subflow->limit)
		return true;
	if (tcp_of(world)->assigned[subflow->flow] == flow_of(world, subflow)->packets)
		return false;
	tcp_of(world)->assigned[subflow->flow]++;
	subflow->limit++;
	return true;
}

static void send_window(struct world *world, struct subflow *subflow)
{
	uint32_t packets = subflow->window / world->scenario->payload;

	while (subflow->sent - subflow->acked < packets && have_next(world, subflow)) {
		send_packet(world, subflow, TCP_DATA, subflow->sent, subflow->sent < subflow->most);
		subflow->sent++;
		if (subflow->most < subflow->sent)
			subflow->most = subflow->sent;
		if (subflow->deadline == SIM_NEVER)
			restart_timer(world, subflow);
	}
}

static void send_again(struct world *world, struct subflow *subflow)
{
	if (!subflow->established)
		send_packet(world, subflow, TCP_SYN, 0, false);
	else if (subflow->acked < subflow->limit)
		send_packet(world, subflow, TCP_DATA, subflow->acked, true);
	if (subflow->deadline == SIM_NEVER)
		restart_timer(world, subflow);
}

/* New data is acknowledged in recovery. */
static void recover(struct world *world, struct subflow *subflow, uint32_t acked)
{
	uint32_t packet = world->scenario->payload;

	if (acked >= subflow->recover) {
		uint64_t flight = (uint64_t)(subflow->sent - acked + 1) * packet;
		subflow->window = flight < subflow->threshold ? (uint32_t)flight : subflow->threshold;
		subflow->acked = acked;
		subflow->duplicates = 0;
		subflow->recovery = false;
		return;
	}
	uint64_t fresh = (uint64_t)(acked - subflow->acked) * packet;
	subflow->acked = acked;
	subflow->window = (fresh < subflow->window ? subflow->window - (uint32_t)fresh : 0) + packet;
	send_again(world, subflow);
}

static void new_data(struct world *world, struct subflow *subflow, uint32_t acked)
{
	subflow->run += (uint64_t)(acked - subflow->acked) * world->scenario->payload;
	if (acked >= subflow->sent) {
		subflow->sent = acked;
		subflow->deadline = SIM_NEVER;
	} else {
		restart_timer(world, subflow);
	}
	if (subflow->recovery) {
		recover(world, subflow, acked);
	} else {
		subflow->acked = acked;
		subflow->duplicates = 0;
		fabric_tcp_grow(world, subflow);
	}
	send_window(world, subflow);
}

static uint32_t duplicates_of_loss(const struct world *world, const struct subflow *subflow)
{
	return DUPLICATES + (sprays(world) ? subflow->out.count : 0);
}

static void duplicate(struct world *world, struct subflow *subflow)
{
	uint32_t packet = world->scenario->payload;

	if (subflow->recovery) {
		subflow->window += packet;
		send_window(world, subflow);
		return;
	}
	if (++subflow->duplicates != duplicates_of_loss(world, subflow)) {
		send_window(world, subflow);
		return;
	}
	if (subflow->acked < subflow->recover) /* of before a time-out: RFC 6582, section 3.2 */
		return;
	fabric_tcp_loss(world, subflow);
	send_again(world, subflow);
	subflow->window = subflow->threshold + 3 * packet;
	subflow->recovery = true;
	subflow->recover = subflow->sent;
}

static void acknowledged(struct world *world, struct subflow *subflow, const struct sim_packet *packet)
{
	if (world->scenario->transport->kind == TCP_DCTCP)
		fabric_dctcp_answer(world, subflow, packet->flags & SIM_USER);
	if (packet->number < subflow->acked)
		return;
	measure_rtt(world, subflow, fabric_now(world) - packet->stamp);
	if (packet->type == TCP_SYN_ACK) {
		if (subflow->established)
			return;
		subflow->established = true;
		subflow->deadline = SIM_NEVER;
		fabric_tcp_grow(world, subflow);
		send_window(world, subflow);
		return;
	}
	if (packet->number > subflow->acked)
		new_data(world, subflow, packet->number);
	else
		duplicate(world, subflow);
}

/* All that is in flight counts as lost. */
static void timed_out(struct world *world, struct subflow *subflow)
{
	uint32_t packet = world->scenario->payload;

	world->counters.timeouts++;
	subflow->rto *= 2;
	restart_timer(world, subflow);
	if (subflow->recovery) {
		uint64_t flight = (uint64_t)(subflow->sent - subflow->acked + 1) * packet;
		subflow->window = flight < subflow->threshold ? (uint32_t)flight : subflow->threshold;
	}
	fabric_tcp_loss(world, subflow);
	subflow->window = packet;
	subflow->recovery = false;
	subflow->recover = subflow->sent;
	subflow->duplicates = 0;
	if (subflow->established)
		subflow->sent = subflow->acked + 1;
	send_again(world, subflow);
}

/* ---- the receiver */

static bool is_here(const struct subflow *subflow, uint32_t sequence)
{
	uint32_t bit = sequence % subflow->here_bits;

	return subflow->here[bit / 64] >> (bit % 64) & 1;
}

static void flip_here(struct subflow *subflow, uint32_t sequence)
{
	uint32_t bit = sequence % subflow->here_bits;

	subflow->here[bit / 64] ^= 1ULL << (bit % 64);
}

/* Twice the room for what comes out of order. */
static void grow_here(struct subflow *subflow)
{
	struct subflow old = *subflow;

	subflow->here_bits = old.here_bits ? 2 * old.here_bits : HERE_BITS;
	subflow->here = some(subflow->here_bits / 64, sizeof *subflow->here);
	for (uint32_t i = 0; i < old.here_bits; i++)
		if (is_here(&old, old.base + i))
			flip_here(subflow, old.base + i);
	free(old.here);
}

static void received(struct world *world, struct subflow *subflow, const struct sim_packet *packet)
{
	uint32_t sequence = packet->sequence;
	bool fresh = false;

	if (packet->type == TCP_DATA && sequence >= subflow->base) {
		while (sequence - subflow->base >= subflow->here_bits)
			grow_here(subflow);
		fresh = !is_here(subflow, sequence);
		if (fresh)
			flip_here(subflow, sequence);
		for (; is_here(subflow, subflow->base); subflow->base++)
			flip_here(subflow, subflow->base);
	}
	acknowledge(world, subflow, packet);
	if (fresh)
		fabric_arrived(world, flow_of(world, subflow));
}

/* ---- connections */

/* The published code draws a path again when it is another subflow's already, but then takes what comes. */
static uint32_t draw_path(struct world *world, uint32_t flow, uint32_t paths)
{
	struct tcp_world *tcp = tcp_of(world);
	uint32_t path = fabric_draw(world, paths), tries = world->scenario->published ? 1
							   : paths < 64               ? 1000
										      : 100;

	for (uint32_t i = tcp->first[flow]; i < tcp->count; i++) {
		if (tcp->subflows[i].path != path || tries-- == 0)
			continue;
		path = fabric_draw(world, paths);
		if (world->scenario->published)
			return path;
		i = tcp->first[flow] - 1; /* anew; wraps with the step */
	}
	return path;
}

static void start_subflow(struct world *world, uint32_t flow, uint32_t paths)
{
	const struct scenario *s = world->scenario;
	uint32_t number = tcp_of(world)->count, path = draw_path(world, flow, paths);
	struct subflow *subflow = &tcp_of(world)->subflows[number];

	*subflow = (struct subflow){.flow = flow,
		.path = path,
		.window = s->window * s->payload,
		.threshold = s->threshold ? s->threshold * s->payload : TCP_UNLIMITED,
		.rto = s->rto_ps                         ? s->rto_ps
		       : s->transport->kind == TCP_DCTCP ? FIRST_RTO_DCTCP_PS
							 : FIRST_RTO_PS,
		.deadline = SIM_NEVER,
		.round = 2 * s->payload};
	tcp_of(world)->count++;
	grow_here(subflow);
	if (sprays(world)) {
		ndp_paths_init(&subflow->out, some(paths, sizeof(uint16_t)), NULL, paths, NDP_SPRAY_PERMUTE,
			draw_key(world->seed, 2ULL * number, 6));
		ndp_paths_init(&subflow->back, some(paths, sizeof(uint16_t)), NULL, paths, NDP_SPRAY_PERMUTE,
			draw_key(world->seed, 2ULL * number + 1, 6));
	}
	subflow->established = !s->syn;
	if (s->syn)
		send_again(world, subflow);
	else
		send_window(world, subflow);
}

static void start(struct world *world, uint32_t number)
{
	struct flow *flow = &world->flows[number];
	uint32_t paths = world->network.topology->paths(world->network.topology, flow->from, flow->to);

	if (flow->subflows > paths)
		flow->subflows = (uint8_t)paths;
	tcp_of(world)->first[number] = tcp_of(world)->count;
	for (uint32_t i = 0; i < flow->subflows; i++)
		start_subflow(world, number, paths);
}

static void arrive(struct world *world, struct sim_packet *packet)
{
	struct sim_packet copy = *packet;
	struct subflow *subflow = &tcp_of(world)->subflows[copy.flow];

	sim_packet_free(&world->network, packet);
	if (copy.type == TCP_DATA || copy.type == TCP_SYN)
		received(world, subflow, &copy);
	else
		acknowledged(world, subflow, &copy);
}

static void timer(struct world *world, enum timer kind, uint32_t number)
{
	struct subflow *subflow = &tcp_of(world)->subflows[number];

	(void)kind;
	subflow->timed = false;
	if (subflow->deadline != SIM_NEVER && fabric_now(world) >= fires_at(world, subflow->deadline))
		timed_out(world, subflow);
	else
		set_timer(world, subflow);
}

static const struct transport_functions functions = {open, count, close, start, arrive, timer};

#define WINDOW 10
#define BUFFER 100
const struct transport fabric_tcp = {.name = "tcp",
			       .functions = &functions,
			       .kind = TCP_RENO,
			       .discipline = SIM_TAIL,
			       .window = WINDOW,
			       .buffer = BUFFER},
		       fabric_tcp_spray = {.name = "tcp-spray",
			       .functions = &functions,
			       .kind = TCP_SPRAYS,
			       .discipline = SIM_TAIL,
			       .window = WINDOW,
			       .buffer = BUFFER},
		       fabric_dctcp = {.name = "dctcp",
			       .functions = &functions,
			       .kind = TCP_DCTCP,
			       .discipline = SIM_ECN,
			       .window = WINDOW,
			       .buffer = 194},
		       fabric_mptcp_uncoupled = {.name = "mptcp-uncoupled",
			       .functions = &functions,
			       .kind = TCP_UNCOUPLED,
			       .discipline = SIM_TAIL,
			       .window = WINDOW,
			       .buffer = BUFFER,
			       .multipath = true},
		       fabric_mptcp_lia = {.name = "mptcp-lia",
			       .functions = &functions,
			       .kind = TCP_LIA,
			       .discipline = SIM_TAIL,
			       .window = WINDOW,
			       .buffer = BUFFER,
			       .multipath = true},
		       fabric_mptcp_olia = {.name = "mptcp-olia",
			       .functions = &functions,
			       .kind = TCP_OLIA,
			       .discipline = SIM_TAIL,
			       .window = WINDOW,
			       .buffer = BUFFER,
			       .multipath = true};
