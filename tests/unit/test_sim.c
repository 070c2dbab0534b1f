/* Simulated networks (lib/sim): events in order against a sorted list; the fat tree against the same network given by its links; packets
 * that are all accounted for, and times to the picosecond. */
#include "lib/base/draw.h"
#include "lib/sim/events.h"
#include "lib/sim/network.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

static uint32_t below(uint64_t key, uint64_t *n, uint32_t count)
{
	return (uint32_t)(draw_number(key, (*n)++) % count);
}

/* ---- events */

struct asked {
	uint64_t time;
	uint32_t what;
};

/* Asks at random, with lanes and without, and takes: always the earliest of what was asked for, first come first served. */
static void events_history(uint64_t seed)
{
	struct sim_events events;
	struct asked list[4000];
	int count = 0;
	uint32_t next = 0;
	uint64_t n = 0, taken = 0;

	sim_events_init(&events);
	for (int step = 0; step < 4000; step++) {
		if (below(seed, &n, 5) < 3) {
			uint64_t delay = below(seed, &n, 4) ? below(seed, &n, 22) * 7 : below(seed, &n, 200);
			bool lane = below(seed, &n, 3);
			list[count++] = (struct asked){events.now + delay, next};
			if (lane)
				sim_events_after(&events, sim_events_lane(&events, delay), delay, next++);
			else
				sim_events_at(&events, events.now + delay, next++);
			continue;
		}
		struct sim_event event;
		int first = 0;
		for (int i = 1; i < count; i++)
			if (list[i].time < list[first].time)
				first = i;
		uint64_t until = events.now + below(seed, &n, 300);
		bool due = count > 0 && list[first].time <= until;
		assert_int_equal(sim_events_take(&events, until, &event), due);
		if (!due)
			continue;
		assert_int_equal(event.time, list[first].time);
		assert_int_equal(event.what, list[first].what);
		assert_int_equal(events.now, event.time);
		taken++;
		memmove(&list[first], &list[first + 1], (size_t)(--count - first) * sizeof *list);
	}
	assert_int_equal(events.taken, taken);
	assert_int_equal(sim_events_pending(&events), count > 0);
	assert_true(events.lanes <= SIM_LANES);
	sim_events_free(&events);
}

static void events_in_order(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++)
		events_history(seed);
}

/* ---- topologies */

/* A path is one: it begins at the sender, each port begins where the one before ended, and it ends at the receiver. */
static void check_path(
	struct sim_topology *topology, uint32_t from, uint32_t to, const uint16_t *route, uint32_t hops)
{
	uint32_t at = from;

	for (uint32_t i = 0; i < hops; i++) {
		struct sim_place place, back;
		topology->describe(topology, route[i], &place);
		topology->describe(topology, place.reverse, &back);
		assert_int_equal(place.from, at);
		assert_int_equal(back.from, place.to);
		assert_int_equal(back.to, place.from);
		assert_int_equal(back.reverse, route[i]);
		at = place.to;
	}
	assert_int_equal(at, to);
}

/* All paths of a pair, different ones. */
static uint32_t check_pair(struct sim_topology *topology, uint32_t from, uint32_t to)
{
	uint32_t paths = topology->paths(topology, from, to);
	uint16_t(*routes)[SIM_HOPS_MAX] = calloc(paths, sizeof *routes);
	uint32_t hops = 0;

	for (uint32_t path = 0; path < paths; path++) {
		hops = topology->route(topology, from, to, path, routes[path]);
		check_path(topology, from, to, routes[path], hops);
		for (uint32_t other = 0; other < path; other++)
			assert_memory_not_equal(routes[path], routes[other], hops * sizeof **routes);
	}
	free(routes);
	return hops << 16 | paths;
}

static void fattree_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{2, 2}, {4, 16}, {6, 54}, {8, 128}, {10, 250}, {12, 432}, {16, 1024}, {32, 8192}};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct sim_topology *tree = sim_fattree(sizes[i][0], 1);
		assert_non_null(tree);
		assert_int_equal(tree->hosts, sizes[i][1]);
		assert_int_equal(tree->ports, 6 * sizes[i][1]);
		sim_topology_free(tree);
	}
	assert_null(sim_fattree(32, 4));
}

/* The numbers of the text: 1 path below one switch, k/2 in a pod, k^2/4 else; 2, 4, 6 links. */
static void fattree_paths(void **state)
{
	struct sim_topology *tree = sim_fattree(8, 2);

	(void)state;
	assert_int_equal(tree->hosts, 256);
	assert_int_equal(check_pair(tree, 0, 7), 2 << 16 | 1);
	assert_int_equal(check_pair(tree, 0, 8), 4 << 16 | 4);
	assert_int_equal(check_pair(tree, 3, 255), 6 << 16 | 16);
	for (uint32_t port = 0; port < tree->ports; port++) {
		struct sim_place place, back;
		tree->describe(tree, port, &place);
		tree->describe(tree, place.reverse, &back);
		assert_int_equal(back.reverse, port);
		assert_int_equal(place.from, back.to);
		assert_int_equal(place.from_rank > place.to_rank ? place.from_rank - place.to_rank
								 : place.to_rank - place.from_rank,
			1);
	}
	sim_topology_free(tree);
}

/* The same network given by its links has as many paths, as long, and all of them hold. */
static void fattree_as_graph(void **state)
{
	struct sim_topology *tree = sim_fattree(4, 1), *graph;
	struct sim_cable cables[96];
	uint32_t count = 0, nodes = 0;
	char *error = NULL;

	(void)state;
	for (uint32_t port = 0; port < tree->ports; port++) {
		struct sim_place place;
		tree->describe(tree, port, &place);
		nodes = place.from + 1 > nodes ? place.from + 1 : nodes;
		if (place.reverse > port)
			cables[count++] = (struct sim_cable){place.from, place.to};
	}
	assert_int_equal(nodes, 16 + 20);
	assert_int_equal(count, 48);
	graph = sim_graph(16, nodes, cables, count, false, &error);
	assert_non_null(graph);
	for (uint32_t from = 0; from < 16; from++)
		for (uint32_t to = 0; to < 16; to++)
			if (from != to)
				assert_int_equal(check_pair(graph, from, to), check_pair(tree, from, to));
	sim_topology_free(tree);
	sim_topology_free(graph);
}

static void graph_refuses(void **state)
{
	static const struct sim_cable apart[] = {{0, 2}, {1, 3}}, bare[] = {{0, 2}};
	struct sim_cable chain[40];
	char *error = NULL;

	(void)state;
	assert_null(sim_graph(2, 4, apart, 2, false, &error));
	assert_string_equal(error, "no way from host 1 to host 0");
	free(error);
	error = NULL;
	assert_null(sim_graph(2, 3, bare, 1, false, &error));
	assert_string_equal(error, "host 1 has no link");
	free(error);
	error = NULL;
	for (uint32_t i = 0; i < 40; i++)
		chain[i] = (struct sim_cable){i == 0 ? 0 : i + 1, i == 39 ? 1 : i + 2};
	assert_null(sim_graph(2, 41, chain, 40, false, &error));
	assert_non_null(strstr(error, "links to host 0"));
	free(error);
}

/* Hosts forward only where they are asked to. */
static void hosts_that_forward(void **state)
{
	static const struct sim_cable ring[] = {{0, 1}, {1, 2}, {2, 3}, {3, 0}};
	char *error = NULL;
	struct sim_topology *graph = sim_graph(4, 4, ring, 4, true, &error);

	(void)state;
	assert_non_null(graph);
	assert_int_equal(check_pair(graph, 0, 2), 2 << 16 | 2);
	sim_topology_free(graph);
	assert_null(sim_graph(4, 4, ring, 4, false, &error));
	free(error);
}

/* ---- networks */

struct arrivals {
	struct sim_network network;
	uint64_t count, bounced, times[64];
};

static void arrive(void *user, struct sim_packet *packet)
{
	struct arrivals *arrivals = user;

	if (arrivals->count < 64)
		arrivals->times[arrivals->count] = arrivals->network.events.now;
	arrivals->count++;
	arrivals->bounced += packet->flags & SIM_BOUNCED ? 1 : 0;
	sim_packet_free(&arrivals->network, packet);
}

static const struct sim_settings usual = {.rate_bps = 10000000000,
	.delay_ps = 1000000,
	.discipline = SIM_TRIM,
	.trim = {72000, 72000, TRIM_RATIO, TRIM_FAIR, true},
	.limit_bytes = 900000,
	.mark_bytes = 135000,
	.seed = 1};

static void open_network(
	struct arrivals *arrivals, struct sim_topology *topology, const struct sim_settings *settings)
{
	memset(arrivals, 0, sizeof *arrivals);
	sim_network_init(&arrivals->network, topology, settings);
	arrivals->network.user = arrivals;
	arrivals->network.arrive = arrive;
}

static struct sim_packet *make(struct arrivals *arrivals, uint32_t bytes, enum trim_class class)
{
	struct sim_packet *packet = sim_packet_new(&arrivals->network);

	packet->queued.bytes = bytes;
	packet->queued.header_bytes = 64;
	packet->queued.class = class;
	packet->flags = 0;
	return packet;
}

/* Store and forward: six serialisations and six delays. */
static void one_packet(void **state)
{
	struct arrivals a;

	(void)state;
	open_network(&a, sim_fattree(4, 1), &usual);
	sim_send(&a.network, make(&a, 9064, TRIM_DATA), 0, 15, 3);
	sim_send(&a.network, make(&a, 9064, TRIM_DATA), 0, 15, 1);
	assert_false(sim_run(&a.network, 1000000000));
	assert_int_equal(a.count, 2);
	assert_int_equal(a.times[0], 6 * (7251200 + 1000000));
	assert_int_equal(a.times[1], 6 * (7251200 + 1000000) + 7251200);
	assert_int_equal(a.network.links, 12);
	sim_network_free(&a.network);
}

static void another_rate(void **state)
{
	struct arrivals a;
	uint16_t route[SIM_HOPS_MAX];

	(void)state;
	open_network(&a, sim_fattree(4, 1), &usual);
	a.network.topology->route(a.network.topology, 0, 15, 0, route);
	assert_true(sim_network_rate(&a.network, route[2], 1000000000));
	sim_send(&a.network, make(&a, 9064, TRIM_DATA), 0, 15, 0);
	sim_run(&a.network, 1000000000);
	assert_int_equal(a.times[0], 5 * 7251200 + 72512000 + 6 * 1000000);
	assert_true(sim_network_rate(&a.network, 5, 3000000000));
	assert_true(sim_network_rate(&a.network, 6, 7000000000));
	assert_false(sim_network_rate(&a.network, 7, 9000000000));
	assert_int_equal(sim_serialise(3000000000, 9064), 24170666666 / 1000);
	sim_network_free(&a.network);
}

/* Control first, then what is sent again, then the rest. */
static void host_levels(void **state)
{
	struct arrivals a;

	(void)state;
	open_network(&a, sim_fattree(4, 1), &usual);
	sim_send(&a.network, make(&a, 9064, TRIM_DATA), 0, 1, 0); /* is in service */
	sim_send(&a.network, make(&a, 1000, TRIM_DATA), 0, 1, 0);
	struct sim_packet *again = make(&a, 2000, TRIM_DATA);
	again->flags = SIM_AGAIN;
	sim_send(&a.network, again, 0, 1, 0);
	sim_send(&a.network, make(&a, 64, TRIM_CONTROL), 0, 1, 0);
	sim_run(&a.network, 7251200 + 51200 + 1600000);
	assert_int_equal(a.network.ports[0].plain.bytes, 1000); /* 2,000 bytes went before */
	sim_run(&a.network, 1000000000);
	assert_int_equal(a.count, 4);
	sim_network_free(&a.network);
}

/* What is sent arrives, comes back, or is dropped and counted; every packet is back in the pool. */
static void nothing_is_lost(void **state)
{
	static const enum sim_discipline disciplines[] = {SIM_TRIM, SIM_TAIL, SIM_ECN};

	(void)state;
	for (int d = 0; d < 3; d++)
		for (uint64_t seed = 0; seed < 40; seed++) {
			struct sim_settings settings = usual;
			struct arrivals a;
			uint64_t n = 0, sent = 0, lost = 0;
			settings.discipline = disciplines[d];
			settings.trim.high_bytes = 640;
			settings.limit_bytes = 40000;
			settings.early_bytes = 30000;
			settings.early_chance = 1U << 30;
			settings.mark_bytes = 20000;
			settings.seed = seed;
			open_network(&a, sim_fattree(4, 1), &settings);
			for (; sent < 3000; sent++) {
				bool data = below(seed, &n, 3);
				sim_send(&a.network,
					make(&a, data ? 9064 : 64, data ? TRIM_DATA : TRIM_CONTROL),
					1 + below(seed, &n, 15), 0, 0);
				if (below(seed, &n, 4) == 0)
					sim_run(&a.network, a.network.events.now + below(seed, &n, 4000000));
			}
			assert_false(sim_run(&a.network, SIM_NEVER - 1));
			for (uint32_t i = 0; i < a.network.topology->ports; i++) {
				const struct sim_port *port = &a.network.ports[i];
				lost += port->discipline == SIM_TRIM ? port->trim.counters.headers_dropped
								     : port->plain.dropped;
				assert_false(port->busy);
			}
			assert_int_equal(a.count + lost, sent);
			uint32_t pooled = 0;
			for (uint32_t i = a.network.free_packet; i != UINT32_MAX;
				i = a.network.packets[i].flow)
				pooled++;
			assert_int_equal(pooled, a.network.packet_count);
			if (disciplines[d] == SIM_TRIM)
				assert_true(a.bounced > 0);
			sim_network_free(&a.network);
		}
}

/* Routes longer than a packet holds lie elsewhere, and a bounce finds its way back over them. */
static void long_way(void **state)
{
	struct sim_cable cables[11];
	struct sim_settings settings = usual;
	struct arrivals a;
	char *error = NULL;

	(void)state;
	for (uint32_t i = 0; i < 11; i++)
		cables[i] = (struct sim_cable){i == 0 ? 0 : i + 1, i == 10 ? 1 : i + 2};
	settings.trim.low_bytes = 64; /* every data packet is trimmed at the first switch, */
	settings.trim.high_bytes = 64;
	open_network(&a, sim_graph(2, 12, cables, 11, false, &error), &settings);
	sim_send(&a.network, make(&a, 64, TRIM_CONTROL), 0, 1, 0);
	sim_run(&a.network, 1000000000);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.times[0], 11 * (51200 + 1000000));
	/* ... and where a header is already, goes back. */
	for (int i = 0; i < 3; i++)
		sim_send(&a.network, make(&a, 9064, TRIM_DATA), 0, 1, 0);
	sim_run(&a.network, 1000000000000);
	assert_int_equal(a.count, 4);
	sim_network_free(&a.network);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_in_order),
		cmocka_unit_test(fattree_sizes),
		cmocka_unit_test(fattree_paths),
		cmocka_unit_test(fattree_as_graph),
		cmocka_unit_test(graph_refuses),
		cmocka_unit_test(hosts_that_forward),
		cmocka_unit_test(one_packet),
		cmocka_unit_test(another_rate),
		cmocka_unit_test(host_levels),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(long_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
