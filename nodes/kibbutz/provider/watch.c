/* One record a subflow, found again by token and addresses; those that are gone are forgotten with each look.
 */
#include "nodes/kibbutz/provider/watch.h"

#include <stdlib.h>
#include <string.h>

struct record {
	uint32_t token;
	struct endpoint remote;
	struct kibbutz_watch watch;
	bool demoted, seen;
};

struct watch {
	struct kibbutz_settings settings;
	struct record *records;
	size_t count, room;
};

struct watch *watch_new(const struct kibbutz_settings *settings)
{
	struct watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		abort();
	watch->settings = *settings;
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	free(watch->records);
	free(watch);
}

static struct record *record_of(struct watch *watch, const struct survey_subflow *subflow)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->records[i].token == subflow->token &&
			endpoint_equal(watch->records[i].remote, subflow->remote))
			return &watch->records[i];
	if (watch->count == watch->room) {
		watch->room = watch->room ? 2 * watch->room : 16;
		watch->records = realloc(watch->records, watch->room * sizeof *watch->records);
		if (!watch->records)
			abort();
	}
	watch->records[watch->count] = (struct record){
		.token = subflow->token, .remote = subflow->remote, .demoted = subflow->backup_ours};
	return &watch->records[watch->count++];
}

static bool has_another(const struct survey_subflow *list, size_t count, const struct survey_subflow *than)
{
	for (size_t i = 0; i < count; i++)
		if (&list[i] != than && list[i].token == than->token)
			return true;
	return false;
}

static void forget_unseen(struct watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++)
		if (watch->records[i].seen) {
			watch->records[kept] = watch->records[i];
			watch->records[kept++].seen = false;
		}
	watch->count = kept;
}

void watch_look(struct watch *watch, int64_t now, const struct survey_subflow *list, size_t count,
	watch_change *change, void *context)
{
	for (size_t i = 0; i < count; i++) {
		const struct survey_subflow *s = &list[i];
		struct kibbutz_sample sample = {.busy = s->unacked,
			.timeouts = s->timeouts,
			.ssthresh = s->ssthresh,
			.window = s->window};
		if (s->backup_theirs)
			continue; /* the device's own link, or its wish that all be equal */
		struct record *record = record_of(watch, s);
		record->seen = true;
		/* The only path keeps its precedence: there is nothing to prefer. */
		bool demote = kibbutz_watch(&watch->settings, &record->watch, now, &sample) &&
			      has_another(list, count, s);
		if (demote == record->demoted)
			continue;
		record->demoted = demote;
		change(context, s, demote);
	}
	forget_unseen(watch);
}

size_t watch_count(const struct watch *watch, size_t *poor)
{
	*poor = 0;
	for (size_t i = 0; i < watch->count; i++)
		*poor += watch->records[i].watch.poor;
	return watch->count;
}
