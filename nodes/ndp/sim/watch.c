/* Watching one run. */
#include "nodes/ndp/sim/watch.h"
#include "lib/base/error.h"
#include "lib/link/ndp_wire.h"
#include "nodes/ndp/sim/run.h"
#include "nodes/ndp/sim/score.h"

#include <stdlib.h>

struct watcher {
	struct world world; /* first: the network's user */
	FILE *out;
	const char *figure;
	bool pulls;
	void (*arrive)(void *user, struct sim_packet *packet);
};

static void say(
	struct watcher *watcher, const struct sim_packet *packet, uint32_t sequence, const char *event)
{
	if (!watcher->pulls || packet->flow == 0)
		fprintf(watcher->out, "%s,%u,%.4f,%u,%s\n", watcher->figure, packet->flow,
			(double)world_now(&watcher->world) / 1e6, sequence, event);
}

static void served(void *user, uint32_t port, const struct sim_packet *packet, bool lost)
{
	struct watcher *watcher = user;

	(void)port;
	if (packet->type == NDP_DATA && !lost)
		say(watcher, packet, packet->sequence,
			packet->queued.class == TRIM_DATA ? "leaves" : "header");
	if (packet->type == NDP_PULL && packet->hop == 0 && watcher->pulls)
		say(watcher, packet, packet->number, "pull");
}

static void arrived(void *user, struct sim_packet *packet)
{
	struct watcher *watcher = user;

	if (packet->type == NDP_DATA && packet->queued.class == TRIM_DATA)
		say(watcher, packet, packet->sequence, "arrives");
	if (packet->type == NDP_NACK)
		say(watcher, packet, packet->sequence, "nacked");
	if (watcher->pulls && packet->number > 0)
		say(watcher, packet, packet->number, "pulled");
	watcher->arrive(user, packet);
}

int watch_sequence(FILE *out, const char *figure, const struct scenario *scenario, uint64_t seed, bool pulls,
	char **error)
{
	struct watcher watcher = {.out = out, .figure = figure, .pulls = pulls};

	if (run_open(&watcher.world, scenario, seed, error) < 0)
		return error_prefix(error, "figure %s", figure);
	watcher.arrive = watcher.world.network.arrive;
	watcher.world.network.arrive = arrived;
	watcher.world.network.trace = served;
	run_world(&watcher.world);
	run_close(&watcher.world);
	return 0;
}

static double rate_of(const struct world *world, uint64_t bin, uint32_t first, uint32_t last)
{
	uint64_t packets = 0;

	for (uint32_t flow = first; flow <= last; flow++)
		packets += world->bins[bin * world->flow_room + flow];
	return (double)packets * world->scenario->payload * 8e3 / (double)world->bin_ps;
}

int watch_rate(FILE *out, const char *figure, const struct scenario *scenario, uint64_t seed, char **error)
{
	struct world world;

	if (run_open(&world, scenario, seed, error) < 0)
		return error_prefix(error, "figure %s", figure);
	run_world(&world);
	uint64_t last = world_now(&world) / world.bin_ps;
	for (uint64_t bin = 0; bin < last && bin < world.bin_count; bin++) {
		double time_ms = (double)bin * (double)world.bin_ps / 1e9;
		fprintf(out, "%s,\"Long flow\",%.4f,%.4f\n", figure, time_ms, rate_of(&world, bin, 0, 0));
		fprintf(out, "%s,\"Incast, all together\",%.4f,%.4f\n", figure, time_ms,
			rate_of(&world, bin, 1, world.flow_count - 1));
	}
	run_close(&world);
	return 0;
}

/* ---- where packets are trimmed */

static void name_node(char name[24], uint32_t node, uint8_t rank)
{
	if (rank == 0)
		snprintf(name, 24, "h%u", node);
	else
		snprintf(name, 24, "s%u.%u", rank, node);
}

/* counts: of each port of each run, ports together. Allocated at the first run, when the network is known. */
static int count_trimmed(const struct scenario *scenario, uint64_t seed, unsigned run, unsigned runs,
	double **counts, char **error)
{
	struct world world;

	if (run_open(&world, scenario, seed + run, error) < 0)
		return -1;
	if (!*counts && !(*counts = calloc((size_t)world.network.topology->ports * runs, sizeof **counts)))
		abort();
	run_world(&world);
	for (uint32_t i = 0; i < world.network.topology->ports; i++)
		if (world.network.ports[i].discipline == SIM_TRIM)
			(*counts)[(size_t)i * runs + run] =
				(double)world.network.ports[i].trim.counters.trimmed;
	run_close(&world);
	return 0;
}

static void print_ports(FILE *out, const struct world *world, const double *counts, unsigned runs)
{
	for (uint32_t i = 0; i < world->network.topology->ports; i++) {
		char from[24], to[24];
		struct sim_place place;
		double mean, half;
		score_mean(counts + (size_t)i * runs, runs, &mean, &half);
		if (mean == 0)
			continue;
		world->network.topology->describe(world->network.topology, i, &place);
		name_node(from, place.from, place.from_rank);
		name_node(to, place.to, place.to_rank);
		fprintf(out, "%s,%s,%s,%u,%.3f,%.3f\n", world->scenario->text, from, to, runs, mean, half);
	}
}

int watch_ports(FILE *out, const struct scenario *scenario, uint64_t seed, unsigned runs, char **error)
{
	double *counts = NULL;
	struct world world;
	int result = 0;

	for (unsigned run = 0; run < runs && result == 0; run++)
		result = count_trimmed(scenario, seed, run, runs, &counts, error);
	if (result == 0 && (result = run_open(&world, scenario, seed, error)) == 0) {
		print_ports(out, &world, counts, runs);
		run_close(&world);
	}
	free(counts);
	return result;
}
