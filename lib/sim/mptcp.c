/* Connections: handshakes, the scheduler, and who gets which packet. */
#include "lib/sim/mptcp_internal.h"

#include "lib/link/trim.h"

#define ENDLESS (UINT32_MAX / 2)
#define HELLO_AGAIN PS_OF_S /* RFC 6298: the first time-out */
#define QUICK 16            /* TCP_MAX_QUICKACKS: so many packets are acknowledged one by one at first */

/* Frames of 1514 bytes with 1424 of payload: Ethernet 14, IP 20, TCP 32 with timestamps, a DSS option of 24. Acknowledgements: 78, a DSS option of 12. */
const struct sim_mptcp_settings sim_mptcp_usual = {.growth = SIM_CUBIC,
	.hystart = true,
	.slow_start = true,
	.told = true,
	.payload = 1424,
	.headers = 90,
	.control = 78,
	.first = 10,
	.window = 4194304 / 1424,
	.buffer = 4194304 / 2304, /* tcp_wmem's most, in what the kernel counts for a packet */
	.burst = 65536 / 1424,
	.rto_least_ps = 200 * PS_OF_MS,
	.delayed_ps = 40 * PS_OF_MS};

struct sim_packet *sim_mptcp_packet(
	struct sim_mptcp *m, const struct subflow *s, uint8_t type, uint32_t bytes)
{
	struct sim_packet *packet = sim_packet_new(m->network);

	packet->queued.bytes = bytes;
	packet->queued.class = type == PACKET_DATA ? TRIM_OTHER : TRIM_CONTROL;
	packet->flow = number_of(m, s);
	packet->type = type;
	packet->flags = 0;
	return packet;
}

uint32_t sim_mptcp_bytes(const struct sim_mptcp *m, const struct connection *c, uint32_t data)
{
	return !c->endless && data == c->tail ? c->tail_bytes : m->settings.payload;
}

/* ---- handshakes: packets there and back, until the sender has the last one */

static void say_hello(struct sim_mptcp *m, struct subflow *s, uint32_t trips)
{
	struct sim_packet *packet = sim_mptcp_packet(m, s, PACKET_HELLO, m->settings.control);

	packet->number = trips;
	sim_send(m->network, packet, 0, 0, trips % 2 ? s->back : s->out);
}

static void begin_hello(struct sim_mptcp *m, struct subflow *s, uint32_t trips)
{
	s->hello_trips = trips;
	s->hello_began = now_of(m);
	s->hello_due = now_of(m) + HELLO_AGAIN;
	sim_timer_at(m->network, s->hello_due, TIMER_HELLO << TIMER_SHIFT | number_of(m, s));
	say_hello(m, s, trips);
}

static void hello_timer(struct sim_mptcp *m, struct subflow *s)
{
	if (s->hello_due != SIM_NEVER && now_of(m) >= s->hello_due)
		begin_hello(m, s, s->hello_trips);
}

/* What the receiver has asked for is there to be sent. */
static void add_data(const struct sim_mptcp *m, struct connection *c)
{
	uint64_t packets = (c->asked + m->settings.payload - 1) / m->settings.payload;

	if (c->endless) {
		c->total = ENDLESS;
		return;
	}
	if (!c->asked)
		return;
	if (c->tail_bytes)
		c->short_bytes += m->settings.payload - c->tail_bytes;
	c->tail_bytes = (uint32_t)(c->asked - (packets - 1) * m->settings.payload);
	c->total += (uint32_t)packets;
	c->tail = c->total - 1;
	c->asked = 0;
}

static void ready(struct sim_mptcp *m, struct subflow *s)
{
	struct connection *c = &m->connections[s->connection];
	bool first = number_of(m, s) == c->first;
	uint64_t took = now_of(m) - s->hello_began;

	if (!s->established && !s->rtt && s->hello_trips > 1)
		sim_sender_rtt(m, s, took * 2 / s->hello_trips);
	s->hello_due = SIM_NEVER;
	if (first)
		add_data(m, c);
	/* The others hear of each other's addresses once the connection stands. */
	for (uint32_t i = 1; first && !s->established && i < c->count; i++)
		sim_timer_at(m->network, now_of(m) + s->rtt, TIMER_JOIN << TIMER_SHIFT | (c->first + i));
	s->established = true;
	sim_mptcp_schedule(m, c);
}

static void hello(struct sim_mptcp *m, struct subflow *s, uint32_t trips)
{
	if (trips > 1)
		say_hello(m, s, trips - 1);
	else
		ready(m, s);
}

static void join(struct sim_mptcp *m, struct subflow *s)
{
	begin_hello(m, s, m->connections[s->connection].pulled ? 3 : 4);
}

/* ---- the scheduler: mptcp_subflow_get_send */

static struct subflow *drains_first(struct sim_mptcp *m, const struct connection *c)
{
	struct subflow *best = NULL;
	double least = 0;

	for (uint32_t i = c->first; i < c->first + c->count; i++) {
		struct subflow *s = &m->subflows[i];
		if (!s->established)
			continue;
		if (s->pace <= 0)
			s->pace = sim_growth_pace(s);
		double linger = (s->end - s->acked) / s->pace;
		if (best && linger >= least)
			continue;
		best = s;
		least = linger;
	}
	return best;
}

/* Twice the window, and it never shrinks (tcp_sndbuf_expand). */
static bool has_room(const struct sim_mptcp *m, struct subflow *s)
{
	uint32_t window = s->window > m->settings.first ? s->window : m->settings.first;

	if (s->room < 2 * window)
		s->room = 2 * window < m->settings.buffer ? 2 * window : m->settings.buffer;
	return s->end - s->acked < s->room;
}

void sim_mptcp_schedule(struct sim_mptcp *m, struct connection *c)
{
	while (c->given < c->total && c->given - c->acked < m->settings.window) {
		struct subflow *s = drains_first(m, c);
		uint32_t left = c->total - c->given, open = m->settings.window - (c->given - c->acked),
			 burst = m->settings.burst, held = s ? s->end - s->acked : 0;
		if (!s || !has_room(m, s))
			return;
		burst = burst < left ? burst : left;
		burst = burst < open ? burst : open;
		s->pace = (s->pace * held + sim_growth_pace(s) * burst) / (held + burst);
		for (uint32_t i = 0; i < burst; i++)
			sim_sender_give(s, c->given++);
		sim_sender_push(m, s);
	}
}

/* ---- packets and timers */

static void count_answer(struct sim_mptcp *m, struct subflow *s)
{
	uint64_t full =
		sim_serialise(m->network->settings.rate_bps, m->settings.payload + m->settings.headers);

	m->counters.acks++;
	m->counters.bunched += s->last_answer && now_of(m) - s->last_answer < full;
	s->last_answer = now_of(m);
}

static void answered(struct sim_mptcp *m, struct subflow *s, const struct answer *answer)
{
	struct connection *c = &m->connections[s->connection];

	count_answer(m, s);
	if (answer->data > c->acked)
		c->acked = answer->data;
	sim_sender_answer(m, s, answer);
	sim_mptcp_schedule(m, c);
}

static void arrive(void *user, struct sim_packet *packet)
{
	struct sim_mptcp *m = user;
	struct sim_packet copy = *packet;
	struct subflow *s = &m->subflows[copy.flow];

	if (copy.type == PACKET_ACK) {
		struct answer answer = m->answers[packet - m->network->packets];
		sim_packet_free(m->network, packet);
		answered(m, s, &answer);
		return;
	}
	sim_packet_free(m->network, packet);
	if (copy.type == PACKET_DATA)
		sim_receiver_data(m, s, &copy);
	else
		hello(m, s, copy.number);
}

static void timer(void *user, uint32_t what)
{
	struct sim_mptcp *m = user;
	uint32_t number = what & ((1U << TIMER_SHIFT) - 1);
	struct subflow *s = &m->subflows[number];

	switch (what >> TIMER_SHIFT) {
	case TIMER_SENDER:
		sim_sender_timer(m, s);
		break;
	case TIMER_DELAYED:
		sim_receiver_timer(m, s);
		break;
	case TIMER_HELLO:
		hello_timer(m, s);
		break;
	case TIMER_JOIN:
		join(m, s);
		break;
	default:
		m->timer(m->user, number);
	}
}

/* ---- from outside */

struct sim_mptcp *sim_mptcp_new(struct sim_network *network, const struct sim_mptcp_settings *settings,
	void (*done)(void *user, uint32_t connection), void (*user_timer)(void *user, uint32_t number),
	void *user)
{
	struct sim_mptcp *m = sim_must(calloc(1, sizeof *m));

	*m = (struct sim_mptcp){
		.network = network, .settings = *settings, .done = done, .timer = user_timer, .user = user};
	network->user = m;
	network->arrive = arrive;
	network->timer = timer;
	return m;
}

void sim_mptcp_free(struct sim_mptcp *m)
{
	for (uint32_t i = 0; i < m->subflow_count; i++) {
		free(m->subflows[i].ring);
		free(m->subflows[i].gaps.here);
	}
	for (uint32_t i = 0; i < m->connection_count; i++)
		free(m->connections[i].gaps.here);
	free(m->subflows);
	free(m->connections);
	free(m->answers);
	free(m);
}

uint32_t sim_mptcp_connection(struct sim_mptcp *m, bool pulled)
{
	uint32_t number = m->connection_count++;

	m->connections = sim_must(reallocarray(m->connections, m->connection_count, sizeof *m->connections));
	m->connections[number] = (struct connection){.first = m->subflow_count, .pulled = pulled};
	return number;
}

void sim_mptcp_subflow(struct sim_mptcp *m, uint32_t out, uint32_t back)
{
	uint32_t number = m->subflow_count++, connection = m->connection_count - 1;

	m->subflows = sim_must(reallocarray(m->subflows, m->subflow_count, sizeof *m->subflows));
	m->subflows[number] = (struct subflow){.connection = connection,
		.out = out,
		.back = back,
		.hello_due = SIM_NEVER,
		.delayed_due = SIM_NEVER,
		.quick = QUICK};
	sim_sender_open(m, &m->subflows[number]);
	m->connections[connection].count++;
}

void sim_mptcp_open(struct sim_mptcp *m, uint32_t connection)
{
	struct connection *c = &m->connections[connection];

	if (!c->opened)
		begin_hello(m, &m->subflows[c->first], c->pulled ? 3 : 2);
	c->opened = true;
}

void sim_mptcp_ask(struct sim_mptcp *m, uint32_t connection, uint64_t bytes)
{
	struct connection *c = &m->connections[connection];
	struct subflow *first = &m->subflows[c->first];

	c->asked += bytes;
	c->endless |= bytes == 0;
	if (!first->established) {
		sim_mptcp_open(m, connection);
	} else if (c->pulled) {
		begin_hello(m, first, 1);
	} else {
		add_data(m, c);
		sim_mptcp_schedule(m, c);
	}
}

void sim_mptcp_timer(struct sim_mptcp *m, uint64_t time, uint32_t number)
{
	sim_timer_at(m->network, time, TIMER_USER << TIMER_SHIFT | number);
}

uint64_t sim_mptcp_received(const struct sim_mptcp *m, uint32_t connection)
{
	const struct connection *c = &m->connections[connection];
	uint64_t bytes = (uint64_t)c->gaps.base * m->settings.payload - c->short_bytes;

	return c->tail_bytes && c->gaps.base == c->total ? bytes - (m->settings.payload - c->tail_bytes)
							 : bytes;
}

struct sim_mptcp_counters sim_mptcp_counters(const struct sim_mptcp *m)
{
	return m->counters;
}
