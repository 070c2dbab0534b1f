/* Requests are numbers of a pool; events carry such a number, or that of a generator, a server, a client. A server draws the time of a
 * service when it begins, at its speed of then. Times are picoseconds in the queue of events, nanoseconds elsewhere. */
#include "nodes/replica/sim/cluster.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/events.h"
#include "nodes/replica/sim/order.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cluster_measure_names[CLUSTER_MEASURES + 1] = {
	"mean", "p50", "p95", "p99", "p99.9", "tail", "throughput", "held", "busiest", "herd", "least", NULL};

enum what { GENERATE, ARRIVE, SERVED, ANSWER, FLUCTUATE, WAKE };
#define WHAT_BITS 3
#define PS_PER_NS 1000
#define BIN_NS (20 * NS_PER_MS)
#define BINS_PER_100MS 5

struct request {
	int64_t made_ns, sent_ns;
	uint32_t client, next; /* of the server's queue, or of the free ones */
	uint32_t generator;
	uint16_t server, group;
	uint32_t queue; /* as the answer says */
	float service_ns;
	bool repair;
};

#define NOBODY UINT32_MAX

struct server {
	double service_ns;
	uint32_t busy, first, last, queued;
	uint32_t *arrived, *served; /* per bin */
};

struct cluster {
	const struct scenario *s;
	struct sim_events events;
	uint32_t lane;
	struct server *servers;
	struct chooser **clients;
	int64_t *woken; /* per client: the wake-up that is on its way */
	struct request *pool;
	uint32_t free, room;
	uint32_t made, counted, first_counted, bins;
	int64_t *latency;
	double gap_ns; /* mean, per generator */
	int64_t began_counting_ns, now_ns;
	uint64_t arrivals, choices, services,
		speeds; /* draws: one sequence per purpose, so that policies meet the same load */
	uint16_t *members;
};

/* ---- draws ---- */

static double exponential(uint64_t *draws, double mean)
{
	return -mean * log1p(-draw_uniform(draws));
}

/* Whole milliseconds, Poisson distributed (Knuth). */
static double poisson_ms(uint64_t *draws, double mean_ns)
{
	double limit = exp(-mean_ns / (double)NS_PER_MS), product = 1;
	int count = -1;

	do {
		product *= draw_uniform(draws);
		count++;
	} while (product > limit);
	return (double)(count * NS_PER_MS);
}

/* ---- the pool and the queue of events ---- */

static uint32_t take_request(struct cluster *c)
{
	if (c->free == NOBODY) {
		uint32_t room = c->room ? 2 * c->room : 4096;
		c->pool = realloc(c->pool, room * sizeof *c->pool);
		if (!c->pool)
			abort();
		for (uint32_t i = c->room; i < room; i++) {
			c->pool[i].next = c->free;
			c->free = i;
		}
		c->room = room;
	}
	uint32_t request = c->free;
	c->free = c->pool[request].next;
	return request;
}

static void give_back(struct cluster *c, uint32_t request)
{
	c->pool[request].next = c->free;
	c->free = request;
}

static void at(struct cluster *c, int64_t time_ns, enum what what, uint32_t who)
{
	sim_events_at(&c->events, (uint64_t)time_ns * PS_PER_NS, who << WHAT_BITS | what);
}

/* Over the wire. */
static void travel(struct cluster *c, enum what what, uint32_t who)
{
	sim_events_after(
		&c->events, c->lane, (uint64_t)c->s->network_ns * PS_PER_NS, who << WHAT_BITS | what);
}

/* ---- clients ---- */

static double load_of(void *context, unsigned number)
{
	const struct cluster *c = context;
	const struct server *server = &c->servers[number];

	return (1 + server->busy + server->queued) * server->service_ns;
}

static void send(struct cluster *c, uint32_t number, unsigned server)
{
	struct request *r = &c->pool[number];

	r->server = (uint16_t)server;
	r->sent_ns = c->now_ns;
	travel(c, ARRIVE, number);
}

/* The same read to the group's other servers: the answers bring nothing but feedback. */
static void repair(struct cluster *c, uint32_t number)
{
	struct request first = c->pool[number];

	if (c->s->repair == 0 || draw_uniform(&c->choices) >= c->s->repair)
		return;
	for (unsigned i = 0; i < c->s->replicas; i++) {
		unsigned server = c->members[first.group * c->s->replicas + i];
		if (server == first.server)
			continue;
		uint32_t more = take_request(c);
		c->pool[more] = first;
		c->pool[more].repair = true;
		chooser_also(c->clients[first.client], server, c->now_ns);
		send(c, more, server);
	}
}

static void set_alarm(struct cluster *c, uint32_t client)
{
	int64_t wake = chooser_wake(c->clients[client]);

	if (wake >= c->woken[client])
		return;
	wake = wake > c->now_ns ? wake : c->now_ns;
	c->woken[client] = wake;
	at(c, wake, WAKE, client);
}

static void wake(struct cluster *c, uint32_t client)
{
	uint32_t request;
	unsigned server;

	if (c->woken[client] > c->now_ns)
		return; /* an earlier one took its place, and set another */
	c->woken[client] = INT64_MAX;
	while (chooser_next(c->clients[client], c->now_ns, &request, &server)) {
		send(c, request, server);
		repair(c, request);
	}
	set_alarm(c, client);
}

static uint32_t choose_client(struct cluster *c)
{
	const struct scenario *s = c->s;
	uint32_t heavy = (uint32_t)lround(s->skew_share * s->clients);

	if (heavy == 0 || heavy == s->clients)
		return (uint32_t)draw_below(&c->arrivals, s->clients);
	if (draw_uniform(&c->arrivals) < s->skew_demand)
		return (uint32_t)draw_below(&c->arrivals, heavy);
	return heavy + (uint32_t)draw_below(&c->arrivals, s->clients - heavy);
}

static void make_request(struct cluster *c, uint32_t generator)
{
	uint32_t number = take_request(c), client = choose_client(c);
	uint32_t group = (uint32_t)draw_below(&c->arrivals, c->s->servers);

	c->pool[number] = (struct request){
		.made_ns = c->now_ns, .client = client, .group = (uint16_t)group, .generator = generator};
	c->made++;
	int server = chooser_ask(c->clients[client], group, number, c->now_ns);
	if (server >= 0) {
		send(c, number, (unsigned)server);
		repair(c, number);
	} else
		set_alarm(c, client);
}

static void generate(struct cluster *c, uint32_t generator)
{
	if (c->made == c->s->requests)
		return;
	make_request(c, generator);
	if (c->s->arrivals == ARRIVALS_EXPONENTIAL)
		at(c, c->now_ns + (int64_t)exponential(&c->arrivals, c->gap_ns), GENERATE, generator);
	else if (c->s->arrivals == ARRIVALS_ABSIM)
		at(c, c->now_ns + (int64_t)poisson_ms(&c->arrivals, c->gap_ns), GENERATE, generator);
}

/* ---- servers ---- */

/* Bins per server grow as time goes on. */
static void count_bin(struct cluster *c, bool arrived, uint16_t number)
{
	uint32_t bin = (uint32_t)(c->now_ns / BIN_NS);

	if (bin >= c->bins) {
		uint32_t bins = 2 * bin + 1024;
		for (unsigned i = 0; i < c->s->servers; i++) {
			struct server *s = &c->servers[i];
			s->arrived = realloc(s->arrived, bins * sizeof *s->arrived);
			s->served = realloc(s->served, bins * sizeof *s->served);
			if (!s->arrived || !s->served)
				abort();
			memset(s->arrived + c->bins, 0, (bins - c->bins) * sizeof *s->arrived);
			memset(s->served + c->bins, 0, (bins - c->bins) * sizeof *s->served);
		}
		c->bins = bins;
	}
	(arrived ? c->servers[number].arrived : c->servers[number].served)[bin]++;
}

static void begin_service(struct cluster *c, struct server *server, uint32_t number)
{
	double service = exponential(&c->services, server->service_ns);

	server->busy++;
	c->pool[number].service_ns = (float)service;
	at(c, c->now_ns + (int64_t)service, SERVED, number);
}

static void arrive(struct cluster *c, uint32_t number)
{
	uint16_t at_server = c->pool[number].server;
	struct server *server = &c->servers[at_server];

	count_bin(c, true, at_server);
	if (server->busy < c->s->concurrency) {
		begin_service(c, server, number);
		return;
	}
	c->pool[number].next = NOBODY;
	if (server->queued++)
		c->pool[server->last].next = number;
	else
		server->first = number;
	server->last = number;
}

/* The answer tells the queue as it is after the service (D1.4, 3.7.6). */
static void served(struct cluster *c, uint32_t number)
{
	struct request *r = &c->pool[number];
	struct server *server = &c->servers[r->server];

	server->busy--;
	r->queue = server->queued;
	count_bin(c, false, r->server);
	travel(c, ANSWER, number);
	if (server->queued) {
		uint32_t next = server->first;
		server->first = c->pool[next].next;
		server->queued--;
		begin_service(c, server, next);
	}
}

static void fluctuate(struct cluster *c, uint32_t number)
{
	bool slow = draw_next(&c->speeds) >> 63;
	double service = c->s->service_ns;

	if (number < lround(c->s->slow_share * c->s->servers))
		service *= c->s->slow_slower;
	c->servers[number].service_ns = slow || c->s->fluctuation_ns == 0 ? service : service / c->s->ratio;
	if (c->s->fluctuation_ns > 0)
		at(c, c->now_ns + (int64_t)c->s->fluctuation_ns, FLUCTUATE, number);
}

static void answer(struct cluster *c, uint32_t number)
{
	struct request r = c->pool[number];
	struct feedback feedback = {(double)(c->now_ns - r.sent_ns), (double)r.service_ns, (double)r.queue};

	give_back(c, number);
	chooser_answered(c->clients[r.client], r.server, &feedback, c->now_ns);
	set_alarm(c, r.client);
	if (r.repair)
		return;
	if (c->counted == c->first_counted)
		c->began_counting_ns = c->now_ns;
	c->latency[c->counted++] = c->now_ns - r.made_ns;
	if (c->s->arrivals == ARRIVALS_CLOSED)
		generate(c, r.generator);
}

/* ---- what comes of it ---- */

static double autocorrelation(const uint32_t *x, uint32_t n, uint32_t lag)
{
	double mean = 0, variance = 0, product = 0;

	if (n <= lag + 1)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		mean += (double)x[i] / n;
	for (uint32_t i = 0; i < n; i++) {
		variance += (x[i] - mean) * (x[i] - mean);
		if (i >= lag)
			product += (x[i] - mean) * (x[i - lag] - mean);
	}
	return variance > 0 ? product / variance : 0;
}

/* The server that served most, between two bins, its bursts and its herds; and the one that served least. */
static void busiest(const struct cluster *c, uint32_t from, uint32_t to, struct cluster_outcome *o)
{
	uint64_t most = 0, least = UINT64_MAX, all = 0;
	const struct server *busy = &c->servers[0];

	for (unsigned i = 0; i < c->s->servers; i++) {
		uint64_t sum = 0;
		for (uint32_t bin = from; bin < to; bin++)
			sum += c->servers[i].served[bin];
		if (sum > most)
			busy = &c->servers[i];
		most = sum > most ? sum : most;
		least = sum < least ? sum : least;
		all += sum;
	}
	o->value[CLUSTER_LEAST] = all ? (double)least * c->s->servers / (double)all : 0;
	uint32_t n = to > from ? (to - from) / BINS_PER_100MS : 0;
	int64_t *per_100ms = calloc(n + 1, sizeof *per_100ms);
	for (uint32_t i = 0; per_100ms && i < n * BINS_PER_100MS; i++)
		per_100ms[i / BINS_PER_100MS] += busy->served[from + i];
	if (per_100ms && n)
		o->value[CLUSTER_BUSIEST] =
			(double)(order_quantile(per_100ms, n, 0.99) - order_quantile(per_100ms, n, 0.5));
	free(per_100ms);
	o->value[CLUSTER_HERD] =
		to > from ? autocorrelation(busy->arrived + from, to - from, BINS_PER_100MS) : 0;
}

static void conclude(struct cluster *c, struct cluster_outcome *o)
{
	static const double quantiles[] = {0.5, 0.95, 0.99, 0.999};
	int64_t *latency = c->latency + c->first_counted;
	uint32_t n = c->counted - c->first_counted;
	uint64_t held = 0;
	double sum = 0;

	*o = (struct cluster_outcome){.counted = n, .events = c->events.taken};
	for (uint32_t i = 0; i < n; i++)
		sum += (double)latency[i];
	o->value[CLUSTER_MEAN] = sum / n / (double)NS_PER_MS;
	for (int i = 0; i < 4; i++)
		o->value[CLUSTER_P50 + i] =
			(double)order_quantile(latency, n, quantiles[i]) / (double)NS_PER_MS;
	o->value[CLUSTER_TAIL] = o->value[CLUSTER_P999] - o->value[CLUSTER_P50];
	o->value[CLUSTER_THROUGHPUT] =
		(double)n / ((double)(c->now_ns - c->began_counting_ns) / (double)NS_PER_S);
	for (unsigned i = 0; i < c->s->clients; i++)
		held += chooser_held(c->clients[i]);
	o->value[CLUSTER_HELD] = (double)held / c->made;
	busiest(c, (uint32_t)(c->began_counting_ns / BIN_NS) + 1, (uint32_t)(c->now_ns / BIN_NS), o);
}

static int set_up(struct cluster *c, uint64_t seed)
{
	const struct scenario *s = c->s;
	uint64_t seeds = draw_mix(seed);
	struct chooser_settings settings = CHOOSER_SETTINGS;

	c->arrivals = draw_next(&seeds);
	c->choices = draw_next(&seeds);
	c->services = draw_next(&seeds);
	c->speeds = draw_next(&seeds);
	c->free = NOBODY;
	c->first_counted = (uint32_t)(s->warmup * s->requests);
	c->gap_ns = s->generators / (scenario_capacity(s) * s->load);
	sim_events_init(&c->events);
	c->lane = sim_events_lane(&c->events, (uint64_t)s->network_ns * PS_PER_NS);
	c->servers = calloc(s->servers, sizeof *c->servers);
	c->clients = calloc(s->clients, sizeof *c->clients);
	c->woken = malloc(s->clients * sizeof *c->woken);
	c->latency = malloc(s->requests * sizeof *c->latency);
	c->members = malloc(s->servers * s->replicas * sizeof *c->members);
	if (!c->servers || !c->clients || !c->woken || !c->latency || !c->members)
		return -1;
	for (unsigned i = 0; i < s->servers * s->replicas; i++)
		c->members[i] = (uint16_t)((i / s->replicas + i % s->replicas) % s->servers);
	settings.select = s->select;
	settings.control = s->control;
	settings.clients = s->clients;
	settings.servers = settings.groups = s->servers;
	settings.replicas = s->replicas;
	settings.members = c->members;
	settings.load = load_of;
	settings.context = c;
	for (unsigned i = 0; i < s->clients; i++) {
		c->woken[i] = INT64_MAX;
		settings.seed = draw_next(&seeds);
		c->clients[i] = chooser_new(&settings, 0);
		if (!c->clients[i])
			return -1;
	}
	for (unsigned i = 0; i < s->servers; i++)
		fluctuate(c, i);
	for (unsigned i = 0; i < s->generators; i++)
		at(c, s->arrivals == ARRIVALS_ABSIM ? 0 : (int64_t)exponential(&c->arrivals, c->gap_ns),
			GENERATE, i);
	return 0;
}

static void take_down(struct cluster *c)
{
	for (unsigned i = 0; c->clients && i < c->s->clients; i++)
		chooser_free(c->clients[i]);
	for (unsigned i = 0; c->servers && i < c->s->servers; i++) {
		free(c->servers[i].arrived);
		free(c->servers[i].served);
	}
	free(c->servers);
	free(c->clients);
	free(c->woken);
	free(c->latency);
	free(c->members);
	free(c->pool);
	sim_events_free(&c->events);
}

int cluster_run(const struct scenario *scenario, uint64_t seed, struct cluster_outcome *outcome, char **error)
{
	static void (*const handlers[])(struct cluster *, uint32_t) = {
		[GENERATE] = generate,
		[ARRIVE] = arrive,
		[SERVED] = served,
		[ANSWER] = answer,
		[FLUCTUATE] = fluctuate,
		[WAKE] = wake,
	};
	struct cluster c = {.s = scenario};
	struct sim_event event;
	int result = set_up(&c, seed);

	if (result == 0) {
		while (c.counted < scenario->requests && sim_events_take(&c.events, SIM_NEVER - 1, &event)) {
			c.now_ns = (int64_t)(event.time / PS_PER_NS);
			handlers[event.what & ((1 << WHAT_BITS) - 1)](&c, event.what >> WHAT_BITS);
		}
		conclude(&c, outcome);
	} else
		error_set(error, "no memory for %u clients and %u servers", scenario->clients,
			scenario->servers);
	take_down(&c);
	return result;
}
