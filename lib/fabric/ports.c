/* Where packets are trimmed. */
#include "lib/fabric/ports.h"
#include "lib/fabric/run.h"
#include "lib/fabric/score.h"

#include <stdlib.h>

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

	if (fabric_open(&world, scenario, seed + run, error) < 0)
		return -1;
	if (!*counts && !(*counts = calloc((size_t)world.network.topology->ports * runs, sizeof **counts)))
		abort();
	fabric_run(&world);
	for (uint32_t i = 0; i < world.network.topology->ports; i++)
		if (world.network.ports[i].discipline == SIM_TRIM)
			(*counts)[(size_t)i * runs + run] =
				(double)world.network.ports[i].trim.counters.trimmed;
	fabric_close(&world);
	return 0;
}

static void print_ports(FILE *out, const struct world *world, const double *counts, unsigned runs)
{
	for (uint32_t i = 0; i < world->network.topology->ports; i++) {
		char from[24], to[24];
		struct sim_place place;
		double mean, half;
		fabric_score_mean(counts + (size_t)i * runs, runs, &mean, &half);
		if (mean == 0)
			continue;
		world->network.topology->describe(world->network.topology, i, &place);
		name_node(from, place.from, place.from_rank);
		name_node(to, place.to, place.to_rank);
		fprintf(out, "%s,%s,%s,%u,%.3f,%.3f\n", world->scenario->text, from, to, runs, mean, half);
	}
}

int fabric_ports(FILE *out, const struct scenario *scenario, uint64_t seed, unsigned runs, char **error)
{
	double *counts = NULL;
	struct world world;
	int result = 0;

	for (unsigned run = 0; run < runs && result == 0; run++)
		result = count_trimmed(scenario, seed, run, runs, &counts, error);
	if (result == 0 && (result = fabric_open(&world, scenario, seed, error)) == 0) {
		print_ports(out, &world, counts, runs);
		fabric_close(&world);
	}
	free(counts);
	return result;
}
