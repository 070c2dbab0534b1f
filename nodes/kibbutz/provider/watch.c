/* The keeper (lib/mptcp/subflows.h) has a record a subflow; those that are gone are forgotten with each look. */
#include "nodes/kibbutz/provider/watch.h"

#include "lib/mptcp/subflows.h"
#include <stdlib.h>

/* What is kept beside each subflow. */
struct watched {
	bool counts; /* it is watched */
	struct kibbutz_watch watch;
};

struct watch {
	struct kibbutz_settings settings;
	struct subflows *subflows;
	/* During a look. */
	const struct survey_subflow *looked_at;
	watch_change *change;
	void *context;
};

static struct watched *watched_of(const struct subflows_connection *c, unsigned path)
{
	return (struct watched *)c->own_paths + path;
}

static void on_action(void *context, const struct subflow_action *action)
{
	struct watch *watch = context;
	watch->change(watch->context, watch->looked_at, action->backup);
}

struct watch *watch_new(const struct kibbutz_settings *settings)
{
	struct watch *watch = calloc(1, sizeof *watch);
	const struct subflows_settings kept = {.path_size = sizeof(struct watched)};

	if (!watch)
		abort();
	watch->settings = *settings;
	watch->subflows = subflows_new(&kept, on_action, watch);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	subflows_free(watch->subflows);
	free(watch);
}

static void on_close(void *context, struct subflows_connection *c)
{
	struct watch *watch = context;
	subflows_close(watch->subflows, c->token);
}

static void on_end(void *context, struct subflows_connection *c, unsigned path)
{
	(void)context;
	c->paths[path] = (struct subflow){0};
	*watched_of(c, path) = (struct watched){0};
}

static void enter(struct watch *watch, int64_t now, const struct survey_subflow *s)
{
	struct subflows_connection *c = subflows_open(watch->subflows, now, s->token, s->local, s->remote);
	unsigned path = subflows_place(watch->subflows, c, s->local, s->remote);

	if (c->paths[path].state == SUBFLOW_NONE)
		subflows_up(watch->subflows, now, c, path, s->local, s->remote, s->local_id, s->backup_ours);
}

static bool has_another(const struct subflows_connection *c, unsigned than)
{
	for (unsigned i = 0; i < c->count; i++)
		if (i != than && c->paths[i].state == SUBFLOW_UP)
			return true;
	return false;
}

static void look_at(struct watch *watch, int64_t now, const struct survey_subflow *s)
{
	struct subflows_connection *c = subflows_find(watch->subflows, s->token);
	unsigned path = subflows_place(watch->subflows, c, s->local, s->remote);
	struct watched *watched = watched_of(c, path);
	struct kibbutz_sample sample = {
		.busy = s->unacked, .timeouts = s->timeouts, .ssthresh = s->ssthresh, .window = s->window};

	/* The device's own link, or its wish that all be equal. */
	if (s->backup_theirs) {
		*watched = (struct watched){0};
		c->paths[path].backup = s->backup_ours;
		return;
	}
	watched->counts = true;
	/* The only path keeps its precedence: there is nothing to prefer. */
	bool demote = kibbutz_watch(&watch->settings, &watched->watch, now, &sample) && has_another(c, path);
	watch->looked_at = s;
	if (demote != c->paths[path].backup)
		subflows_set_backup(watch->subflows, c, path, demote);
}

void watch_look(struct watch *watch, int64_t now, const struct survey_subflow *list, size_t count,
	watch_change *change, void *context)
{
	const struct subflows_missed missed = {on_close, on_end, watch};

	watch->change = change;
	watch->context = context;
	subflows_compare(watch->subflows, list, count, &missed);
	for (size_t i = 0; i < count; i++)
		enter(watch, now, &list[i]);
	for (size_t i = 0; i < count; i++)
		look_at(watch, now, &list[i]);
}

size_t watch_count(const struct watch *watch, size_t *poor)
{
	size_t count = 0;

	*poor = 0;
	for (const struct subflows_connection *c = subflows_first(watch->subflows); c; c = c->next)
		for (unsigned i = 0; i < c->count; i++) {
			count += watched_of(c, i)->counts;
			*poor += watched_of(c, i)->watch.poor;
		}
	return count;
}
