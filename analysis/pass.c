/* Pass: see the header. Packets go through in batches: all of a batch are decoded, then the places of their
 * flows are asked of the memory, and only then is each taken in; so the waits for memory overlap. */
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
		pass->start_ns = pass->earliest_ns = pass->latest_ns = pass->last_ns = now_ns;
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

size_t pass_decode(
	struct pass *pass, const struct capture_packet *packets, size_t size, struct segment *segments)
{
	size_t found = 0;
	for (size_t i = 0; i < size; i++) {
		uint16_t link = packets[i].link_type;
		pass->link_packets[link < PASS_LINKS ? link : PASS_LINKS - 1]++;
		if (!is_wanted(pass, &packets[i]))
			continue;
		enum decode_result result = decode_packet(&pass->decoder, &packets[i], &segments[found]);
		pass->decoded[result]++;
		segments[found].time_ns -= pass->start_ns;
		found += result == DECODE_TCP;
	}
	pass->packets += size;
	return found;
}

static inline void prefetch(const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		__builtin_prefetch((const char *)from + i, 1);
}

/* The flow that a segment most likely belongs to, by its hash alone: a wrong guess costs nothing but time. */
static inline struct flow *guess(const struct tracker *tracker, const struct segment *segment)
{
	uint32_t number = tracker->slots[segment->hash & tracker->slot_mask].number;
	return number ? tracker_flow(tracker, number - 1) : NULL;
}

/* Asks for the cache lines that tcp_segment will touch, and no more: what does not fit in the first-level
 * cache together would push out the rest of the batch. */
static inline void prefetch_state(const struct flow *flow, const struct segment *segment)
{
	unsigned side = segment->from_second != flow->client_is_second;
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	const struct connection *connection = flow->connection;
	prefetch(peer, 64);
	prefetch(from, segment->payload ? 192 : 128);
	if (connection) {
		prefetch(connection, 1);
		prefetch(&connection->data[connection_direction(flow, !side)], DATA_HOT_BYTES);
		if (segment->payload)
			prefetch(&connection->data[connection_direction(flow, side)], DATA_HOT_BYTES);
	}
}

static inline const struct samples *samples_of(const struct flow *flow, const struct segment *segment)
{
	unsigned side = segment->from_second != flow->client_is_second;
	return flow->direction[segment->payload ? side : !side].samples;
}

static inline void prefetch_ring(const struct flow *flow, const struct segment *segment)
{
	const struct samples *samples = samples_of(flow, segment);
	if (samples)
		__builtin_prefetch(
			&samples->ring[(segment->payload ? samples->head : samples->tail) & samples->mask],
			1);
}

static void take_batch(struct tracker *tracker, const struct segment *segments, size_t count)
{
	struct flow *flows[PASS_BATCH];
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(&tracker->slots[segments[i].hash & tracker->slot_mask]);
	for (size_t i = 0; i < count; i++) {
		flows[i] = guess(tracker, &segments[i]);
		if (flows[i])
			__builtin_prefetch(flows[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (flows[i])
			prefetch_state(flows[i], &segments[i]);
	for (size_t i = 0; i < count; i++) {
		const struct samples *samples = flows[i] ? samples_of(flows[i], &segments[i]) : NULL;
		if (samples)
			prefetch(samples, segments[i].payload ? 64 : 128);
	}
	for (size_t i = 0; i < count; i++)
		if (flows[i])
			prefetch_ring(flows[i], &segments[i]);
	bool opened = false;
	for (size_t i = 0; i < count; i++) {
		struct flow *flow = flows[i];
		/* The guess is right nearly always; a SYN may open a new flow, for the rest of the batch too. */
		opened |= (segments[i].flags & TCP_SYN) != 0;
		if (!flow || opened || !flow_key_equal(&flow->key, &segments[i].key))
			flow = tracker_find(tracker, &segments[i]);
		if (!flow)
			continue;
		if (__builtin_expect(tracker->watcher != NULL, 0))
			tracker->watcher->segment(tracker->watcher, tracker, flow, &segments[i]);
		else
			tcp_segment(tracker, flow, &segments[i]);
	}
}

void pass_take(struct tracker *tracker, const struct segment *segments, size_t count)
{
	for (size_t from = 0; from < count; from += PASS_BATCH)
		take_batch(tracker, segments + from, from + PASS_BATCH < count ? PASS_BATCH : count - from);
}

static void run_alone(struct pass *pass)
{
	struct capture_packet packets[PASS_BATCH];
	struct segment segments[PASS_BATCH] __attribute__((aligned(64)));
	size_t size;
	while (!pass->tracker->out_of_memory && (size = capture_next(pass->capture, packets, PASS_BATCH)))
		pass_take(pass->tracker, segments, pass_decode(pass, packets, size, segments));
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
