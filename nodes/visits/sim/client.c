/* The client's simulation; see client.h. Four models a path: wire and air down, air and wire up. Whatever is due first happens first. */
#include "nodes/visits/sim/client.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/link/model.h"
#include <stdlib.h>
#include <string.h>

#define DATA_BYTES 1514
#define DATA_PAYLOAD 1448
#define ACK_BYTES 66

const char *const client_measure_names[CLIENT_MEASURES + 1] = {
	"total", "ap1", "ap2", "delay", "lost", "visits", "idle", "away", NULL};

enum leg { WIRE_DOWN, AIR_DOWN, AIR_UP, WIRE_UP, LEGS };

struct path {
	struct model *legs[LEGS];
	int64_t next[LEGS];
	unsigned unacknowledged;
	uint64_t arrived, lost;
	double delays_ns;
};

struct world {
	const struct scenario *scenario;
	struct medium *media;
	struct path paths[SCENARIO_POINTS];
};

static struct shape air_shape(const struct scenario *s, unsigned point, bool down, uint64_t seed)
{
	const struct access_point *p = &s->points[point];
	struct shape shape = {.seed = seed,
		.medium = {.name = "air",
			.phy_rate_bps = p->phy_bps,
			.overhead_ns = s->overhead_ns,
			.channel = point + 1,
			.success = p->success,
			.tries = s->tries,
			.backoff_ns = s->backoff_ns}};

	if (s->policy == SWITCHING_NONE)
		return shape;
	strcpy(shape.medium.radio, "client");
	shape.medium.policy = s->visits.policy;
	shape.medium.switching_ns = s->visits.switching_ns;
	shape.medium.dwell_ns = s->visits.dwell_ns;
	shape.medium.idle_ns = s->visits.idle_ns;
	shape.medium.dwell_step_ns = s->visits.dwell_step_ns;
	shape.medium.dwell_most_ns = s->visits.dwell_most_ns;
	shape.medium.boost_above_bps = s->visits.boost_above_bps;
	shape.medium.idle_factor = s->visits.idle_factor;
	shape.medium.flush_ns = s->visits.flush_ns;
	shape.medium.access_point = down;
	shape.medium.stale_ns = down ? s->stale_ns : 0;
	return shape;
}

static int add_path(struct world *world, unsigned point, uint64_t seed, char **error)
{
	const struct scenario *s = world->scenario;
	struct path *path = &world->paths[point];

	for (int leg = 0; leg < LEGS; leg++) {
		bool air = leg == AIR_DOWN || leg == AIR_UP;
		struct shape shape = {.delay_ns = s->delay_ns, .rate_bps = s->points[point].wire_bps};
		uint64_t key = draw_key(seed, point, (unsigned)leg + 1);
		if (air)
			shape = air_shape(s, point, leg == AIR_DOWN, key);
		if (!(path->legs[leg] = model_new(&shape, (uint64_t)leg, error)))
			return -1;
		if (air) {
			struct medium *medium = medium_get(&world->media, "air");
			if (!medium || model_set_medium(path->legs[leg], medium) < 0)
				return error_set(error, "no memory for the air");
		}
		path->next[leg] = MODEL_NEVER;
	}
	return 0;
}

/* A packet's token is the time at which the server sent it. */
static void offer(struct path *path, enum leg leg, int64_t now, uint32_t bytes, int64_t sent_ns)
{
	if (model_offer(path->legs[leg], now, bytes, false, (void *)(intptr_t)sent_ns) != MODEL_QUEUED)
		abort(); /* no queue has a limit */
	path->next[leg] = model_next(path->legs[leg]);
}

static void send_data(struct path *path, int64_t now, unsigned packets)
{
	for (unsigned i = 0; i < packets; i++)
		offer(path, WIRE_DOWN, now, DATA_BYTES, now);
}

static void at_client(const struct world *world, struct path *path, const struct model_packet *packet)
{
	int64_t now = packet->departure_ns;

	if (now >= world->scenario->warmup_ns) {
		path->arrived++;
		path->delays_ns += (double)(now - (int64_t)(intptr_t)packet->token);
	}
	if (++path->unacknowledged < 2)
		return;
	path->unacknowledged = 0;
	offer(path, AIR_UP, now, ACK_BYTES, now);
}

static void arrive(
	const struct world *world, struct path *path, enum leg leg, const struct model_packet *packet)
{
	int64_t now = packet->departure_ns;
	bool lost = packet->end == MODEL_LOST_IN_AIR;

	if (leg == WIRE_DOWN)
		offer(path, AIR_DOWN, now, DATA_BYTES, (int64_t)(intptr_t)packet->token);
	else if (leg == AIR_DOWN && !lost)
		at_client(world, path, packet);
	else if (leg == AIR_DOWN) {
		/* The transport sends it again. */
		path->lost += now >= world->scenario->warmup_ns;
		send_data(path, now, 1);
	} else if (leg == AIR_UP && !lost)
		offer(path, WIRE_UP, now, ACK_BYTES, 0);
	else if (leg == AIR_UP)
		offer(path, AIR_UP, now, ACK_BYTES, 0);
	else
		send_data(path, now, 2);
}

/* Stations of one medium wait for each other. */
static void look_again(struct world *world)
{
	for (unsigned p = 0; p < world->scenario->count; p++)
		for (int leg = AIR_DOWN; leg <= AIR_UP; leg++)
			world->paths[p].next[leg] = model_next(world->paths[p].legs[leg]);
}

static void take_due(struct world *world, struct path *path, enum leg leg, int64_t now)
{
	struct model_packet packet;

	while (model_take(path->legs[leg], now, &packet))
		arrive(world, path, leg, &packet);
	path->next[leg] = model_next(path->legs[leg]);
	look_again(world);
}

static void run(struct world *world)
{
	const struct scenario *s = world->scenario;

	for (unsigned p = 0; p < s->count; p++)
		if (s->points[p].serves)
			send_data(&world->paths[p], 0, s->points[p].window ? s->points[p].window : s->window);
	for (;;) {
		int64_t now = MODEL_NEVER;
		struct path *path = NULL;
		enum leg leg = WIRE_DOWN;
		for (unsigned p = 0; p < s->count; p++)
			for (int l = 0; l < LEGS; l++)
				if (world->paths[p].next[l] < now) {
					path = &world->paths[p];
					leg = (enum leg)l;
					now = path->next[l];
				}
		if (!path || now >= s->duration_ns)
			return;
		take_due(world, path, leg, now);
	}
}

static void measure(const struct world *world, double values[CLIENT_MEASURES])
{
	const struct scenario *s = world->scenario;
	double seconds = (double)(s->duration_ns - s->warmup_ns) / NS_PER_S, arrived = 0, delays = 0,
	       lost = 0;
	const struct medium_radio *radio = world->media->radios;

	memset(values, 0, CLIENT_MEASURES * sizeof *values);
	for (unsigned p = 0; p < s->count; p++) {
		const struct path *path = &world->paths[p];
		arrived += (double)path->arrived;
		delays += path->delays_ns;
		lost += (double)path->lost;
		if (p < 2)
			values[CLIENT_FIRST + p] = (double)path->arrived * DATA_PAYLOAD * 8 / seconds / 1e6;
	}
	values[CLIENT_TOTAL] = arrived * DATA_PAYLOAD * 8 / seconds / 1e6;
	values[CLIENT_DELAY] = arrived > 0 ? delays / arrived / NS_PER_MS : 0;
	values[CLIENT_LOST] = arrived + lost > 0 ? 1e6 * lost / (arrived + lost) : 0;
	if (!radio)
		return;
	const uint64_t *ended = radio->visits.ended;
	double visits = (double)(ended[VISITS_IDLE] + ended[VISITS_WHOLE] + ended[VISITS_FLUSHED]),
	       whole_seconds = (double)s->duration_ns / NS_PER_S;
	values[CLIENT_VISITS] = visits / whole_seconds;
	values[CLIENT_IDLE] = visits > 0 ? (double)ended[VISITS_IDLE] / visits : 0;
	values[CLIENT_AWAY] = visits * (double)s->visits.switching_ns / NS_PER_S / whole_seconds;
}

int client_run(const struct scenario *scenario, uint64_t seed, double values[CLIENT_MEASURES], char **error)
{
	struct world world = {.scenario = scenario};
	int result = 0;

	for (unsigned p = 0; p < scenario->count && result == 0; p++)
		result = add_path(&world, p, seed, error);
	if (result == 0) {
		run(&world);
		measure(&world, values);
	}
	for (unsigned p = 0; p < scenario->count; p++)
		for (int leg = 0; leg < LEGS; leg++)
			model_free(world.paths[p].legs[leg]);
	medium_free(&world.media);
	return result;
}
