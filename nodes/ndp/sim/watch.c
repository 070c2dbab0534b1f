/* Watching one run. */
#include "nodes/ndp/sim/watch.h"
#include "lib/base/error.h"
#include "lib/fabric/run.h"
#include "lib/ndp/ndp_wire.h"

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
			(double)fabric_now(&watcher->world) / 1e6, sequence, event);
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

	if (fabric_open(&watcher.world, scenario, seed, error) < 0)
		return error_prefix(error, "figure %s", figure);
	watcher.arrive = watcher.world.network.arrive;
	watcher.world.network.arrive = arrived;
	watcher.world.network.trace = served;
	fabric_run(&watcher.world);
	fabric_close(&watcher.world);
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

	if (fabric_open(&world, scenario, seed, error) < 0)
		return error_prefix(error, "figure %s", figure);
	fabric_run(&world);
	uint64_t last = fabric_now(&world) / world.bin_ps;
	for (uint64_t bin = 0; bin < last && bin < world.bin_count; bin++) {
		double time_ms = (double)bin * (double)world.bin_ps / 1e9;
		fprintf(out, "%s,\"Long flow\",%.4f,%.4f\n", figure, time_ms, rate_of(&world, bin, 0, 0));
		fprintf(out, "%s,\"Incast, all together\",%.4f,%.4f\n", figure, time_ms,
			rate_of(&world, bin, 1, world.flow_count - 1));
	}
	fabric_close(&world);
	return 0;
}
