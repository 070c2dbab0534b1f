/* Trevi in a simulated network: the policy (nodes/trevi/window.h) and the code's structure (nodes/trevi/fountain.h) between packets and timers. A flow is a read: its receiver asks the sender for symbols
 * of one tract after another. Whether symbols suffice is what the decoder says of their seeds; only their bytes are left out. What must arrive is as small as it is rare, and never lost here: the first
 * request opens the session, as a get does that asks for its first symbols. */
#include "lib/fabric/world.h"
#include "nodes/trevi/fountain.h"
#include "nodes/trevi/sim/transports.h"
#include "nodes/trevi/window.h"
#include "nodes/trevi/wire.h"

#include <math.h>
#include <stdlib.h>

enum { TREVI_ASK = 32, TREVI_BRING }; /* apart from NDP's and TCP's */

#define HEADER (14 + 20 + 8 + WIRE_HEAD) /* Ethernet, IP, UDP, and the symbol's own */
#define ASK 64                           /* the least frame */
#define TRACT (1U << 20)                 /* bytes */
#define NONE UINT32_MAX

struct tract {
	uint32_t first; /* its packets' place in the flow */
	uint32_t fragments, came;
	enum wire_code made;
	struct fountain_code *code;
	struct fountain_decoder *decoder;
};

struct end {
	struct window window;
	struct tract tract;
	uint64_t session;
	struct ndp_paths out, back; /* of symbols; of requests */
	uint32_t next;              /* another flow that the same host receives */
	bool timed, active;
	int64_t due_ns; /* timed: when */
};

struct trevi_world {
	struct window_settings settings;
	struct end *ends;          /* by flow */
	uint32_t *first;           /* by host: the flows that it receives now, a list */
	uint32_t *flows;           /* by host: how many */
	struct window_link *links; /* by host */
};

static struct trevi_world *trevi_of(const struct world *world)
{
	return world->state;
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
	struct trevi_world *trevi = some(1, sizeof *trevi);

	trevi->settings = WINDOW_SETTINGS;
	trevi->settings.noise_ns = 0; /* clocks are exact here */
	trevi->settings.timer_min_ns = (int64_t)(s->rto_least_ps / 1000);
	trevi->settings.first_timer_ns = trevi->settings.timer_min_ns;
	trevi->settings.first = s->window;
	trevi->ends = some(world->flow_room, sizeof *trevi->ends);
	trevi->first = some(s->hosts, sizeof *trevi->first);
	trevi->links = some(s->hosts, sizeof *trevi->links);
	trevi->flows = some(s->hosts, sizeof *trevi->flows);
	for (uint32_t i = 0; i < s->hosts; i++)
		trevi->first[i] = NONE;
	world->state = trevi;
}

static void count(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		const struct window *window = &trevi_of(world)->ends[i].window;
		world->counters.timeouts += window->lost - window->late;
	}
}

static void close_tract(struct tract *tract)
{
	fountain_decoder_free(tract->decoder);
	fountain_code_free(tract->code);
	tract->decoder = NULL;
	tract->code = NULL;
}

static void close(struct world *world)
{
	struct trevi_world *trevi = trevi_of(world);

	for (uint32_t i = 0; i < world->flow_count; i++) {
		close_tract(&trevi->ends[i].tract);
		free(trevi->ends[i].out.order);
		free(trevi->ends[i].back.order);
	}
	free(trevi->ends);
	free(trevi->first);
	free(trevi->flows);
	free(trevi->links);
	free(trevi);
}

static struct sim_packet *make(
	struct world *world, uint32_t flow, uint8_t type, uint32_t label, uint32_t bytes)
{
	struct sim_packet *packet = sim_packet_new(&world->network);

	packet->queued.bytes = bytes;
	packet->queued.class = type == TREVI_ASK ? TRIM_CONTROL : TRIM_OTHER;
	packet->flow = flow;
	packet->type = type;
	packet->sequence = label;
	packet->number = 0;
	packet->flags = 0;
	return packet;
}

/* ---- the receiver */

static int64_t now_ns(const struct world *world)
{
	return (int64_t)(fabric_now(world) / 1000);
}

static void set_timer(struct world *world, uint32_t number)
{
	struct end *end = &trevi_of(world)->ends[number];
	int64_t due = window_expiry(&end->window, &trevi_of(world)->settings, now_ns(world));

	/* Timers are not taken back: one that is no longer needed does no harm. */
	if ((end->timed && end->due_ns <= due) || !end->active || due == INT64_MAX)
		return;
	end->timed = true;
	end->due_ns = due;
	uint64_t due_ps = (uint64_t)(due + 1) * 1000;
	sim_timer_at(&world->network, due_ps > fabric_now(world) ? due_ps : fabric_now(world),
		TIMER_OF(TIMER_SENDER, number));
}

static void pass(struct world *world, uint32_t host, double symbols);

static void ask(struct world *world, uint32_t number)
{
	struct trevi_world *trevi = trevi_of(world);
	struct end *end = &trevi->ends[number];
	const struct flow *flow = &world->flows[number];
	uint32_t room = window_room(&end->window, &trevi->settings, now_ns(world)), left = 0;

	if (!end->active)
		return;
	if (end->tract.first + end->tract.fragments == flow->packets) {
		uint32_t spare = window_spare(&end->window, end->tract.made == WIRE_SYSTEMATIC),
			 rest = window_rest(
				 end->tract.fragments, fountain_symbols(end->tract.decoder), spare);
		uint32_t more = rest > end->window.outstanding ? rest - end->window.outstanding : 0;
		room = room < more ? room : more;
		if (end->tract.made == WIRE_SYSTEMATIC)
			left = window_end(&end->window, &trevi->settings, more);
	}
	room = room < WIRE_COUNT_MAX ? room : WIRE_COUNT_MAX;
	if (room) {
		uint32_t first = window_ask(&end->window, room, now_ns(world));
		struct sim_packet *packet = make(world, number, TREVI_ASK, first, ASK);
		packet->number = room;
		sim_send(&world->network, packet, flow->to, flow->from, ndp_paths_next(&end->back));
	}
	set_timer(world, number);
	if (left)
		pass(world, flow->to, left);
}

/* What a flow has room for and does not need, the one of the same receiver that needs it most asks for. */
static void pass(struct world *world, uint32_t host, double symbols)
{
	struct trevi_world *trevi = trevi_of(world);
	uint32_t best = NONE;
	double most = 0;

	for (uint32_t i = trevi->first[host]; i != NONE; i = trevi->ends[i].next) {
		const struct end *end = &trevi->ends[i];
		uint32_t rest = world->flows[i].packets - end->tract.first - end->tract.came;
		double need = end->window.ending ? 0 : rest / fmax(window_left(&end->window), 1);
		if (need > most) {
			most = need;
			best = i;
		}
	}
	if (best == NONE)
		return;
	window_lend(&trevi->ends[best].window, symbols);
	ask(world, best);
}

/* The windows of one receiver share what it has: each knows how many they are. */
static void share(struct world *world, uint32_t host)
{
	struct trevi_world *trevi = trevi_of(world);

	for (uint32_t i = trevi->first[host]; i != NONE; i = trevi->ends[i].next)
		window_share(&trevi->ends[i].window, trevi->flows[host]);
}

static void join(struct world *world, uint32_t number)
{
	struct trevi_world *trevi = trevi_of(world);
	uint32_t host = world->flows[number].to;

	trevi->ends[number].active = true;
	trevi->ends[number].next = trevi->first[host];
	trevi->first[host] = number;
	trevi->flows[host]++;
	share(world, host);
}

/* What it had asked for at a time is asked of the others now. */
static void leave(struct world *world, uint32_t number)
{
	struct trevi_world *trevi = trevi_of(world);
	uint32_t host = world->flows[number].to, *link = &trevi->first[host];

	while (*link != number)
		link = &trevi->ends[*link].next;
	*link = trevi->ends[number].next;
	trevi->ends[number].active = false;
	trevi->flows[host]--;
	share(world, host);
	pass(world, host, window_left(&trevi->ends[number].window));
}

/* What TCP's handshake tells the daemon: a round trip of the least packets. */
static int64_t handshake_ns(struct world *world, const struct flow *flow)
{
	const struct scenario *s = world->scenario;
	uint16_t route[SIM_HOPS_MAX];
	uint32_t hops =
		world->network.topology->route(world->network.topology, flow->from, flow->to, 0, route);

	return (int64_t)(2ULL * hops * (s->delay_ps + sim_serialise(s->rate_bps, ASK)) / 1000);
}

static void begin_tract(struct world *world, uint32_t number, uint32_t first)
{
	struct end *end = &trevi_of(world)->ends[number];
	uint32_t most = TRACT / world->scenario->payload, left = world->flows[number].packets - first;

	most = most ? most : 1;
	close_tract(&end->tract);
	end->tract = (struct tract){.first = first, .fragments = left < most ? left : most};
	/* Of several tracts the symbols count for the one at hand, whose fragments they could not be. */
	if (end->tract.fragments == world->flows[number].packets &&
		end->tract.fragments <= FOUNTAIN_SYSTEMATIC_MOST)
		end->tract.made = WIRE_SYSTEMATIC;
	end->tract.code = end->tract.made == WIRE_SYSTEMATIC
				  ? fountain_code_systematic(end->tract.fragments, end->session)
				  : fountain_code_of_tract(end->tract.fragments);
	end->tract.decoder = end->tract.code ? fountain_decoder_new(end->tract.code, 8, true) : NULL;
	if (!end->tract.decoder)
		abort();
}

static void start(struct world *world, uint32_t number)
{
	struct trevi_world *trevi = trevi_of(world);
	struct end *end = &trevi->ends[number];
	const struct flow *flow = &world->flows[number];
	uint32_t paths = world->network.topology->paths(world->network.topology, flow->from, flow->to);

	ndp_paths_init(&end->out, some(paths, sizeof(uint16_t)), NULL, paths, world->scenario->spray,
		draw_key(world->seed, 2ULL * number, 7));
	ndp_paths_init(&end->back, some(paths, sizeof(uint16_t)), NULL, paths, world->scenario->spray,
		draw_key(world->seed, 2ULL * number + 1, 7));
	end->session = draw_key(world->seed, number, 8);
	begin_tract(world, number, 0);
	join(world, number);
	window_init(&end->window, &trevi->settings, NULL);
	window_hint(&end->window, handshake_ns(world, flow));
	end->window.link = &trevi->links[flow->to];
	window_phase(&end->window, window_phase_of(end->session));
	/* Those that begin with it know each other before the first asks. */
	sim_timer_at(&world->network, fabric_now(world), TIMER_OF(TIMER_PULL, number));
}

static void end_tract(struct world *world, uint32_t number)
{
	struct tract *tract = &trevi_of(world)->ends[number].tract;
	uint32_t next = tract->first + tract->fragments;

	if (next < world->flows[number].packets)
		begin_tract(world, number, next);
	else
		leave(world, number);
}

static void brought(struct world *world, const struct sim_packet *packet)
{
	struct trevi_world *trevi = trevi_of(world);
	struct flow *flow = &world->flows[packet->flow];
	struct end *end = &trevi->ends[packet->flow];
	enum window_arrival came =
		window_came(&end->window, &trevi->settings, packet->sequence, now_ns(world));

	if (!end->active || came == WINDOW_DUPLICATE || came == WINDOW_UNASKED)
		return;
	struct tract *tract = &end->tract;
	enum fountain_added added =
		fountain_add(tract->decoder, wire_seed(tract->made, 0, end->session, packet->sequence), NULL);
	/* A symbol brings a fragment, but for the surplus; the last one when all are known. */
	if (added == FOUNTAIN_DONE) {
		uint32_t left = tract->fragments - tract->came;
		end_tract(world, packet->flow);
		while (left-- > 0)
			fabric_arrived(world, flow);
	} else if (tract->came + 1 < tract->fragments) {
		tract->came++;
		fabric_arrived(world, flow);
	}
	ask(world, packet->flow);
}

/* ---- the sender */

static void asked(struct world *world, const struct sim_packet *packet)
{
	struct end *end = &trevi_of(world)->ends[packet->flow];
	const struct flow *flow = &world->flows[packet->flow];

	for (uint32_t i = 0; i < packet->number; i++) {
		struct sim_packet *symbol = make(world, packet->flow, TREVI_BRING, packet->sequence + i,
			world->scenario->payload + HEADER);
		world->counters.sent++;
		sim_send(&world->network, symbol, flow->from, flow->to, ndp_paths_next(&end->out));
	}
}

static void arrive(struct world *world, struct sim_packet *packet)
{
	struct sim_packet copy = *packet;

	sim_packet_free(&world->network, packet);
	if (copy.type == TREVI_ASK)
		asked(world, &copy);
	else
		brought(world, &copy);
}

static void timer(struct world *world, enum timer kind, uint32_t number)
{
	struct end *end = &trevi_of(world)->ends[number];

	if (kind == TIMER_PULL) {
		share(world, world->flows[number].to);
		ask(world, number);
		return;
	}
	end->timed = false;
	if (!end->active)
		return;
	window_expire(&end->window, &trevi_of(world)->settings, now_ns(world));
	ask(world, number);
}

static const struct transport_functions functions = {open, count, close, start, arrive, timer};

static const struct transport trevi = {.name = "trevi",
	.functions = &functions,
	.discipline = SIM_TAIL,
	.window = 16,
	.buffer = 100,
	.header = HEADER,
	.sprays = true};

const struct transport *const trevi_transports[] = {&trevi, FABRIC_TCP, NULL};
