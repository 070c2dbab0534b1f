/* Ranking, rates and queues of one client. A group's queue is a ring of the caller's names; groups that wait form a ring of their own, in
 * which they take turns, so that none that shares a server with others starves (D1.4, 3.7.9). */
#include "nodes/replica/chooser.h"

#include "lib/base/draw.h"
#include "nodes/replica/snitch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const selection_names[SELECTIONS + 1] = {"c3", "lor", "rr", "ds", "random", "oracle", NULL};

/* The limiter's values are LIMITER_SETTINGS, which C does not let a constant copy. */
const struct chooser_settings CHOOSER_SETTINGS = {
	.select = SELECT_C3,
	.control = true,
	.clients = 1,
	.exponent = 3,
	.alpha = 0.9,
};

struct ring {
	uint32_t *items, room, head, tail; /* room: a power of two, or 0 */
};

struct group {
	struct ring queue;
	uint16_t turn; /* round robin */
};

struct chooser {
	struct chooser_settings settings;
	struct server_view *views;
	struct group *groups;
	struct snitch *snitch;
	struct ring waiting; /* groups with something in their queue */
	uint32_t waits;      /* requests in all queues */
	int64_t wake_ns;
	uint64_t held, draws;
	uint32_t *blocked; /* of each server: groups that wait for it and others */
};

/* Queues are bounded by what the caller has outstanding; a few bytes more for them are no reason to go on without. */
static void ring_push(struct ring *ring, uint32_t item)
{
	if (ring->tail - ring->head == ring->room) {
		uint32_t room = ring->room ? 2 * ring->room : 4, *items = malloc(room * sizeof *items);
		if (!items)
			abort();
		for (uint32_t i = ring->head; i != ring->tail; i++)
			items[i - ring->head] = ring->items[i & (ring->room - 1)];
		free(ring->items);
		*ring = (struct ring){items, room, 0, ring->tail - ring->head};
	}
	ring->items[ring->tail++ & (ring->room - 1)] = item;
}

static uint32_t ring_pop(struct ring *ring)
{
	return ring->items[ring->head++ & (ring->room - 1)];
}

static uint32_t ring_count(const struct ring *ring)
{
	return ring->tail - ring->head;
}

struct chooser *chooser_new(const struct chooser_settings *settings, int64_t now_ns)
{
	struct chooser *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->settings = *settings;
	if (c->settings.limiter.interval_ns == 0)
		c->settings.limiter = LIMITER_SETTINGS;
	c->draws = settings->seed;
	c->wake_ns = INT64_MAX;
	c->views = calloc(settings->servers, sizeof *c->views);
	c->groups = calloc(settings->groups, sizeof *c->groups);
	c->blocked = calloc(settings->servers, sizeof *c->blocked);
	if (settings->select == SELECT_SNITCH)
		c->snitch = snitch_new(settings->servers, draw_next(&c->draws), now_ns);
	if (!c->views || !c->groups || !c->blocked || (settings->select == SELECT_SNITCH && !c->snitch)) {
		chooser_free(c);
		return NULL;
	}
	for (unsigned i = 0; i < settings->servers; i++)
		limiter_init(&c->views[i].limiter, &c->settings.limiter, now_ns);
	return c;
}

void chooser_free(struct chooser *c)
{
	if (!c)
		return;
	for (unsigned i = 0; c->groups && i < c->settings.groups; i++)
		free(c->groups[i].queue.items);
	free(c->waiting.items);
	snitch_free(c->snitch);
	free(c->blocked);
	free(c->groups);
	free(c->views);
	free(c);
}

/* ---- ranking ---- */

double c3_score(
	double response, double service, double queue, double outstanding, unsigned clients, double exponent)
{
	double q = 1 + outstanding * clients + queue;

	return response - service + (exponent == 3 ? q * q * q : pow(q, exponent)) * service;
}

static double score(struct chooser *c, unsigned server)
{
	const struct server_view *v = &c->views[server];

	switch (c->settings.select) {
	case SELECT_C3:
		/* One that has never answered goes first (absim). */
		return v->known ? c3_score(v->response_ns, v->service_ns, v->queue, v->outstanding,
					  c->settings.clients, c->settings.exponent)
				: 0;
	case SELECT_LOR:
		return v->outstanding;
	case SELECT_SNITCH:
		return snitch_score(c->snitch, server);
	case SELECT_ORACLE:
		return c->settings.load(c->settings.context, server);
	case SELECT_RANDOM:
	case SELECT_ROUND_ROBIN:
	case SELECTIONS:
		break;
	}
	return 0;
}

/* By score; who is equal by lot. For random order all are equal, for round robin the order is the turn. */
static void rank(struct chooser *c, unsigned group, unsigned *order)
{
	const uint16_t *members = &c->settings.members[group * c->settings.replicas];
	unsigned n = c->settings.replicas;
	double value[CHOOSER_REPLICAS];
	uint64_t lot[CHOOSER_REPLICAS];
	bool turns = c->settings.select == SELECT_ROUND_ROBIN;

	for (unsigned i = 0; i < n; i++) {
		unsigned server = members[turns ? (c->groups[group].turn + i) % n : i];
		double v = c->views[server].failed ? INFINITY : score(c, server);
		uint64_t l = turns ? i : draw_next(&c->draws);
		unsigned k = i;
		for (; k > 0 && (value[k - 1] > v || (value[k - 1] == v && lot[k - 1] > l)); k--) {
			value[k] = value[k - 1];
			lot[k] = lot[k - 1];
			order[k] = order[k - 1];
		}
		value[k] = v;
		lot[k] = l;
		order[k] = server;
	}
}

void chooser_order(struct chooser *c, unsigned group, int64_t now_ns, unsigned order[CHOOSER_REPLICAS])
{
	if (c->snitch)
		snitch_update(c->snitch, now_ns);
	rank(c, group, order);
}

/* The server for the next request of a group, whose tokens and counters are taken; -1 with *when, when the first has a token again. */
static int pick(struct chooser *c, unsigned group, int64_t now_ns, int64_t *when)
{
	unsigned order[CHOOSER_REPLICAS];
	const struct limiter_settings *limits = &c->settings.limiter;

	chooser_order(c, group, now_ns, order);
	*when = INT64_MAX;
	for (unsigned i = 0; i < c->settings.replicas; i++) {
		struct server_view *v = &c->views[order[i]];
		if (v->failed && i > 0)
			break; /* those that are there have no token: the request waits for them, unless all are gone */
		if (c->settings.control) {
			int64_t ready = limiter_when(&v->limiter, limits, now_ns);
			*when = ready < *when ? ready : *when;
			if (ready > now_ns)
				continue;
			limiter_take(&v->limiter, limits, now_ns);
		}
		v->outstanding++;
		c->groups[group].turn = (uint16_t)((c->groups[group].turn + 1) % c->settings.replicas);
		return (int)order[i];
	}
	return -1;
}

/* ---- requests ---- */

static void begin_waiting(struct chooser *c, unsigned group)
{
	ring_push(&c->waiting, group);
	for (unsigned i = 0; i < c->settings.replicas; i++)
		c->blocked[c->settings.members[group * c->settings.replicas + i]]++;
}

static void end_waiting(struct chooser *c, unsigned group)
{
	for (unsigned i = 0; i < c->settings.replicas; i++)
		c->blocked[c->settings.members[group * c->settings.replicas + i]]--;
}

int chooser_ask(struct chooser *c, unsigned group, uint32_t request, int64_t now_ns)
{
	struct ring *queue = &c->groups[group].queue;
	int64_t when;

	if (ring_count(queue) == 0) {
		int server = pick(c, group, now_ns, &when);
		if (server >= 0)
			return server;
		begin_waiting(c, group);
		c->wake_ns = when < c->wake_ns ? when : c->wake_ns;
	}
	ring_push(queue, request);
	c->held++;
	c->waits++;
	return -1;
}

bool chooser_next(struct chooser *c, int64_t now_ns, uint32_t *request, unsigned *server)
{
	int64_t when, earliest = INT64_MAX;
	uint32_t refused = 0; /* groups in a row */

	if (now_ns < c->wake_ns)
		return false;
	while (refused < ring_count(&c->waiting)) {
		uint32_t group = ring_pop(&c->waiting);
		int chosen = pick(c, group, now_ns, &when);
		if (chosen < 0) {
			earliest = when < earliest ? when : earliest;
			ring_push(&c->waiting, group);
			refused++;
			continue;
		}
		*request = ring_pop(&c->groups[group].queue);
		*server = (unsigned)chosen;
		c->waits--;
		if (ring_count(&c->groups[group].queue))
			ring_push(&c->waiting, group);
		else
			end_waiting(c, group);
		return true;
	}
	c->wake_ns = earliest;
	return false;
}

int64_t chooser_wake(const struct chooser *c)
{
	return c->wake_ns;
}

void chooser_also(struct chooser *c, unsigned server, int64_t now_ns)
{
	c->views[server].outstanding++;
	if (c->settings.control)
		limiter_take(&c->views[server].limiter, &c->settings.limiter, now_ns);
}

/* ---- answers ---- */

static void smooth(double *value, double sample, double alpha)
{
	*value = alpha * sample + (1 - alpha) * *value;
}

void chooser_answered(struct chooser *c, unsigned server, const struct feedback *f, int64_t now_ns)
{
	struct server_view *v = &c->views[server];

	if (v->outstanding > 0)
		v->outstanding--;
	/* A server that does not say (neither text has one): its service took what the answer took, and what is ours waits there. */
	double service = f->service_ns >= 0 ? f->service_ns : f->response_ns;
	double queue = f->queue >= 0 ? f->queue : v->outstanding;
	if (!v->known) {
		v->response_ns = f->response_ns;
		v->service_ns = service;
		v->queue = queue;
	} else {
		smooth(&v->response_ns, f->response_ns, c->settings.alpha);
		smooth(&v->service_ns, service, c->settings.alpha);
		smooth(&v->queue, queue, c->settings.alpha);
	}
	v->known = true;
	v->failed = false;
	if (c->snitch)
		snitch_answered(c->snitch, server, f->response_ns, now_ns);
	if (!c->settings.control)
		return;
	limiter_answered(&v->limiter, &c->settings.limiter, now_ns);
	/* A rate that rose may have a token sooner than was computed when the requests began to wait. */
	if (c->blocked[server]) {
		int64_t when = limiter_when(&v->limiter, &c->settings.limiter, now_ns);
		c->wake_ns = when < c->wake_ns ? when : c->wake_ns;
	}
}

void chooser_forgotten(struct chooser *c, unsigned server)
{
	if (c->views[server].outstanding > 0)
		c->views[server].outstanding--;
}

void chooser_failed(struct chooser *c, unsigned server)
{
	c->views[server].outstanding = 0;
	c->views[server].failed = true;
}

void chooser_returned(struct chooser *c, unsigned server, int64_t now_ns)
{
	c->views[server] = (struct server_view){0};
	limiter_init(&c->views[server].limiter, &c->settings.limiter, now_ns);
	if (c->waits)
		c->wake_ns = now_ns;
}

void chooser_severity(struct chooser *c, unsigned server, double severity)
{
	if (c->snitch)
		snitch_severity(c->snitch, server, severity);
}

const struct server_view *chooser_view(const struct chooser *c, unsigned server)
{
	return &c->views[server];
}

uint64_t chooser_held(const struct chooser *c)
{
	return c->held;
}

uint32_t chooser_waiting(const struct chooser *c)
{
	return c->waits;
}
