/* GRIN's plan (nodes/grin/plan.h): addresses and the text's example, cables at random, three ways of routing hop by hop, subflows; and the traffic matrices. */
#include "nodes/grin/plan.h"
#include "nodes/grin/traffic.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static void figure_3_6(void **state)
{
	struct plan *plan = plan_new();
	int end;

	(void)state;
	assert_int_equal(plan_add_racks(plan, 1, 3, NULL), 0);
	assert_int_equal(plan_join(plan, 0, 1, NULL), 0);
	assert_int_equal(plan_join(plan, 0, 2, NULL), 0);
	assert_int_equal(plan->servers[0].ends[0].address, IP(10, 32, 0, 2));
	assert_int_equal(plan->servers[1].ends[0].address, IP(10, 32, 0, 1));
	assert_int_equal(plan->servers[0].ends[1].address, IP(10, 32, 0, 3));
	assert_int_equal(plan->servers[2].ends[0].address, IP(10, 64, 0, 1));
	assert_int_equal(plan_neighbour(IP(10, 64, 0, 1)), IP(10, 0, 0, 1));
	assert_int_equal(plan_owner(plan, IP(10, 64, 0, 1), &end), 2);
	assert_int_equal(end, 0);
	assert_int_equal(plan_owner(plan, IP(10, 0, 0, 2), &end), 1);
	assert_int_equal(end, -1);
	assert_int_equal(plan_owner(plan, IP(10, 96, 0, 1), NULL), -1);
	assert_int_equal(plan_owner(plan, IP(11, 0, 0, 1), NULL), -1);
	plan_free(plan);
}

static void refuses(void **state)
{
	struct plan *plan = plan_new();
	char *error = NULL;

	(void)state;
	assert_int_equal(plan_add(plan, IP(10, 32, 0, 1), 0, &error), -1);
	assert_non_null(strstr(error, "10.32.0.1 is no address of 10.0.0.0/11"));
	assert_int_equal(plan_add(plan, IP(192, 0, 2, 1), 0, &error), -1);
	assert_int_equal(plan_add_racks(plan, 1, 9, NULL), 0);
	assert_int_equal(plan_add(plan, IP(10, 0, 0, 9), 0, &error), -1);
	assert_non_null(strstr(error, "two servers"));
	assert_int_equal(plan_join(plan, 2, 2, &error), -1);
	assert_int_equal(plan_join(plan, 2, 9, &error), -1);
	assert_int_equal(plan_join(plan, 2, 3, &error), 0);
	assert_int_equal(plan_join(plan, 3, 2, &error), -1);
	assert_non_null(strstr(error, "same pair"));
	assert_int_equal(plan_interconnect(plan, 8, 1, &error), -1);
	plan_free(plan);
	plan = plan_new();
	assert_int_equal(plan_add_racks(plan, 2, 4, NULL), 0);
	assert_int_equal(plan_interconnect(plan, 4, 1, &error), -1);
	assert_non_null(strstr(error, "a rack of 4 servers has 3 neighbours"));
	plan_free(plan);
	plan = plan_new();
	assert_int_equal(plan_add_racks(plan, 1, 9, NULL), 0);
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(plan_join(plan, 0, i, NULL), 0);
	assert_int_equal(plan_join(plan, 0, 8, &error), -1);
	assert_non_null(strstr(error, "eighth"));
	plan_free(plan);
	free(error);
}

/* Every degree that a rack can have: each server has it, but for one port where ports are odd; cables stay in their rack; addresses are unique. */
static void random_cables(void **state)
{
	(void)state;
	for (unsigned size = 2; size <= 20; size++)
		for (unsigned degree = 0; degree <= PLAN_LINKS && degree < size; degree++) {
			struct plan *plan = plan_new();
			unsigned ports = 0;
			assert_int_equal(plan_add_racks(plan, 3, size, NULL), 0);
			assert_int_equal(plan_interconnect(plan, degree, size * 100 + degree, NULL), 0);
			for (unsigned i = 0; i < plan->count; i++) {
				const struct plan_server *s = &plan->servers[i];
				ports += s->count;
				assert_in_range(s->count, degree ? degree - 1 : 0, degree);
				for (unsigned e = 0; e < s->count; e++) {
					int end;
					assert_int_equal(plan->servers[s->ends[e].peer].rack, s->rack);
					assert_int_equal(plan_owner(plan, s->ends[e].address, &end), i);
					assert_int_equal(end, e);
				}
			}
			assert_int_equal(ports, 3 * (size * degree / 2 * 2));
			plan_free(plan);
		}
}

static void seeds(void **state)
{
	struct plan *a = plan_new(), *b = plan_new(), *c = plan_new();
	bool differs = false;

	(void)state;
	plan_add_racks(a, 6, 20, NULL);
	plan_add_racks(b, 6, 20, NULL);
	plan_add_racks(c, 6, 20, NULL);
	plan_interconnect(a, 3, 5, NULL);
	plan_interconnect(b, 3, 5, NULL);
	plan_interconnect(c, 3, 6, NULL);
	assert_memory_equal(a->servers, b->servers, a->count * sizeof *a->servers);
	for (unsigned i = 0; i < a->count; i++)
		differs |= memcmp(&a->servers[i], &c->servers[i], sizeof *a->servers) != 0;
	assert_true(differs);
	plan_free(a);
	plan_free(b);
	plan_free(c);
}

/* As topologies/grin.py has them for ten servers. */
static void rounds(void **state)
{
	static const unsigned ends[10][2] = {
		{1, 10}, {2, 9}, {3, 8}, {4, 7}, {5, 6}, {1, 2}, {3, 10}, {4, 9}, {5, 8}, {6, 7}};

	(void)state;
	struct plan *plan = plan_new();
	plan_add_racks(plan, 1, 10, NULL);
	assert_int_equal(plan_join_rounds(plan, 2, NULL), 0);
	assert_int_equal(plan->links, 10);
	for (unsigned link = 0; link < 10; link++) {
		const struct plan_server *a = &plan->servers[ends[link][0] - 1];
		bool found = false;
		for (unsigned e = 0; e < a->count; e++)
			found |= a->ends[e].link == link && a->ends[e].peer == ends[link][1] - 1;
		assert_true(found);
	}
	plan_free(plan);
	for (unsigned servers = 2; servers <= 15; servers++)
		for (unsigned degree = 0; degree < servers && degree <= PLAN_LINKS; degree++) {
			plan = plan_new();
			plan_add_racks(plan, 1, servers, NULL);
			assert_int_equal(plan_join_rounds(plan, degree, NULL), 0);
			assert_int_equal(plan->links, degree * (servers / 2));
			plan_free(plan);
		}
}

static unsigned passes(const struct plan_step *steps, int count, unsigned server)
{
	unsigned n = 0;

	for (int i = 0; i < count; i++)
		n += steps[i].server == server;
	return n;
}

/* What a pair's path must be: over the source's cable where its address has one, over the destination's where that has one; no server twice. */
static void right_path(const struct plan *plan, unsigned s, unsigned d, struct plan_pair pair,
	const struct plan_step *steps, int count)
{
	int out, in;

	assert_int_equal(plan_owner(plan, pair.source, &out), s);
	assert_int_equal(plan_owner(plan, pair.destination, &in), d);
	assert_in_range(count, 1, 3);
	assert_int_equal(steps[0].server, s);
	assert_int_equal(steps[0].out, out);
	for (int i = 0; i < count; i++)
		assert_int_equal(passes(steps, count, steps[i].server), 1);
	assert_int_equal(passes(steps, count, d), 0);
	const struct plan_step *last = &steps[count - 1];
	if (in < 0)
		assert_int_equal(last->out, -1);
	else
		assert_int_equal(plan->servers[last->server].ends[last->out].peer_address, pair.destination);
}

static void same_ways(const struct plan *plan, unsigned s, unsigned d, struct plan_pair pair)
{
	struct plan_step first[PLAN_HOPS], other[PLAN_HOPS], back[PLAN_HOPS];
	int count = plan_walk(plan, PLAN_STATIC, s, pair.source, pair.destination, first);

	right_path(plan, s, d, pair, first, count);
	for (int routing = PLAN_COMPUTED; routing < PLAN_ROUTINGS; routing++) {
		int others =
			plan_walk(plan, (enum plan_routing)routing, s, pair.source, pair.destination, other);
		assert_int_equal(others, count);
		for (int i = 0; i < count; i++) {
			assert_int_equal(other[i].server, first[i].server);
			assert_int_equal(other[i].out, first[i].out);
		}
	}
	/* Answers take the same servers the other way. */
	int backs = plan_walk(plan, PLAN_COMPUTED, d, pair.destination, pair.source, back);
	assert_int_equal(backs, count);
	for (int i = 1; i < count; i++)
		assert_int_equal(back[i].server, first[count - i].server);
}

static void all_pairs_of_120(void **state)
{
	struct plan *plan = plan_new();
	struct plan_pair pairs[PLAN_PAIRS];

	(void)state;
	assert_int_equal(plan_add_racks(plan, 6, 20, NULL), 0);
	assert_int_equal(plan_interconnect(plan, 3, 1, NULL), 0);
	for (unsigned s = 0; s < plan->count; s++)
		for (unsigned d = 0; d < plan->count; d++) {
			unsigned count = s == d ? 0 : plan_pairs(plan, s, d, pairs);
			if (s != d && plan->servers[s].rack != plan->servers[d].rack)
				assert_int_equal(count, 16);
			for (unsigned i = 0; i < count; i++)
				same_ways(plan, s, d, pairs[i]);
		}
	plan_free(plan);
}

static struct plan_ends ends_of(const struct plan *plan, unsigned s, unsigned d)
{
	struct plan_ends ends = {.own_primary = plan->servers[s].primary,
		.peer_primary = plan->servers[d].primary,
		.own_count = plan->servers[s].count,
		.peer_count = plan->servers[d].count,
		.told_all = true};

	for (unsigned i = 0; i < ends.own_count; i++)
		ends.own[i] = plan->servers[s].ends[i].address;
	for (unsigned i = 0; i < ends.peer_count; i++)
		ends.peer[i] = plan->servers[d].ends[i].address;
	return ends;
}

static unsigned uses(const struct plan_pair *pairs, unsigned count, uint32_t address)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += pairs[i].source == address || pairs[i].destination == address;
	return n;
}

/* Every cable of both ends once, whether they are neighbours or not, in order or shuffled; and no pair that packets would go round with. */
static void fewest(void **state)
{
	struct plan *plan = plan_new();
	struct plan_pair pairs[PLAN_PAIRS], before[PLAN_PAIRS];

	(void)state;
	assert_int_equal(plan_add_racks(plan, 1, 10, NULL), 0);
	assert_int_equal(plan_interconnect(plan, 3, 4, NULL), 0);
	for (unsigned s = 0; s < 10; s++)
		for (unsigned d = 0; d < 10; d++)
			for (uint64_t seed = 0; s != d && seed < 5; seed++) {
				struct plan_ends ends = ends_of(plan, s, d);
				unsigned count = plan_choose(&ends, 0, seed, pairs);
				assert_int_equal(count, 3);
				for (unsigned i = 0; i < 3; i++) {
					assert_int_equal(uses(pairs, count, ends.own[i]), 1);
					assert_int_equal(uses(pairs, count, ends.peer[i]), 1);
					assert_true(plan_pair_good(ends.own_primary, ends.peer_primary,
						pairs[i].source, pairs[i].destination));
				}
				ends.told_all = false;
				for (unsigned told = 1; told <= 3; told++) {
					ends.peer_count = told;
					unsigned now = plan_choose(&ends, 0, seed, before);
					assert_int_equal(now, told);
					assert_memory_equal(before, pairs, now * sizeof *pairs);
				}
			}
	plan_free(plan);
}

static void left_over(void **state)
{
	struct plan *plan = plan_new();
	struct plan_pair pairs[PLAN_PAIRS];

	(void)state;
	assert_int_equal(plan_add_racks(plan, 1, 6, NULL), 0);
	assert_int_equal(plan_join(plan, 0, 1, NULL), 0);
	assert_int_equal(plan_join(plan, 0, 2, NULL), 0);
	assert_int_equal(plan_join(plan, 3, 4, NULL), 0);
	struct plan_ends ends = ends_of(plan, 0, 3);
	assert_int_equal(plan_choose(&ends, 0, 0, pairs), 2);
	assert_int_equal(pairs[1].source, ends.own[1]);
	assert_int_equal(pairs[1].destination, ends.peer_primary);
	ends.told_all = false;
	assert_int_equal(plan_choose(&ends, 0, 0, pairs), 1);
	ends = ends_of(plan, 3, 0);
	assert_int_equal(plan_choose(&ends, 0, 0, pairs), 2);
	assert_int_equal(pairs[1].source, ends.own_primary);
	plan_free(plan);
}

static void so_many(void **state)
{
	struct plan *plan = plan_new();
	struct plan_pair pairs[PLAN_PAIRS];

	(void)state;
	assert_int_equal(plan_add_racks(plan, 2, 10, NULL), 0);
	assert_int_equal(plan_interconnect(plan, 3, 4, NULL), 0);
	struct plan_ends ends = ends_of(plan, 1, 12);
	for (unsigned wanted = 1; wanted <= 20; wanted++) {
		unsigned count = plan_choose(&ends, wanted, wanted, pairs), least = 99, most = 0;
		assert_int_equal(count, wanted < 15 ? wanted : 15);
		for (unsigned i = 0; i < 3; i++) {
			unsigned n = uses(pairs, count, ends.own[i]);
			least = n < least ? n : least;
			most = n > most ? n : most;
		}
		if (wanted <= 3)
			assert_in_range(most, 1, 1);
		assert_true(most - least <= 1);
		for (unsigned i = 0; i < count; i++)
			for (unsigned k = 0; k < i; k++)
				assert_memory_not_equal(&pairs[i], &pairs[k], sizeof *pairs);
	}
	plan_free(plan);
}

static void algorithm_1(void **state)
{
	uint32_t hops[2], local = IP(10, 0, 0, 1);

	(void)state;
	assert_int_equal(plan_source_route(local, IP(10, 0, 0, 1), IP(192, 0, 2, 1), hops), 0);
	assert_int_equal(plan_source_route(local, IP(10, 0, 0, 1), IP(10, 0, 0, 5), hops), 0);
	assert_int_equal(plan_source_route(local, IP(10, 32, 0, 2), IP(10, 32, 0, 1), hops), 0);
	assert_int_equal(plan_source_route(local, IP(10, 32, 0, 2), IP(10, 64, 0, 2), hops), 0);
	assert_int_equal(plan_source_route(local, IP(10, 32, 0, 2), IP(10, 0, 0, 5), hops), 1);
	assert_int_equal(hops[0], IP(10, 0, 0, 2));
	assert_int_equal(plan_source_route(local, IP(10, 0, 0, 1), IP(10, 32, 0, 7), hops), 1);
	assert_int_equal(hops[0], IP(10, 0, 0, 7));
	assert_int_equal(plan_source_route(local, IP(10, 32, 0, 2), IP(10, 32, 0, 7), hops), 2);
	assert_int_equal(hops[0], IP(10, 0, 0, 2));
	assert_int_equal(hops[1], IP(10, 0, 0, 7));
}

/* ---- traffic */

static void matrices(void **state)
{
	struct traffic_flow *flows;
	unsigned in[120], out[120];

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++)
		for (unsigned percent = 5; percent <= 100; percent += 5) {
			struct traffic_request r = {.pattern = TRAFFIC_PERMUTATION,
				.servers = 120,
				.rack = 20,
				.active = percent / 100.0,
				.between = true,
				.seed = seed};
			int count = traffic_draw(&r, &flows, NULL);
			assert_int_equal(count, 120 * percent / 100);
			memset(in, 0, sizeof in);
			memset(out, 0, sizeof out);
			for (int i = 0; i < count; i++) {
				in[flows[i].destination]++;
				out[flows[i].source]++;
				assert_int_not_equal(flows[i].source / 20, flows[i].destination / 20);
			}
			for (unsigned i = 0; i < 120; i++) {
				assert_in_range(in[i], 0, 1);
				assert_int_equal(in[i], out[i]);
			}
			free(flows);
		}
}

static void groups_and_all(void **state)
{
	struct traffic_request r = {
		.pattern = TRAFFIC_GROUP, .servers = 120, .rack = 20, .group = 7, .seed = 3};
	struct traffic_flow *flows;
	char *error = NULL;
	unsigned seen[120] = {0};

	(void)state;
	assert_int_equal(traffic_draw(&r, &flows, NULL), 17 * 6);
	for (int i = 0; i < 17 * 6; i++) {
		seen[flows[i].source]++;
		assert_int_equal(flows[i].destination, flows[i / 6 * 6].destination);
	}
	for (int i = 0; i < 120; i++)
		assert_in_range(seen[i], 0, 1);
	free(flows);
	r.group = 1;
	assert_int_equal(traffic_draw(&r, &flows, &error), -1);
	assert_null(flows);
	r = (struct traffic_request){.pattern = TRAFFIC_ALL_TO_ALL, .servers = 10, .rack = 10, .active = 0.4};
	assert_int_equal(traffic_draw(&r, &flows, NULL), 12);
	free(flows);
	r = (struct traffic_request){
		.pattern = TRAFFIC_RANDOM, .servers = 120, .rack = 20, .active = 1, .between = true};
	assert_int_equal(traffic_draw(&r, &flows, NULL), 120);
	for (int i = 0; i < 120; i++)
		assert_int_not_equal(flows[i].source / 20, flows[i].destination / 20);
	free(flows);
	r.rack = 120;
	assert_int_equal(traffic_draw(&r, &flows, &error), -1);
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(figure_3_6), cmocka_unit_test(refuses),
		cmocka_unit_test(random_cables), cmocka_unit_test(seeds), cmocka_unit_test(rounds),
		cmocka_unit_test(all_pairs_of_120), cmocka_unit_test(fewest), cmocka_unit_test(left_over),
		cmocka_unit_test(so_many), cmocka_unit_test(algorithm_1), cmocka_unit_test(matrices),
		cmocka_unit_test(groups_and_all)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
