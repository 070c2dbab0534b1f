/* Run: the single pass. Packets go through in batches: all of a batch are decoded, then the places of their
 * flows are asked of the memory, and only then is each taken in; so the waits for memory overlap. */
#include "analysis/capture.h"
#include "analysis/state.h"
#include "lib/base/error.h"
#include <stdlib.h>

enum { BATCH = 32 };

static void prefetch(const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		__builtin_prefetch((const char *)from + i, 1);
}

/* The flow that a segment most likely belongs to, by its hash alone: a wrong guess costs nothing but time. */
static const struct flow *guess(const struct tracker *tracker, const struct segment *segment)
{
	return tracker->slots[segment->hash & tracker->slot_mask].flow;
}

/* Asks for the cache lines that tcp_segment will touch, and no more: what does not fit in the first-level
 * cache together would push out the rest of the batch. */
static void prefetch_state(const struct flow *flow, const struct segment *segment)
{
	unsigned direction = segment->from_second != flow->client_is_second;
	const struct flow_direction *from = &flow->direction[direction], *peer = &flow->direction[!direction];
	const struct connection *connection = flow->connection;
	prefetch(peer, 64);
	prefetch(&connection->mptcp, 1);
	prefetch(&connection->data[connection_direction(flow, !direction)], DATA_HOT_BYTES);
	if (segment->payload) {
		prefetch(from, DIRECTION_HOT_BYTES);
		prefetch(&connection->data[connection_direction(flow, direction)], DATA_HOT_BYTES);
	} else {
		prefetch(from, 128);
	}
}

static void take_batch(struct tracker *tracker, const struct capture_packet *packets, size_t size)
{
	struct segment segments[BATCH];
	size_t found = 0;
	enum { LINKS = sizeof tracker->counters.link_packets / sizeof *tracker->counters.link_packets };
	for (size_t i = 0; i < size; i++) {
		uint16_t link = packets[i].link_type;
		tracker->counters.link_packets[link < LINKS ? link : LINKS - 1]++;
		if (packets[i].time_ns > tracker->end_ns)
			tracker->end_ns = packets[i].time_ns;
		enum decode_result result = decode_packet(&packets[i], &segments[found]);
		tracker->counters.decoded[result]++;
		if (result == DECODE_TCP) {
			/* Times of several interfaces may be out of order; none is before the first. */
			if (segments[found].time_ns < tracker->start_ns)
				segments[found].time_ns = tracker->start_ns;
			__builtin_prefetch(&tracker->slots[segments[found].hash & tracker->slot_mask]);
			found++;
		}
	}
	for (size_t i = 0; i < found; i++)
		__builtin_prefetch(guess(tracker, &segments[i]));
	for (size_t i = 0; i < found; i++) {
		const struct flow *flow = guess(tracker, &segments[i]);
		if (flow)
			prefetch_state(flow, &segments[i]);
	}
	for (size_t i = 0; i < found; i++) {
		struct flow *flow = tracker_find(tracker, &segments[i]);
		if (flow)
			tcp_segment(tracker, flow, &segments[i]);
	}
}

/* Closes the capture. */
static json_t *analyse(
	struct capture *capture, const char *name, const struct analysis_options *options, char **error)
{
	struct tracker *tracker = tracker_new(options);
	json_t *report = NULL;
	if (tracker) {
		struct capture_packet packets[BATCH];
		size_t size = capture_next(capture, packets, BATCH);
		if (size)
			tracker->start_ns = tracker->end_ns = packets[0].time_ns;
		for (; size && !tracker->out_of_memory; size = capture_next(capture, packets, BATCH))
			take_batch(tracker, packets, size);
		if (!tracker->out_of_memory)
			report = report_file(tracker, capture, name);
	}
	if (!report)
		error_set(error, "%s: out of memory; cut the capture by time or by flows", name);
	tracker_free(tracker);
	capture_close(capture);
	return report;
}

static int check(const struct analysis_options *options, char **error)
{
	if (options->window_count > ANALYSIS_WINDOWS)
		return error_set(error, "at most %d windows are possible", ANALYSIS_WINDOWS);
	if (options->step_s < 0 || (options->step_s > 0 && options->step_s < 1e-6) || options->step_s > 1e6)
		return error_set(
			error, "a step of %g s is impossible; give 0.000001 to 1000000", options->step_s);
	for (size_t i = 0; i < options->window_count; i++) {
		const struct analysis_window *window = &options->windows[i];
		if (!(window->from_s >= 0 && window->to_s > window->from_s && window->to_s < 1e9))
			return error_set(error, "a window from %g to %g s is impossible", window->from_s,
				window->to_s);
	}
	return 0;
}

json_t *analysis_run(
	const char *const *paths, size_t paths_count, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return NULL;
	json_t *files = json_array();
	for (size_t i = 0; i < paths_count; i++) {
		struct capture *capture = capture_open(paths[i], error);
		json_t *report = capture ? analyse(capture, paths[i], options, error) : NULL;
		if (!report || json_array_append_new(files, report) < 0) {
			json_decref(files);
			return NULL;
		}
	}
	return json_pack("{s:o}", "files", files);
}

json_t *analysis_run_memory(
	const void *data, size_t size, const char *name, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return NULL;
	struct capture *capture = capture_open_memory(data, size, name, error);
	json_t *report = capture ? analyse(capture, name, options, error) : NULL;
	return report ? json_pack("{s:[o]}", "files", report) : NULL;
}
