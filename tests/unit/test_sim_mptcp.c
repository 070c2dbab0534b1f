/* Multipath TCP in a simulated network (lib/sim/mptcp.h), by what theory says of it: a flow alone fills its link, paths add up, flows that meet share,
 * acknowledgements take their part, losses are repaired, transfers take the time of their packets. And the network that is given by its paths (lib/sim/topology.h). */
#include "lib/sim/mptcp.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PS_OF_MS 1000000000ULL
#define PS_OF_S 1000000000000ULL
#define LINK 1000000000ULL /* bit/s */
#define DELAY 12500000ULL  /* ps */
#define UPLINK (LINK / 8.0 * 1424 / 1514)

static void near_to(double value, double wanted, double off)
{
	if (!(fabs(value - wanted) <= off))
		fail_msg("%g is not %g +- %g", value, wanted, off);
}

/* ---- a network of `count` links from one node to another: the ports 2i lead there, 2i + 1 back */

struct bench {
	struct sim_network network;
	struct sim_topology *topology;
	struct sim_mptcp *mptcp;
	uint32_t out[8], back[8]; /* paths */
	unsigned ended;
	uint64_t when;
};

static void done(void *user, uint32_t connection)
{
	struct bench *b = user;

	(void)connection;
	b->ended++;
	b->when = b->network.events.now;
}

static void ask_endless(void *user, uint32_t number)
{
	sim_mptcp_ask(((struct bench *)user)->mptcp, number, 0);
}

static void open_bench(
	struct bench *b, unsigned links, unsigned queue, bool acks_first, const struct sim_mptcp_settings *s)
{
	struct sim_cable cables[8];
	struct sim_settings settings = {.rate_bps = LINK,
		.delay_ps = DELAY,
		.discipline = SIM_TAIL,
		.limit_bytes = UINT32_MAX / 2,
		.early_bytes = UINT32_MAX,
		.limit_packets = queue,
		.control_first = acks_first};

	*b = (struct bench){0};
	for (unsigned i = 0; i < links; i++)
		cables[i] = (struct sim_cable){0, 1};
	b->topology = sim_routed(2, cables, links, NULL);
	assert_non_null(b->topology);
	sim_network_init(&b->network, b->topology, &settings);
	for (unsigned i = 0; i < links; i++) {
		b->out[i] = sim_routed_path(b->topology, (uint16_t[]){(uint16_t)(2 * i)}, 1, NULL);
		b->back[i] = sim_routed_path(b->topology, (uint16_t[]){(uint16_t)(2 * i + 1)}, 1, NULL);
	}
	b->mptcp = sim_mptcp_new(&b->network, s, done, ask_endless, b);
}

static void close_bench(struct bench *b)
{
	sim_mptcp_free(b->mptcp);
	sim_network_free(&b->network);
}

/* Bytes per second that a connection gets in [from, to) ms. */
static double rate_of(struct bench *b, uint32_t connection, uint64_t from, uint64_t to)
{
	sim_run(&b->network, from * PS_OF_MS);
	double before = (double)sim_mptcp_received(b->mptcp, connection);
	sim_run(&b->network, to * PS_OF_MS);
	return ((double)sim_mptcp_received(b->mptcp, connection) - before) / ((double)(to - from) / 1000);
}

/* A window for all: as many acknowledged packets for one more as all windows are together. */
static uint32_t together(const struct sim_mptcp_path *paths, uint32_t count, uint32_t own)
{
	uint32_t sum = 0;

	assert_true(own < count && count <= SIM_MPTCP_PATHS);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(paths[i].window > 0 && paths[i].rtt_us > 0);
		sum += paths[i].window;
	}
	return sum;
}

static struct sim_mptcp_settings with(enum sim_growth growth)
{
	struct sim_mptcp_settings s = sim_mptcp_usual;

	s.growth = growth;
	s.every = together;
	return s;
}

/* ---- the rules */

/* One flow has what frames leave of the link, whatever its congestion control, from the queue of a few packets that its window needs on. */
static void alone(void **state)
{
	(void)state;
	for (int growth = 0; growth < SIM_GROWTHS; growth++)
		for (int told = 0; told < 2; told++) {
			struct sim_mptcp_settings s = with((enum sim_growth)growth);
			struct bench b;
			s.told = told;
			open_bench(&b, 1, 100, false, &s);
			sim_mptcp_connection(b.mptcp, false);
			sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
			sim_mptcp_timer(b.mptcp, 0, 0);
			near_to(rate_of(&b, 0, 200, 800) / UPLINK, 1, 1e-3);
			struct sim_mptcp_counters c = sim_mptcp_counters(b.mptcp);
			assert_int_equal(c.timeouts, 0);
			/* Told of it, it loses nothing; else it repairs what is lost, and sends no more than that again. */
			assert_true(
				told ? c.refusals > 0 && c.again == 0 : c.losses > 0 && c.again == c.losses);
			close_bench(&b);
		}
}

static void paths_add_up(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, 3, 100, false, &sim_mptcp_usual);
	sim_mptcp_connection(b.mptcp, false);
	for (unsigned i = 0; i < 3; i++)
		sim_mptcp_subflow(b.mptcp, b.out[i], b.back[i]);
	sim_mptcp_timer(b.mptcp, 0, 0);
	near_to(rate_of(&b, 0, 200, 800) / UPLINK, 3, 0.01);
	close_bench(&b);
}

/* Two flows of NewReno with equal round trips on one link: each loss halves what one has more than the other, and each round trip adds the same to both (Chiu and Jain, 1989). Which of
 * them loses a packet is not drawn here, so their shares are halves within the third of a window that a loss takes: 0.4 to 0.6. */
static void halves(void **state)
{
	struct sim_mptcp_settings s = with(SIM_RENO);
	struct bench b;

	(void)state;
	s.told = false;
	open_bench(&b, 1, 50, false, &s);
	for (unsigned i = 0; i < 2; i++) {
		sim_mptcp_connection(b.mptcp, false);
		sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
		sim_mptcp_timer(b.mptcp, i * 7 * PS_OF_MS, i);
	}
	sim_run(&b.network, PS_OF_S);
	double first = (double)sim_mptcp_received(b.mptcp, 0),
	       second = (double)sim_mptcp_received(b.mptcp, 1);
	sim_run(&b.network, 11 * PS_OF_S);
	first = ((double)sim_mptcp_received(b.mptcp, 0) - first) / 10;
	second = ((double)sim_mptcp_received(b.mptcp, 1) - second) / 10;
	near_to((first + second) / UPLINK, 1, 1e-3);
	near_to(first / (first + second), 0.5, 0.1);
	close_bench(&b);
}

/* A connection of three subflows beside one of one, all on one link: with windows of their own three shares of four; coupled, so that all three together grow by one packet per
 * round trip, much less. */
static void coupled_windows(void **state)
{
	double share[2];

	(void)state;
	for (int coupled = 0; coupled < 2; coupled++) {
		struct sim_mptcp_settings s = with(coupled ? SIM_COUPLED : SIM_RENO);
		struct bench b;
		s.told = false;
		open_bench(&b, 1, 50, false, &s);
		for (unsigned i = 0; i < 2; i++) {
			sim_mptcp_connection(b.mptcp, false);
			for (unsigned k = 0; k < (i ? 1 : 3); k++)
				sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
			sim_mptcp_timer(b.mptcp, i * 7 * PS_OF_MS, i);
		}
		share[coupled] = rate_of(&b, 0, 1000, 11000) / UPLINK;
		close_bench(&b);
	}
	near_to(share[0], 0.75, 0.1);
	near_to(share[1], 0.5, 0.12);
}

/* Both ways at once: an acknowledgement of 78 bytes for two frames of 1514 shares the link. */
static void acknowledgements_take_their_part(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, 1, 300, true, &sim_mptcp_usual);
	sim_mptcp_connection(b.mptcp, false);
	sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
	sim_mptcp_connection(b.mptcp, false);
	sim_mptcp_subflow(b.mptcp, b.back[0], b.out[0]);
	sim_mptcp_timer(b.mptcp, 0, 0);
	sim_mptcp_timer(b.mptcp, 0, 1);
	near_to(rate_of(&b, 0, 200, 800) / UPLINK, 1 / (1 + 78 / (2 * 1514.0)), 1e-3);
	near_to(rate_of(&b, 1, 800, 1400) / UPLINK, 1 / (1 + 78 / (2 * 1514.0)), 1e-3);
	/* They overtake data here, so they come as far apart as what they answer; but for the first packets, which are answered one by one. */
	struct sim_mptcp_counters c = sim_mptcp_counters(b.mptcp);
	assert_true(c.acks > 100000 && c.bunched < c.acks / 100);
	close_bench(&b);
}

/* A receive window of two packets, which one acknowledgement answers: two per round trip, which is two delays, two frames and the acknowledgement. */
static void receive_window(void **state)
{
	struct sim_mptcp_settings s = sim_mptcp_usual;
	double round_trip = 2 * 12.5e-6 + (2 * 1514 + 78) * 8e-9;
	struct bench b;

	(void)state;
	s.window = 2;
	open_bench(&b, 1, 100, false, &s);
	sim_mptcp_connection(b.mptcp, false);
	sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
	sim_mptcp_timer(b.mptcp, 0, 0);
	near_to(rate_of(&b, 0, 100, 600) * round_trip / (2 * 1424), 1, 1e-3);
	close_bench(&b);
}

/* The first window's ten packets: the handshake, the asking, and ten frames one after the other, to the picosecond. */
static void transfer_takes_its_time(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, 1, 100, false, &sim_mptcp_usual);
	sim_mptcp_connection(b.mptcp, true);
	sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
	sim_mptcp_ask(b.mptcp, 0, 10 * 1424 - 100);
	sim_run(&b.network, PS_OF_S);
	assert_int_equal(b.ended, 1);
	assert_int_equal(sim_mptcp_received(b.mptcp, 0), 10 * 1424 - 100);
	/* Three small frames, ten of data, the last of them 100 bytes shorter; four delays. */
	uint64_t bits = (3 * 78 + 10 * 1514 - 100) * 8;
	assert_int_equal(b.when, bits * 1000 + 4 * DELAY);
	/* More over the same connection: one small frame asks. */
	uint64_t asked = b.network.events.now;
	sim_mptcp_ask(b.mptcp, 0, 5 * 1424);
	sim_run(&b.network, 2 * PS_OF_S);
	assert_int_equal(b.ended, 2);
	assert_int_equal(sim_mptcp_received(b.mptcp, 0), 15 * 1424 - 100);
	assert_int_equal(b.when - asked, (78 + 5 * 1514) * 8 * 1000 + 2 * DELAY);
	close_bench(&b);
}

/* Queues of three packets lose a part of every burst, and whole tails: all arrives, in the right amount, and then nothing goes on. */
static void losses_are_repaired(void **state)
{
	(void)state;
	for (int growth = 0; growth < SIM_GROWTHS; growth++)
		for (unsigned size = 1; size < 400; size += 7) {
			struct sim_mptcp_settings s = with((enum sim_growth)growth);
			struct bench b;
			s.told = false;
			open_bench(&b, 2, 3, false, &s);
			sim_mptcp_connection(b.mptcp, true);
			sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
			sim_mptcp_subflow(b.mptcp, b.out[1], b.back[1]);
			sim_mptcp_ask(b.mptcp, 0, size * 1000);
			sim_run(&b.network, 100 * PS_OF_S);
			assert_int_equal(b.ended, 1);
			assert_int_equal(sim_mptcp_received(b.mptcp, 0), size * 1000);
			struct sim_mptcp_counters c = sim_mptcp_counters(b.mptcp);
			assert_true(size < 10 || c.again > 0);
			/* Nothing is under way, and no timer is left but those that find nothing to do. */
			assert_false(sim_run(&b.network, 400 * PS_OF_S));
			close_bench(&b);
		}
}

static void same_draws_same_run(void **state)
{
	uint64_t received[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench b;
		open_bench(&b, 2, 40, false, &sim_mptcp_usual);
		for (unsigned k = 0; k < 3; k++) {
			sim_mptcp_connection(b.mptcp, false);
			sim_mptcp_subflow(b.mptcp, b.out[0], b.back[0]);
			sim_mptcp_subflow(b.mptcp, b.out[1], b.back[1]);
			sim_mptcp_timer(b.mptcp, k * 1234567, k);
		}
		sim_run(&b.network, PS_OF_S);
		received[i] = sim_mptcp_received(b.mptcp, 0);
		close_bench(&b);
	}
	assert_int_equal(received[0], received[1]);
}

/* ---- networks by their paths */

static void paths_are_checked(void **state)
{
	const struct sim_cable cables[] = {{0, 1}, {1, 2}, {3, 2}};
	struct sim_topology *t = sim_routed(4, cables, 3, NULL);
	struct sim_place place;
	uint16_t ports[SIM_HOPS_MAX];
	char *error = NULL;

	(void)state;
	assert_int_equal(t->ports, 6);
	t->describe(t, 5, &place);
	assert_int_equal(place.from, 2);
	assert_int_equal(place.to, 3);
	assert_int_equal(place.reverse, 4);
	assert_int_equal(sim_routed_path(t, (uint16_t[]){0, 2, 5}, 3, NULL), 0);
	assert_int_equal(sim_routed_path(t, (uint16_t[]){4, 3, 1}, 3, NULL), 1);
	assert_int_equal(t->route(t, 0, 0, 1, ports), 3);
	assert_memory_equal(ports, ((uint16_t[]){4, 3, 1}), 6);
	static const struct {
		uint16_t ports[3];
		uint32_t count;
	} bad[] = {{{0, 3}, 2}, {{0, 4}, 2}, {{6}, 1}, {{0}, 0}, {{0, 1, 0}, SIM_HOPS_MAX + 1}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(sim_routed_path(t, bad[i].ports, bad[i].count, &error), UINT32_MAX);
		assert_non_null(error);
		free(error);
		error = NULL;
	}
	sim_topology_free(t);
	assert_null(sim_routed(2, cables, 2, &error)); /* there is no node 2 */
	free(error);
	error = NULL;
	assert_null(sim_routed(4, cables, 0, &error));
	free(error);
}

struct seen {
	unsigned data, control;
	bool control_last;
};

static void see(void *user, struct sim_packet *packet)
{
	struct seen *seen = user;

	seen->control_last = packet->queued.class == TRIM_CONTROL;
	seen->control += seen->control_last;
	seen->data += !seen->control_last;
}

/* A queue of four packets, whatever their size; where control comes first, it overtakes what waits, but not what is being sent. */
static void queues_count_packets(void **state)
{
	const struct sim_cable cable = {0, 1};

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct sim_settings settings = {.rate_bps = LINK,
			.delay_ps = DELAY,
			.discipline = SIM_TAIL,
			.limit_bytes = UINT32_MAX / 2,
			.early_bytes = UINT32_MAX,
			.limit_packets = 4,
			.control_first = first};
		struct sim_topology *t = sim_routed(2, &cable, 1, NULL);
		struct sim_network network;
		struct seen seen = {0};
		sim_network_init(&network, t, &settings);
		network.user = &seen;
		network.arrive = see;
		uint32_t path = sim_routed_path(t, (uint16_t[]){0}, 1, NULL);
		for (unsigned i = 0; i < 6; i++) {
			struct sim_packet *packet = sim_packet_new(&network);
			packet->queued.bytes = i < 3 ? 1500 : 60;
			packet->queued.class = i < 3 ? TRIM_OTHER : TRIM_CONTROL;
			packet->flags = 0;
			assert_int_equal(sim_full(&network, 0, 0, path, 60), i >= 4);
			sim_send(&network, packet, 0, 0, path);
		}
		sim_run(&network, PS_OF_S);
		assert_int_equal(seen.data, 3);
		assert_int_equal(seen.control, 1);
		assert_int_equal(seen.control_last, !first);
		sim_network_free(&network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(alone), cmocka_unit_test(paths_add_up),
		cmocka_unit_test(halves), cmocka_unit_test(coupled_windows),
		cmocka_unit_test(acknowledgements_take_their_part), cmocka_unit_test(receive_window),
		cmocka_unit_test(transfer_takes_its_time), cmocka_unit_test(losses_are_repaired),
		cmocka_unit_test(same_draws_same_run), cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(queues_count_packets)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
