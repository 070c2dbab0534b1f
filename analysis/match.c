/* Match: two captures of one link, packet by packet. Both are read side by side in the order of time; a
 * packet waits, by a hash of what no hop changes, until the other end shows it or the timeout says that it is
 * lost. Memory: the packets of one timeout. Offloads must be off at both ends, or packets differ in size
 * between them. */
#include "analysis/analysis.h"
#include "analysis/capture.h"
#include "analysis/decode.h"
#include "analysis/measures.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

/* Bytes of the transport header and on that make the identity; captures with smaller snap lengths still agree
 * as long as both hold this much, or both the same. */
enum { IDENTITY_BYTES = 40, FIRST_SLOTS = 1 << 12, BATCH = 64 };

struct waiting {
	uint64_t identity;
	int64_t time_ns;
	uint32_t bytes;
	uint8_t end; /* 0: seen at A, 1: at B */
	bool used;
	uint32_t next; /* same slot, later; 0: none */
};

/* One direction of the link. */
struct way {
	uint64_t sent, sent_bytes, received, lost, lost_bytes, reordered;
	struct delays delay;
	int64_t latest_sent_ns; /* of the packets that arrived */
	struct series sent_series, lost_series, delay_sum_us, delay_count;
};

struct input {
	struct capture *capture;
	struct capture_packet packets[BATCH];
	size_t at, count;
	int64_t first_ns, last_ns;
	uint64_t packets_read, ignored, outside;
};

/* Packets wait in one ring, in order of time, and in a table by identity. */
struct matcher {
	struct input input[2];
	struct way way[2]; /* 0: A to B */
	struct waiting *ring;
	uint64_t head, tail; /* ring positions: [tail, head) */
	uint64_t mask;
	uint32_t *table, table_size;
	int64_t timeout_ns, step_ns, start_ns;
	struct series_budget budget;
};

static uint64_t mix(uint64_t sum, const uint8_t *bytes, size_t length)
{
	/* FNV-1a, eight bytes at a time with a final shuffle. */
	while (length >= 8) {
		uint64_t word;
		memcpy(&word, bytes, 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
		bytes += 8;
		length -= 8;
	}
	while (length--) {
		sum = (sum ^ *bytes++) * 0x100000001b3u;
		sum ^= sum >> 29;
	}
	return sum;
}

/* What stays the same from one end of a link to the other: not TTL, not ECN, not checksums (offload leaves
 * those undone at one end). Returns false for what is no IP packet. */
static bool identify(const struct capture_packet *packet, uint64_t *identity, uint32_t *bytes)
{
	const uint8_t *ip;
	uint32_t captured, original, header;
	uint8_t fixed[64] = {0};
	if (decode_link(packet, &ip, &captured, &original) != DECODE_TCP || captured < 20)
		return false;
	unsigned version = ip[0] >> 4;
	uint8_t protocol;
	if (version == 4) {
		header = (ip[0] & 15u) * 4;
		if (header < 20 || captured < header)
			return false;
		memcpy(fixed, ip + 2, 6);      /* length, identification, fragment */
		memcpy(fixed + 6, ip + 12, 8); /* addresses */
		protocol = ip[9];
		*bytes = (uint32_t)ip[2] << 8 | ip[3];
	} else if (version == 6 && captured >= 40) {
		header = 40;
		memcpy(fixed, ip + 4, 2);
		memcpy(fixed + 2, ip + 8, 32);
		memcpy(fixed + 34, ip + 1, 3); /* flow label */
		fixed[34] &= 15;
		protocol = ip[6];
		*bytes = ((uint32_t)ip[4] << 8 | ip[5]) + 40;
	} else {
		return false;
	}
	fixed[40] = protocol;
	uint64_t sum = mix(0xcbf29ce484222325u, fixed, 41);
	uint8_t rest[IDENTITY_BYTES] = {0};
	uint32_t at_hand = captured - header, length = *bytes > header ? *bytes - header : 0;
	if (at_hand > length)
		at_hand = length;
	if (at_hand > IDENTITY_BYTES)
		at_hand = IDENTITY_BYTES;
	memcpy(rest, ip + header, at_hand);
	if (protocol == 6)
		rest[16] = rest[17] = 0;
	else if (protocol == 17)
		rest[6] = rest[7] = 0;
	*identity = mix(sum, rest, sizeof rest);
	return true;
}

/* The next IP packet of a capture without taking it; NULL at the end. */
static const struct capture_packet *peek(struct input *input)
{
	if (input->at == input->count) {
		input->at = 0;
		input->count = capture_next(input->capture, input->packets, BATCH);
		if (!input->count)
			return NULL;
	}
	return &input->packets[input->at];
}

static struct waiting *place(const struct matcher *matcher, uint64_t position)
{
	return &matcher->ring[position & matcher->mask];
}

static uint32_t *slot(const struct matcher *matcher, uint64_t identity)
{
	return &matcher->table[(identity >> 20) & (matcher->table_size - 1)];
}

static void count_series(struct matcher *matcher, struct series *series, int64_t time_ns, uint64_t value)
{
	if (matcher->step_ns <= 0 || time_ns < matcher->start_ns)
		return;
	size_t index = (size_t)((time_ns - matcher->start_ns) / matcher->step_ns);
	uint64_t *entry = series_at(series, index, &matcher->budget);
	if (entry)
		*entry += value;
}

/* Takes an entry out of its slot's list. */
static void unlink_waiting(struct matcher *matcher, uint64_t position)
{
	uint32_t number = (uint32_t)(position & matcher->mask) + 1;
	uint32_t *link = slot(matcher, place(matcher, position)->identity);
	while (*link && *link != number)
		link = &matcher->ring[*link - 1].next;
	if (*link)
		*link = matcher->ring[number - 1].next;
	matcher->ring[number - 1].used = false;
}

/* The oldest entry's time is over: nobody saw it at the other end. */
static void expire(struct matcher *matcher, int64_t other_last_ns[2])
{
	struct waiting *oldest = place(matcher, matcher->tail);
	if (oldest->used) {
		struct way *way = &matcher->way[oldest->end];
		const struct input *other = &matcher->input[!oldest->end];
		/* Outside of what the other capture covers nothing can be said. */
		if (oldest->time_ns < other->first_ns || oldest->time_ns > other_last_ns[!oldest->end]) {
			matcher->input[oldest->end].outside++;
		} else {
			way->sent++;
			way->sent_bytes += oldest->bytes;
			way->lost++;
			way->lost_bytes += oldest->bytes;
			count_series(matcher, &way->sent_series, oldest->time_ns, 1);
			count_series(matcher, &way->lost_series, oldest->time_ns, 1);
		}
		unlink_waiting(matcher, matcher->tail);
	}
	matcher->tail++;
}

static int grow(struct matcher *matcher)
{
	uint64_t size = matcher->mask + 1, larger = size * 2;
	struct waiting *ring = larger <= (uint64_t)1 << 26 ? calloc(larger, sizeof *ring) : NULL;
	uint32_t *table = ring ? calloc(larger, sizeof *table) : NULL;
	if (!table) {
		free(ring);
		return -1;
	}
	struct waiting *old = matcher->ring;
	uint64_t old_mask = matcher->mask;
	free(matcher->table);
	matcher->ring = ring;
	matcher->table = table;
	matcher->table_size = (uint32_t)larger;
	matcher->mask = larger - 1;
	/* In reverse, each to the front of its list: the lists are in order of time again. */
	for (uint64_t position = matcher->head; position-- > matcher->tail;) {
		struct waiting *entry = place(matcher, position);
		*entry = old[position & old_mask];
		if (!entry->used)
			continue;
		uint32_t *first = slot(matcher, entry->identity);
		entry->next = *first;
		*first = (uint32_t)(position & matcher->mask) + 1;
	}
	free(old);
	return 0;
}

static int wait_for_other_end(
	struct matcher *matcher, unsigned end, uint64_t identity, int64_t time_ns, uint32_t bytes)
{
	if (matcher->head - matcher->tail > matcher->mask && grow(matcher) < 0)
		return -1;
	*place(matcher, matcher->head) = (struct waiting){identity, time_ns, bytes, (uint8_t)end, true, 0};
	uint32_t *link = slot(matcher, identity);
	while (*link)
		link = &matcher->ring[*link - 1].next;
	*link = (uint32_t)(matcher->head & matcher->mask) + 1;
	matcher->head++;
	return 0;
}

/* A packet was seen at both ends. */
static void matched(struct matcher *matcher, const struct waiting *first, int64_t time_ns)
{
	struct way *way = &matcher->way[first->end];
	int64_t delay_ns = time_ns - first->time_ns;
	way->sent++;
	way->sent_bytes += first->bytes;
	way->received++;
	delays_add(&way->delay, delay_ns);
	if (first->time_ns < way->latest_sent_ns)
		way->reordered++;
	else
		way->latest_sent_ns = first->time_ns;
	count_series(matcher, &way->sent_series, first->time_ns, 1);
	count_series(matcher, &way->delay_sum_us, first->time_ns, (uint64_t)delay_ns / 1000);
	count_series(matcher, &way->delay_count, first->time_ns, 1);
}

static int take(struct matcher *matcher, unsigned end)
{
	struct input *input = &matcher->input[end];
	const struct capture_packet *packet = &input->packets[input->at++];
	uint64_t identity;
	uint32_t bytes;
	input->packets_read++;
	input->last_ns = packet->time_ns;
	if (!identify(packet, &identity, &bytes)) {
		input->ignored++;
		return 0;
	}
	for (uint32_t number = *slot(matcher, identity); number; number = matcher->ring[number - 1].next) {
		struct waiting *entry = &matcher->ring[number - 1];
		if (entry->identity != identity || entry->end == end)
			continue;
		matched(matcher, entry, packet->time_ns);
		uint64_t position = matcher->tail + ((number - 1 - matcher->tail) & matcher->mask);
		unlink_waiting(matcher, position);
		return 0;
	}
	return wait_for_other_end(matcher, end, identity, packet->time_ns, bytes);
}

/* Reads both captures in the order of time. */
static int pass(struct matcher *matcher)
{
	int64_t never[2] = {INT64_MAX, INT64_MAX};
	const struct capture_packet *first[2] = {peek(&matcher->input[0]), peek(&matcher->input[1])};
	for (unsigned i = 0; i < 2; i++)
		matcher->input[i].first_ns = first[i] ? first[i]->time_ns : INT64_MAX;
	matcher->start_ns = matcher->input[matcher->input[1].first_ns < matcher->input[0].first_ns].first_ns;
	for (;;) {
		const struct capture_packet *a = peek(&matcher->input[0]), *b = peek(&matcher->input[1]);
		if (!a && !b)
			break;
		unsigned end = !a || (b && b->time_ns < a->time_ns);
		int64_t now_ns = end ? b->time_ns : a->time_ns;
		while (matcher->tail < matcher->head &&
			now_ns - place(matcher, matcher->tail)->time_ns > matcher->timeout_ns) {
			/* The other capture may have ended meanwhile. */
			int64_t last[2] = {a ? never[0] : matcher->input[0].last_ns,
				b ? never[1] : matcher->input[1].last_ns};
			expire(matcher, last);
		}
		if (take(matcher, end) < 0)
			return -1;
	}
	/* What left shortly before the other capture ended may have been on its way: the longest delay seen
	 * is the margin. */
	int64_t last[2];
	for (unsigned i = 0; i < 2; i++)
		last[i] = matcher->input[i].last_ns - matcher->way[!i].delay.max_ns;
	while (matcher->tail < matcher->head)
		expire(matcher, last);
	return 0;
}

static json_t *way_json(const struct matcher *matcher, const struct way *way)
{
	json_t *json = json_object();
	json_object_set_new(json, "sent_packets", json_integer((json_int_t)way->sent));
	json_object_set_new(json, "sent_bytes", json_integer((json_int_t)way->sent_bytes));
	json_object_set_new(json, "received_packets", json_integer((json_int_t)way->received));
	json_object_set_new(json, "lost_packets", json_integer((json_int_t)way->lost));
	json_object_set_new(json, "lost_bytes", json_integer((json_int_t)way->lost_bytes));
	json_object_set_new(json, "loss", json_real(way->sent ? (double)way->lost / (double)way->sent : 0));
	json_object_set_new(json, "reordered_packets", json_integer((json_int_t)way->reordered));
	json_object_set_new(json, "delay", delays_json(&way->delay));
	double least = (double)way->delay.min_ns / 1e9, samples = (double)way->delay.count;
	json_object_set_new(json, "queueing_mean_s",
		way->delay.count ? json_real(way->delay.sum_ns / samples / 1e9 - least) : json_null());
	json_object_set_new(json, "queueing_p99_s",
		way->delay.count ? json_real(delays_percentile_s(&way->delay, 0.99) - least) : json_null());
	json_object_set_new(json, "queueing_max_s",
		way->delay.count ? json_real((double)way->delay.max_ns / 1e9 - least) : json_null());
	if (matcher->step_ns > 0) {
		json_object_set_new(json, "series_sent_packets", series_json(&way->sent_series));
		json_object_set_new(json, "series_lost_packets", series_json(&way->lost_series));
		json_t *means = json_array();
		for (size_t i = 0; i < way->delay_count.count; i++)
			json_array_append_new(
				means, way->delay_count.values[i]
					       ? json_real((double)way->delay_sum_us.values[i] /
							   (double)way->delay_count.values[i] / 1e6)
					       : json_null());
		json_object_set_new(json, "series_delay_mean_s", means);
	}
	return json;
}

static json_t *input_json(const struct input *input, const char *path)
{
	json_t *json = json_object(), *name = json_string(path);
	json_object_set_new(json, "path", name ? name : json_string("(a name that is not UTF-8)"));
	json_object_set_new(json, "packets", json_integer((json_int_t)input->packets_read));
	json_object_set_new(json, "not_ip_packets", json_integer((json_int_t)input->ignored));
	json_object_set_new(json, "outside_packets", json_integer((json_int_t)input->outside));
	const struct capture_counters *counters = capture_counters(input->capture);
	json_object_set_new(json, "truncated", json_integer((json_int_t)counters->truncated));
	json_object_set_new(json, "malformed", json_integer((json_int_t)counters->malformed));
	return json;
}

static void free_matcher(struct matcher *matcher)
{
	for (unsigned i = 0; i < 2; i++) {
		capture_close(matcher->input[i].capture);
		struct way *way = &matcher->way[i];
		delays_free(&way->delay);
		series_free(&way->sent_series);
		series_free(&way->lost_series);
		series_free(&way->delay_sum_us);
		series_free(&way->delay_count);
	}
	free(matcher->ring);
	free(matcher->table);
	free(matcher);
}

json_t *analysis_match(
	const char *path_a, const char *path_b, const struct analysis_match_options *options, char **error)
{
	const char *const paths[2] = {path_a, path_b};
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
	matcher->mask = FIRST_SLOTS - 1;
	matcher->table_size = FIRST_SLOTS;
	matcher->ring = calloc(FIRST_SLOTS, sizeof *matcher->ring);
	matcher->table = calloc(FIRST_SLOTS, sizeof *matcher->table);
	matcher->timeout_ns = (int64_t)((options->timeout_s > 0 ? options->timeout_s : 5) * 1e9);
	matcher->step_ns = (int64_t)(options->step_s * 1e9);
	bool good = matcher->ring && matcher->table;
	for (unsigned i = 0; i < 2 && good; i++) {
		matcher->input[i].capture = capture_open(paths[i], error);
		good = matcher->input[i].capture != NULL;
	}
	json_t *json = NULL;
	if (good && pass(matcher) < 0)
		error_set(
			error, "%s: too many packets wait for the other end; give a shorter timeout", path_a);
	else if (good)
		json = json_pack("{s:o, s:o, s:o, s:o}", "a", input_json(&matcher->input[0], path_a), "b",
			input_json(&matcher->input[1], path_b), "a_to_b", way_json(matcher, &matcher->way[0]),
			"b_to_a", way_json(matcher, &matcher->way[1]));
	free_matcher(matcher);
	return json;
}
