/* Packets; see the header. */
#include "nodes/grin/sim/packets.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/mptcp/coupled.h"
#include <stdlib.h>

enum { NEXT_ROUND = (1 << 24) - 1, PATHS_MOST = PLAN_PAIRS + 1 };
#define ALL_ENDED 3600000000000000ULL /* an hour: transfers that have not ended by then never will */
#define PS_PER_MS 1e9

struct run {
	const struct ways *ways;
	const struct scenario_packets *p;
	struct sim_network network;
	struct sim_topology *topology;
	struct sim_mptcp *mptcp;
	unsigned connections;
	/* Transfers. */
	unsigned round, open, samples;
	uint64_t *asked; /* when, per connection */
	double *times;   /* ms */
	/* Paths of the connection that is being made. */
	struct path {
		uint32_t out, back;
	} paths[PATHS_MOST];
	unsigned path_count;
	char **error;
	bool failed;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- the network */

static int make_network(struct run *r, char **error)
{
	const struct ways *w = r->ways;
	struct sim_cable *cables = must(calloc(w->count, sizeof *cables));
	struct sim_settings settings = {.rate_bps = r->p->rate_bps,
		.delay_ps = r->p->delay_ps,
		.discipline = SIM_TAIL,
		.limit_bytes = UINT32_MAX / 2,
		.early_bytes = UINT32_MAX,
		.limit_packets = r->p->queue + 1, /* and the one that is sent */
		.control_first = r->p->acks != ACKS_QUEUED,
		.seed = w->seed};

	for (unsigned i = 0; i < w->count; i++)
		cables[i] = (struct sim_cable){w->links[i].left, w->links[i].right};
	r->topology = sim_routed(w->nodes, cables, w->count, error);
	free(cables);
	if (!r->topology)
		return -1;
	sim_network_init(&r->network, r->topology, &settings);
	/* One other rate: that of a rack, or of a half. */
	for (unsigned i = 0; i < 2 * w->count; i++)
		if (w->links[i / 2].capacity != 1 &&
			!sim_network_rate(&r->network, i,
				(uint64_t)((double)r->p->rate_bps * w->links[i / 2].capacity)))
			abort();
	return 0;
}

static uint32_t add_path(struct run *r, const struct way *way)
{
	uint16_t ports[WAY_LINKS];

	for (unsigned i = 0; i < way->count; i++)
		ports[i] = (uint16_t)way->links[i];
	return sim_routed_path(r->topology, ports, way->count, r->failed ? NULL : r->error);
}

static void put(void *context, const struct way *out, const struct way *back)
{
	struct run *r = context;
	struct path path = {add_path(r, out), UINT32_MAX};

	if (path.out != UINT32_MAX)
		path.back = add_path(r, back);
	r->failed |= path.back == UINT32_MAX;
	r->paths[r->path_count++] = path;
}

/* ---- connections */

static void connect_one(struct run *r, unsigned number)
{
	uint64_t draws = draw_key(r->ways->seed + r->p->phase, number, 5);
	unsigned only = (unsigned)draw_below(&draws, r->path_count);

	sim_mptcp_connection(r->mptcp, r->p->bytes > 0);
	for (unsigned i = 0; i < r->path_count; i++)
		if (!r->p->strong || i == only)
			sim_mptcp_subflow(r->mptcp, r->paths[i].out, r->paths[i].back);
	r->connections++;
}

/* Transfers: the first connection of each flow, then the second of each, as liquidnet-matrix opens them. */
static int connect_all(struct run *r, const struct traffic_flow *flows, unsigned count)
{
	for (unsigned i = 0; i < count * r->p->connections; i++) {
		r->path_count = 0;
		ways_each(r->ways, i % count, flows[i % count], put, r);
		if (r->failed)
			return -1;
		connect_one(r, i);
	}
	return 0;
}

static void ask(struct run *r, unsigned number)
{
	if (r->asked)
		r->asked[number] = r->network.events.now;
	sim_mptcp_ask(r->mptcp, number, r->p->bytes);
}

static void begin_round(struct run *r)
{
	uint64_t draws = draw_key(r->ways->seed + r->p->phase, r->round, 7), now = r->network.events.now;

	r->open = r->connections;
	for (unsigned i = 0; i < r->connections; i++)
		if (r->p->spread_ps)
			sim_mptcp_timer(r->mptcp, now + draw_below(&draws, r->p->spread_ps + 1), i);
		else
			ask(r, i);
}

static void timer(void *user, uint32_t number)
{
	struct run *r = user;

	if (number == NEXT_ROUND)
		begin_round(r);
	else
		ask(r, number);
}

static void done(void *user, uint32_t connection)
{
	struct run *r = user;

	r->times[r->samples++] = (double)(r->network.events.now - r->asked[connection]) / PS_PER_MS;
	if (--r->open)
		return;
	if (++r->round >= r->p->rounds)
		r->network.stop = true;
	else
		sim_mptcp_timer(r->mptcp, r->network.events.now + r->p->pause_ps, NEXT_ROUND);
}

/* RFC 6356. */
static uint32_t lia(const struct sim_mptcp_path *paths, uint32_t count, uint32_t own)
{
	struct coupled_path coupled[COUPLED_PATHS];

	for (uint32_t i = 0; i < count; i++)
		coupled[i] = coupled_path(paths[i].window, paths[i].rtt_us, 0);
	return lia_every(coupled, count, coupled[own].window);
}
_Static_assert((int)SIM_MPTCP_PATHS == COUPLED_PATHS, "the same paths are coupled");

static struct sim_mptcp *make_mptcp(struct run *r)
{
	struct sim_mptcp_settings s = sim_mptcp_usual;

	s.growth = r->p->growth;
	s.every = lia;
	s.hystart = r->p->start == START_HYSTART;
	s.slow_start = r->p->start != START_NONE;
	s.told = !r->p->lost;
	s.window = (uint32_t)(r->p->window / s.payload);
	s.window = s.window ? s.window : 1;
	s.burst = (uint32_t)((r->p->burst + s.payload - 1) / s.payload);
	if (r->p->acks == ACKS_FREE)
		s.control = 1;
	return sim_mptcp_new(&r->network, &s, done, timer, r);
}

/* ---- what comes of it */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int transfer(struct run *r, struct scenario_outcome *outcome, char **error)
{
	unsigned wanted = r->connections * (r->p->rounds ? r->p->rounds : 1);

	r->times = must(calloc(wanted, sizeof *r->times));
	r->asked = must(calloc(r->connections, sizeof *r->asked));
	/* Connections that stand were opened a pause before. */
	for (unsigned i = 0; r->p->rounds && i < r->connections; i++)
		sim_mptcp_open(r->mptcp, i);
	sim_mptcp_timer(r->mptcp, r->p->rounds ? r->p->pause_ps : 0, NEXT_ROUND);
	sim_run(&r->network, ALL_ENDED);
	if (r->samples < wanted)
		return error_set(
			error, "%u of %u transfers did not end within an hour", wanted - r->samples, wanted);
	qsort(r->times, r->samples, sizeof *r->times, ascending);
	outcome->median = r->times[r->samples / 2];
	outcome->most_90 = r->times[(size_t)r->samples * 90 / 100];
	outcome->most_99 = r->times[(size_t)r->samples * 99 / 100];
	return 0;
}

static void stream(struct run *r, double *rates)
{
	uint64_t draws = draw_key(r->ways->seed, r->p->phase, 6), full = sim_mptcp_usual.payload;
	double seconds = (double)r->p->measure_ps * 1e-12;
	double uplink = (double)r->p->rate_bps / 8 * (double)full / (double)(full + sim_mptcp_usual.headers);

	for (unsigned i = 0; i < r->connections; i++)
		sim_mptcp_timer(r->mptcp, draw_below(&draws, r->p->spread_ps + 1), i);
	sim_run(&r->network, r->p->length_ps - r->p->measure_ps);
	for (unsigned i = 0; i < r->connections; i++)
		rates[i] = -(double)sim_mptcp_received(r->mptcp, i);
	sim_run(&r->network, r->p->length_ps);
	for (unsigned i = 0; i < r->connections; i++)
		rates[i] = (rates[i] + (double)sim_mptcp_received(r->mptcp, i)) / seconds / uplink;
}

int packets_run(const struct ways *ways, const struct traffic_flow *flows, unsigned count, double *rates,
	struct scenario_outcome *outcome, char **error)
{
	struct run run = {.ways = ways, .p = &ways->scenario->packet, .error = error};

	if (make_network(&run, error) < 0)
		return -1;
	run.mptcp = make_mptcp(&run);
	int result = connect_all(&run, flows, count);
	if (result == 0 && run.p->bytes)
		result = transfer(&run, outcome, error);
	else if (result == 0)
		stream(&run, rates);
	outcome->counters = sim_mptcp_counters(run.mptcp);
	sim_mptcp_free(run.mptcp);
	sim_network_free(&run.network);
	free(run.times);
	free(run.asked);
	return result;
}
