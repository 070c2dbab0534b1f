/* Match: see match.h. */
#include "analysis/match/match.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

/* Packets in order of identity, then of time. */
struct entry {
	uint64_t identity;
	uint32_t packet;
};

static int by_identity(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	if (left->identity != right->identity)
		return left->identity < right->identity ? -1 : 1;
	return left->packet < right->packet ? -1 : left->packet > right->packet;
}

static struct entry *sorted(const struct match_input *input)
{
	struct entry *entries = malloc((input->count + 1) * sizeof *entries);
	if (!entries)
		return NULL;
	for (size_t i = 0; i < input->count; i++)
		entries[i] = (struct entry){input->packets[i].identity, (uint32_t)i};
	qsort(entries, input->count, sizeof *entries, by_identity);
	return entries;
}

static size_t run_of(const struct entry *entries, size_t at, size_t count)
{
	size_t end = at;
	while (end < count && entries[end].identity == entries[at].identity)
		end++;
	return end - at;
}

static void pair(struct matcher *matcher, uint32_t a, uint32_t b)
{
	matcher->input[0].packets[a].partner = b;
	matcher->input[1].packets[b].partner = a;
}

/* The time from the end that sent to the other, of a packet at A and one at B. */
static int64_t delay_of(
	const struct matcher *matcher, const struct match_packet *a, const struct match_packet *b)
{
	int64_t apart = b->time_ns - a->time_ns - matcher->used_offset_ns;
	return a->second == matcher->flows[a->flow].second_at_a ? apart : -apart;
}

/* Packets alike in all that is compared: in order of time, each with the first that it may be. */
static void pair_alike(
	struct matcher *matcher, const struct entry *a, size_t a_count, const struct entry *b, size_t b_count)
{
	int64_t least = -matcher->uncertainty_ns - 1000000;
	size_t j = 0;
	for (size_t i = 0; i < a_count; i++) {
		const struct match_packet *at_a = &matcher->input[0].packets[a[i].packet];
		bool from_a = at_a->second == matcher->flows[at_a->flow].second_at_a;
		while (j < b_count) {
			int64_t delay = delay_of(matcher, at_a, &matcher->input[1].packets[b[j].packet]);
			if (delay >= least && delay <= matcher->timeout_ns) {
				pair(matcher, a[i].packet, b[j++].packet);
				break;
			}
			/* Whichever is the earlier has no partner. */
			bool b_is_early = from_a ? delay < least : delay > matcher->timeout_ns;
			if (!b_is_early)
				break;
			j++;
		}
	}
}

/* Walks both lists. `once`: only what is there once at each end; else only the rest. */
static void walk(struct matcher *matcher, const struct entry *a, const struct entry *b, bool once)
{
	size_t i = 0, j = 0, a_count = matcher->input[0].count, b_count = matcher->input[1].count;
	while (i < a_count && j < b_count) {
		if (a[i].identity != b[j].identity) {
			if (a[i].identity < b[j].identity)
				i++;
			else
				j++;
			continue;
		}
		size_t a_run = run_of(a, i, a_count), b_run = run_of(b, j, b_count);
		bool single = a_run == 1 && b_run == 1;
		if (single && once)
			pair(matcher, a[i].packet, b[j].packet);
		else if (!single && !once)
			pair_alike(matcher, a + i, a_run, b + j, b_run);
		i += a_run;
		j += b_run;
	}
}

/* A packet that only looks like the one at the other end, too long before. */
static void part_late(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->input[0].count; i++) {
		struct match_packet *a = &matcher->input[0].packets[i];
		if (a->partner == MATCH_NONE)
			continue;
		struct match_packet *b = &matcher->input[1].packets[a->partner];
		int64_t delay = delay_of(matcher, a, b);
		if (delay > matcher->timeout_ns || delay < -matcher->timeout_ns)
			a->partner = b->partner = MATCH_NONE;
	}
}

/* ---- counting */

static void count_series(struct matcher *matcher, struct series *series, int64_t time_ns, uint64_t value)
{
	if (matcher->step_ns <= 0)
		return;
	uint64_t *entry =
		series_at(series, (time_ns - matcher->start_ns) / matcher->step_ns, &matcher->budget);
	if (entry)
		*entry += value;
}

static void count_received(struct matcher *matcher, struct match_way *way, const struct match_packet *sent,
	int64_t sent_ns, int64_t delay_ns)
{
	way->sent++;
	way->sent_bytes += sent->bytes;
	way->received++;
	delays_add(&way->delay, delay_ns);
	if (sent_ns < way->latest_sent_ns)
		way->reordered++;
	else
		way->latest_sent_ns = sent_ns;
	count_series(matcher, &way->sent_series, sent_ns, 1);
	count_series(matcher, &way->delay_sum_us, sent_ns, delay_ns > 0 ? (uint64_t)delay_ns / 1000 : 0);
	count_series(matcher, &way->delay_count, sent_ns, 1);
}

static void count_lost(
	struct matcher *matcher, struct match_way *way, const struct match_packet *sent, int64_t sent_ns)
{
	way->sent++;
	way->sent_bytes += sent->bytes;
	way->lost++;
	way->lost_bytes += sent->bytes;
	count_series(matcher, &way->sent_series, sent_ns, 1);
	count_series(matcher, &way->lost_series, sent_ns, 1);
}

/* A's clock. */
static int64_t common_ns(const struct matcher *matcher, unsigned end, int64_t time_ns)
{
	return end ? time_ns - matcher->used_offset_ns : time_ns;
}

/* Packets in the order in which they arrived at `end`, which the other sent. */
static void count_arrivals(struct matcher *matcher, unsigned end)
{
	for (size_t i = 0; i < matcher->input[end].count; i++) {
		const struct match_packet *here = &matcher->input[end].packets[i];
		struct match_flow *flow = &matcher->flows[here->flow];
		bool from_a = here->second == flow->second_at_a;
		if (here->partner == MATCH_NONE || from_a != (end == 1))
			continue;
		const struct match_packet *sent = &matcher->input[!end].packets[here->partner];
		int64_t sent_ns = common_ns(matcher, !end, sent->time_ns);
		int64_t delay_ns = common_ns(matcher, end, here->time_ns) - sent_ns;
		count_received(matcher, &matcher->way[!from_a], sent, sent_ns, delay_ns);
		count_received(matcher, &flow->way[!from_a], sent, sent_ns, delay_ns);
	}
}

/* What was sent at `end` and not seen at the other. What left shortly before the other capture ended may have been
 * on its way: the longest delay seen is the margin. */
static void count_losses(struct matcher *matcher, unsigned end)
{
	const struct match_input *other = &matcher->input[!end];
	int64_t first_ns = common_ns(matcher, !end, other->first_ns);
	int64_t last_ns = common_ns(matcher, !end, other->last_ns) - matcher->way[end].delay.max_ns;
	for (size_t i = 0; i < matcher->input[end].count; i++) {
		const struct match_packet *sent = &matcher->input[end].packets[i];
		struct match_flow *flow = &matcher->flows[sent->flow];
		if (sent->partner != MATCH_NONE)
			continue;
		if (!flow->known) {
			matcher->input[end].unknown++;
			continue;
		}
		bool from_a = sent->second == flow->second_at_a;
		int64_t sent_ns = common_ns(matcher, end, sent->time_ns);
		/* Outside of what the other capture covers, or seen only where it arrived: nothing can be said. */
		if (from_a != (end == 0) || sent_ns < first_ns || sent_ns > last_ns) {
			matcher->input[end].outside++;
			continue;
		}
		count_lost(matcher, &matcher->way[!from_a], sent, sent_ns);
		count_lost(matcher, &flow->way[!from_a], sent, sent_ns);
	}
}

static int write_packets(const struct matcher *matcher, FILE *out, char **error)
{
	fputs("a_time_ns,b_time_ns,direction,flow,bytes,delay_s\n", out);
	for (unsigned end = 0; end < 2; end++)
		for (size_t i = 0; i < matcher->input[end].count; i++) {
			const struct match_packet *packet = &matcher->input[end].packets[i];
			const struct match_flow *flow = &matcher->flows[packet->flow];
			bool from_a = packet->second == flow->second_at_a,
			     matched = packet->partner != MATCH_NONE;
			if (end && matched)
				continue;
			const char *way = flow->known ? from_a ? "a_to_b" : "b_to_a" : "";
			if (!matched)
				fprintf(out, end ? ",%lld,%s,%u,%u,\n" : "%lld,,%s,%u,%u,\n",
					(long long)packet->time_ns, way, packet->flow, packet->bytes);
			else
				fprintf(out, "%lld,%lld,%s,%u,%u,%.9f\n", (long long)packet->time_ns,
					(long long)matcher->input[1].packets[packet->partner].time_ns, way,
					packet->flow, packet->bytes,
					(double)delay_of(matcher, packet,
						&matcher->input[1].packets[packet->partner]) /
						1e9);
		}
	return fflush(out) == 0 && !ferror(out)
		       ? 0
		       : error_set(error, "the packets of the match cannot be written");
}

static int match(struct matcher *matcher, char **error)
{
	struct entry *a = sorted(&matcher->input[0]), *b = sorted(&matcher->input[1]);
	if (!a || !b) {
		free(a);
		free(b);
		return error_set(error, "%s: out of memory; cut the capture by time", matcher->input[0].path);
	}
	walk(matcher, a, b, true);
	match_clocks(matcher);
	part_late(matcher);
	walk(matcher, a, b, false);
	free(a);
	free(b);
	matcher->start_ns = matcher->input[0].first_ns;
	if (common_ns(matcher, 1, matcher->input[1].first_ns) < matcher->start_ns)
		matcher->start_ns = common_ns(matcher, 1, matcher->input[1].first_ns);
	for (unsigned i = 0; i < 2; i++) {
		matcher->way[i].latest_sent_ns = INT64_MIN;
		for (uint32_t j = 0; j < matcher->flow_count; j++)
			matcher->flows[j].way[i].latest_sent_ns = INT64_MIN;
	}
	count_arrivals(matcher, 0);
	count_arrivals(matcher, 1);
	if (!matcher->way[0].received && !matcher->way[1].received)
		return error_set(error,
			"%s and %s: no packet of one is in the other; give captures of both ends of one link, without NAT or segmentation offload between",
			matcher->input[0].path, matcher->input[1].path);
	count_losses(matcher, 0);
	count_losses(matcher, 1);
	return 0;
}

static void free_way(struct match_way *way)
{
	delays_free(&way->delay);
	series_free(&way->sent_series);
	series_free(&way->lost_series);
	series_free(&way->delay_sum_us);
	series_free(&way->delay_count);
}

static void free_matcher(struct matcher *matcher)
{
	for (unsigned i = 0; i < 2; i++) {
		free_way(&matcher->way[i]);
		for (uint32_t j = 0; j < matcher->flow_count; j++)
			free_way(&matcher->flows[j].way[i]);
		free(matcher->input[i].packets);
	}
	free(matcher->flows);
	free(matcher->slots);
	free(matcher);
}

json_t *analysis_match(
	const char *path_a, const char *path_b, const struct analysis_match_options *options, char **error)
{
	const char *const paths[2] = {path_a, path_b};
	json_t *json = NULL;
	if (options->step_s < 0 || options->timeout_s < 0 || options->step_s > 1e6 ||
		options->timeout_s > 1e6) {
		error_set(error, "step and timeout of a match are seconds, 0 to 1000000");
		return NULL;
	}
	struct matcher *matcher = calloc(1, sizeof *matcher);
	if (!matcher) {
		error_set(error, "%s: out of memory", path_a);
		return NULL;
	}
	matcher->timeout_ns = (int64_t)((options->timeout_s > 0 ? options->timeout_s : 5) * 1e9);
	matcher->step_ns = (int64_t)(options->step_s * 1e9);
	bool good = true;
	for (unsigned i = 0; i < 2 && good; i++)
		good = match_read(matcher, i, paths[i], error) == 0;
	if (good && match(matcher, error) == 0 &&
		(!options->packets || write_packets(matcher, options->packets, error) == 0))
		json = match_json(matcher);
	free_matcher(matcher);
	return json;
}
