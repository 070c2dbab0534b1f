/* Pass: see the header. */
#include "analysis/pass.h"
#include "lib/base/error.h"
#include <sched.h>
#include <stdlib.h>

/* Below this two threads gain nothing that their start does not cost. */
#define TWO_THREADS_BYTES ((uint64_t)16 << 20)

struct pass *pass_new(
	const char *path, struct capture *capture, const struct analysis_options *options, char **error)
{
	struct pass *pass = calloc(1, sizeof *pass);
	if (pass) {
		pass->path = path;
		pass->options = options;
		pass->capture = capture;
		pass->span_ns[0] = options->from_s > 0 ? (int64_t)(options->from_s * 1e9) : INT64_MIN;
		pass->span_ns[1] = options->to_s > 0 ? (int64_t)(options->to_s * 1e9) : INT64_MAX;
		pass->tracker = tracker_new(options);
	}
	if (!pass || !pass->tracker) {
		error_set(error, "%s: out of memory", path);
		capture_close(capture);
		free(pass);
		return NULL;
	}
	if (options->filter && !(pass->filter = filter_new(options->filter, error))) {
		pass_free(pass);
		return NULL;
	}
	return pass;
}

void pass_free(struct pass *pass)
{
	if (!pass)
		return;
	tracker_free(pass->tracker);
	decoder_free(&pass->decoder);
	filter_free(pass->filter);
	capture_close(pass->capture);
	free(pass);
}

/* Times, and whether the packet counts. */
static inline bool is_wanted(struct pass *pass, const struct capture_packet *packet)
{
	int64_t now_ns = packet->time_ns;
	if (__builtin_expect(!pass->started, 0)) {
		pass->started = true;
		pass->decoder.start_ns = pass->start_ns = pass->earliest_ns = pass->latest_ns =
			pass->last_ns = now_ns;
	}
	if (__builtin_expect(now_ns < pass->last_ns, 0)) {
		pass->backwards++;
		if (pass->last_ns - now_ns > pass->backwards_most_ns)
			pass->backwards_most_ns = pass->last_ns - now_ns;
		if (now_ns < pass->earliest_ns)
			pass->earliest_ns = now_ns;
	}
	pass->last_ns = now_ns;
	if (now_ns > pass->latest_ns)
		pass->latest_ns = now_ns;
	int64_t since = now_ns - pass->start_ns;
	if (__builtin_expect(since < pass->span_ns[0] || since >= pass->span_ns[1], 0) ||
		(__builtin_expect(pass->filter != NULL, 0) && !filter_matches(pass->filter, packet))) {
		pass->left_out++;
		return false;
	}
	return true;
}

/* The same for all of a batch at once, where each packet is as usual: of one link type, in order, wanted. False: not
 * so, and nothing was counted. */
static inline bool all_are_wanted(struct pass *pass, const struct capture_packet *packets, size_t size)
{
	if (!pass->started || pass->filter || pass->span_ns[0] != INT64_MIN || pass->span_ns[1] != INT64_MAX)
		return false;
	int64_t last_ns = pass->last_ns;
	const uint16_t link = packets[0].link_type;
	for (size_t i = 0; i < size; i++) {
		if (packets[i].time_ns < last_ns || packets[i].link_type != link)
			return false;
		last_ns = packets[i].time_ns;
	}
	pass->link_packets[link < PASS_LINKS ? link : PASS_LINKS - 1] += size;
	pass->last_ns = last_ns;
	if (last_ns > pass->latest_ns)
		pass->latest_ns = last_ns;
	return true;
}

size_t pass_decode(
	struct pass *pass, const struct capture_packet *packets, size_t size, struct segment *segments)
{
	size_t found = 0;
	pass->packets += size;
	if (__builtin_expect(all_are_wanted(pass, packets, size), 1))
		return decode_packets(&pass->decoder, packets, size, segments, pass->decoded);
	for (size_t i = 0; i < size; i++) {
		uint16_t link = packets[i].link_type;
		pass->link_packets[link < PASS_LINKS ? link : PASS_LINKS - 1]++;
		if (is_wanted(pass, &packets[i]))
			found += decode_packets(
				&pass->decoder, &packets[i], 1, segments + found, pass->decoded);
	}
	return found;
}

static void run_alone(struct pass *pass)
{
	struct capture_packet packets[PASS_BATCH];
	struct segment segments[PASS_BATCH] __attribute__((aligned(64)));
	size_t size;
	while (!pass->tracker->out_of_memory && (size = capture_next(pass->capture, packets, PASS_BATCH)))
		take_segments(pass->tracker, segments, pass_decode(pass, packets, size, segments));
}

static bool wants_two_threads(const struct pass *pass)
{
	if (pass->options->threads)
		return pass->options->threads > 1;
	cpu_set_t set;
	return capture_size(pass->capture) >= TWO_THREADS_BYTES &&
	       sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 1;
}

int pass_run(struct pass *pass, char **error)
{
	if (!wants_two_threads(pass) || pipeline_run(pass) < 0)
		run_alone(pass);
	if (pass->tracker->out_of_memory)
		return error_set(error, "%s: out of memory; cut the capture by time or by flows", pass->path);
	return 0;
}

bool pass_next_connection(const struct pass *pass, uint32_t *flow_index, struct pass_connection *next)
{
	while (*flow_index < pass->tracker->flow_count) {
		const struct flow *flow = tracker_flow(pass->tracker, (*flow_index)++);
		const struct connection *connection = flow->connection;
		bool first = true;
		for (uint32_t i = 0; connection && i < connection->flow_count && first; i++)
			first = connection_flow(connection, i)->index >= flow->index;
		if (!first)
			continue;
		*next = (struct pass_connection){connection, flow};
		return true;
	}
	return false;
}
