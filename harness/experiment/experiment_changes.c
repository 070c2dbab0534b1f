/* Experiment, what changes while the workload runs: lists of items {at: TIME, ...}, each of which says one of
 *   links: {LINK: SHAPE}    on top of what the link is at that time; with `ramp: TIME` bit by bit
 *   down: LINK, up: LINK    (or lists): nothing passes; it does what it did before
 *   changes: [...]          a list of its own, whose times count from this item's
 * and may be repeated (`every: TIME, times: N`). The lists become steps, the steps are taken in order of
 * time, and what comes out is each link's whole shape from each of its times on. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 10000
#define DEPTH_MAX 8
#define RAMP_STEP_NS (100 * NS_PER_MS)
#define RAMP_STEP_MIN_NS (10 * NS_PER_MS) /* a back end must have made one change before the next is due */

enum kind { SHAPE, DOWN, UP, RAMP_BEGIN, RAMP_STEP };

struct ramp { /* of one link */
	struct shape from[2], to[2];
};

struct step {
	int64_t at_ns;
	size_t order; /* among those of one time */
	enum kind kind;
	int link;
	const struct conf_node *at; /* what it says, or where it stands */
	struct ramp *ramp;
	double share; /* of the ramp's way */
};

struct state { /* of one link on the way through the steps */
	struct shape direction[2];
	bool down;
};

struct reader {
	struct experiment *e;
	struct configuration *configuration;
	struct step *steps;
	size_t count;
};

/* ---- from lists to steps */

static int add_step(struct reader *r, struct step step, char **error)
{
	if (step.at_ns > r->e->trial_limit_ns)
		return conf_error(step.at, error,
			"a change at %.3g s, which is later than the longest trial ends (trial_limit)",
			(double)step.at_ns / 1e9);
	if (!r->configuration->links[step.link].shaped)
		return conf_error(step.at, error,
			"link %s has no shape that could change; give it one under `links`, be it {}",
			r->e->topology->links[step.link].name);
	if (r->count == STEPS_MAX)
		return conf_error(step.at, error,
			"more than %d changes; a longer `step` or fewer `times` make fewer", STEPS_MAX);
	step.order = r->count;
	r->steps[r->count++] = step;
	return 0;
}

/* The shape's steps at one time: one, or those of a ramp. */
static int add_shape(struct reader *r, int64_t at_ns, int link, const struct conf_node *map, int64_t ramp_ns,
	int64_t step_ns, char **error)
{
	struct step step = {.at_ns = at_ns, .kind = SHAPE, .link = link, .at = map};
	if (!ramp_ns)
		return add_step(r, step, error);
	int64_t parts = (ramp_ns + step_ns - 1) / step_ns;
	step.kind = RAMP_BEGIN;
	step.ramp = pool_alloc(r->e->pool, 1, sizeof *step.ramp);
	if (add_step(r, step, error) < 0)
		return -1;
	step.kind = RAMP_STEP;
	for (int64_t i = 1; i <= parts; i++) {
		int64_t gone = i < parts ? i * step_ns : ramp_ns;
		step.at_ns = at_ns + gone;
		step.share = (double)gone / (double)ramp_ns;
		if (add_step(r, step, error) < 0)
			return -1;
	}
	return 0;
}

static int add_shapes(struct reader *r, int64_t at_ns, const struct conf_node *item, char **error)
{
	const struct conf_node *links = conf_child(item, "links");
	int64_t ramp_ns, step_ns;
	if (conf_expect(links, CONF_MAPPING, error) < 0)
		return -1;
	if (!links->children)
		return conf_error(links, error, "no link is named; name one, or leave the change out");
	if (conf_duration(item, "ramp", NS_PER_MS, 86400 * NS_PER_S, 0, &ramp_ns, error) < 0 ||
		conf_duration(
			item, "step", RAMP_STEP_MIN_NS, 86400 * NS_PER_S, RAMP_STEP_NS, &step_ns, error) < 0)
		return -1;
	for (const struct conf_node *one = conf_first(links); one; one = one->next) {
		int link = link_named(r->e, one, one->key, error);
		if (link < 0 || add_shape(r, at_ns, link, one, ramp_ns, step_ns, error) < 0)
			return -1;
	}
	return 0;
}

static int add_cut(
	struct reader *r, int64_t at_ns, const struct conf_node *links, enum kind kind, char **error)
{
	if (links->type == CONF_SEQUENCE && !links->children)
		return conf_error(links, error, "no link is named; name one, or leave the change out");
	const struct conf_node *one = links->type == CONF_SEQUENCE ? conf_first(links) : links;
	for (; one; one = links->type == CONF_SEQUENCE ? one->next : NULL) {
		if (conf_expect(one, CONF_SCALAR, error) < 0)
			return -1;
		int link = link_named(r->e, one, one->value, error);
		struct step step = {.at_ns = at_ns, .kind = kind, .link = link, .at = one};
		if (link < 0 || add_step(r, step, error) < 0)
			return -1;
	}
	return 0;
}

static int add_list(
	struct reader *r, const struct conf_node *list, int64_t origin_ns, int depth, char **error);

static int add_once(struct reader *r, const struct conf_node *item, int64_t at_ns, int depth, char **error)
{
	const struct conf_node *what;
	if (conf_child(item, "links"))
		return add_shapes(r, at_ns, item, error);
	if ((what = conf_child(item, "down")))
		return add_cut(r, at_ns, what, DOWN, error);
	if ((what = conf_child(item, "up")))
		return add_cut(r, at_ns, what, UP, error);
	return add_list(r, conf_child(item, "changes"), at_ns, depth + 1, error);
}

static int check_item(const struct conf_node *item, char **error)
{
	static const char *const keys[] = {
		"at", "every", "times", "links", "ramp", "step", "down", "up", "changes", NULL};
	static const char *const what[] = {"links", "down", "up", "changes"};
	int said = 0;
	if (conf_expect(item, CONF_MAPPING, error) < 0 || conf_only(item, keys, error) < 0)
		return -1;
	for (size_t i = 0; i < sizeof what / sizeof *what; i++)
		said += conf_child(item, what[i]) != NULL;
	if (said != 1)
		return conf_error(item, error, "a change says one of `links`, `down`, `up` and `changes`");
	if (!conf_child(item, "at"))
		return conf_error(
			item, error, "a change needs `at: TIME`, counted from the workload's start");
	if (!conf_child(item, "every") != !conf_child(item, "times"))
		return conf_error(item, error, "`every: TIME` and `times: N` go together");
	if ((conf_child(item, "ramp") && !conf_child(item, "links")) ||
		(conf_child(item, "step") && !conf_child(item, "ramp")))
		return conf_error(item, error, "a `ramp` is one of `links`, and a `step` one of a ramp");
	return 0;
}

static int add_item(
	struct reader *r, const struct conf_node *item, int64_t origin_ns, int depth, char **error)
{
	int64_t at_ns, every_ns, times;
	if (check_item(item, error) < 0 ||
		conf_duration(item, "at", 0, 86400 * NS_PER_S, 0, &at_ns, error) < 0 ||
		conf_duration(item, "every", RAMP_STEP_MIN_NS, 86400 * NS_PER_S, NS_PER_S, &every_ns, error) <
			0 ||
		conf_integer(item, "times", 1, STEPS_MAX, 1, &times, error) < 0)
		return -1;
	for (int64_t i = 0; i < times; i++)
		if (add_once(r, item, origin_ns + at_ns + i * every_ns, depth, error) < 0)
			return -1;
	return 0;
}

static int add_list(
	struct reader *r, const struct conf_node *list, int64_t origin_ns, int depth, char **error)
{
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	if (!list->children)
		return conf_error(list, error, "an empty list of changes; leave it out");
	if (depth > DEPTH_MAX)
		return conf_error(list, error, "lists of changes are at most %d deep", DEPTH_MAX);
	for (const struct conf_node *item = conf_first(list); item; item = item->next)
		if (add_item(r, item, origin_ns, depth, error) < 0)
			return -1;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* ---- from steps to each link's changes */

/* What a ramp can go through: numbers that both ends have. */
static bool can_ramp(const struct shape *from, const struct shape *to)
{
	struct shape way = *from;
	way.rate_bps = to->rate_bps;
	way.delay_ns = to->delay_ns;
	way.jitter_ns = to->jitter_ns;
	way.loss = to->loss;
	way.medium.phy_rate_bps = to->medium.phy_rate_bps;
	way.medium.success = to->medium.success;
	return shape_equal(&way, to) && !from->rate_bps == !to->rate_bps &&
	       (from->loss_model == LOSS_RANDOM || from->loss == to->loss);
}

static double between(double from, double to, double share)
{
	return from + (to - from) * share;
}

/* Only what the ramp changes: something else may have changed the rest since it began. */
static void go_along(struct shape *now, const struct shape *from, const struct shape *to, double share)
{
	if (from->rate_bps != to->rate_bps)
		now->rate_bps =
			(uint64_t)(between((double)from->rate_bps, (double)to->rate_bps, share) + 0.5);
	if (from->delay_ns != to->delay_ns)
		now->delay_ns = (int64_t)(between((double)from->delay_ns, (double)to->delay_ns, share) + 0.5);
	if (from->jitter_ns != to->jitter_ns)
		now->jitter_ns =
			(int64_t)(between((double)from->jitter_ns, (double)to->jitter_ns, share) + 0.5);
	if (from->loss < to->loss || from->loss > to->loss)
		now->loss = between(from->loss, to->loss, share);
	if (from->medium.phy_rate_bps != to->medium.phy_rate_bps)
		now->medium.phy_rate_bps = (uint64_t)(between((double)from->medium.phy_rate_bps,
							      (double)to->medium.phy_rate_bps, share) +
						      0.5);
	if (from->medium.success < to->medium.success || from->medium.success > to->medium.success)
		now->medium.success = between(from->medium.success, to->medium.success, share);
}

static int begin_ramp(const struct step *step, const struct state *state, char **error)
{
	struct link_shape to = {.direction = {state->direction[0], state->direction[1]}};
	if (read_link(step->at, &to, error) < 0)
		return -1;
	for (int k = 0; k < 2; k++) {
		step->ramp->from[k] = state->direction[k];
		step->ramp->to[k] = to.direction[k];
		if (!can_ramp(&state->direction[k], &to.direction[k]))
			return conf_error(step->at, error,
				"a ramp goes from one rate, delay, jitter, random loss, PHY rate or success to another, and changes nothing else");
	}
	return 0;
}

static int change_shape(const struct step *step, struct state *state, char **error)
{
	struct link_shape to = {.direction = {state->direction[0], state->direction[1]}};
	if (read_link(step->at, &to, error) < 0)
		return -1;
	for (int k = 0; k < 2; k++) {
		if (!shape_same_place(&state->direction[k], &to.direction[k]))
			return conf_error(step->at, error,
				"a link's radio and its place in a medium do not change during a trial");
		state->direction[k] = to.direction[k];
	}
	return 0;
}

/* Nothing passes, and nobody is told: the cable is cut further along. */
static struct shape effective(const struct state *state, int k)
{
	struct shape shape = state->direction[k];
	if (state->down) {
		shape.loss_model = LOSS_RANDOM;
		shape.loss = 1;
	}
	return shape;
}

static void note(struct reader *r, const struct step *step, const struct state *state)
{
	struct link_shape *link = &r->configuration->links[step->link];
	struct link_change *last = link->changes_count ? &link->changes[link->changes_count - 1] : NULL;
	if (!last || last->at_ns != step->at_ns)
		last = &link->changes[link->changes_count++];
	*last = (struct link_change){.at_ns = step->at_ns,
		.direction = {effective(state, 0), effective(state, 1)},
		.passing = step->kind == RAMP_STEP && step->share < 1};
}

static int take(struct reader *r, const struct step *step, struct state *state, char **error)
{
	switch (step->kind) {
	case SHAPE:
		if (change_shape(step, state, error) < 0)
			return -1;
		break;
	case RAMP_BEGIN:
		return begin_ramp(step, state, error);
	case RAMP_STEP:
		for (int k = 0; k < 2; k++)
			go_along(&state->direction[k], &step->ramp->from[k], &step->ramp->to[k], step->share);
		break;
	case DOWN:
	case UP:
		state->down = step->kind == DOWN;
	}
	note(r, step, state);
	return 0;
}

/* Room for each link's changes: one a step of its at most. */
static void make_room(struct reader *r)
{
	struct link_shape *links = r->configuration->links;
	for (size_t i = 0; i < r->e->topology->links_count; i++) {
		size_t own = 0;
		for (size_t s = 0; s < r->count; s++)
			own += r->steps[s].link == (int)i;
		links[i].changes = own ? pool_alloc(r->e->pool, own, sizeof *links[i].changes) : NULL;
		links[i].changes_count = 0;
	}
}

static int take_all(struct reader *r, char **error)
{
	size_t links = r->e->topology->links_count;
	struct state *states = pool_alloc(r->e->pool, links + 1, sizeof *states);
	for (size_t i = 0; i < links; i++)
		for (int k = 0; k < 2; k++)
			states[i].direction[k] = r->configuration->links[i].direction[k];
	make_room(r);
	for (size_t s = 0; s < r->count; s++)
		if (take(r, &r->steps[s], &states[r->steps[s].link], error) < 0)
			return -1;
	return 0;
}

int read_changes(struct experiment *e, struct configuration *configuration, char **error)
{
	const struct conf_node *common = conf_child(e->root, "changes");
	const struct conf_node *none[] = {NULL};
	const struct conf_node **own = configuration->changes ? configuration->changes : none;
	if (!common && !*own)
		return 0;
	struct reader r = {
		.e = e, .configuration = configuration, .steps = calloc(STEPS_MAX, sizeof *r.steps)};
	int result = r.steps ? 0 : error_set(error, "no memory for changes");
	if (result == 0 && common)
		result = add_list(&r, common, 0, 1, error);
	for (; result == 0 && *own; own++)
		result = add_list(&r, *own, 0, 1, error);
	if (result == 0) {
		qsort(r.steps, r.count, sizeof *r.steps, compare);
		result = take_all(&r, error);
	}
	free(r.steps);
	return result;
}
