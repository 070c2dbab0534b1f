/* Read: packets of one end: who they are, and which flow they belong to. */
#include "analysis/input/capture.h"
#include "analysis/input/decode.h"
#include "analysis/match/match.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

/* Bytes of the transport header and on that make the identity; captures with smaller snap lengths still agree
 * as long as both hold this much, or both the same. */
enum { IDENTITY_BYTES = 40, FIRST_SLOTS = 1 << 10, BATCH = 64, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

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

struct sight {
	uint8_t address[2][16]; /* source, destination */
	uint16_t port[2];
	uint8_t version, protocol, ttl;
	uint64_t identity;
	uint32_t bytes;
};

/* What stays the same from one end of a link to the other: not TTL, not ECN, not checksums (offload leaves
 * those undone at one end). Returns false for what is no IP packet. */
static bool look(const struct capture_packet *packet, struct sight *sight)
{
	struct network network;
	if (decode_link(packet, &network) != DECODE_TCP || network.captured < 20)
		return false;
	const uint8_t *ip = network.data;
	uint32_t header = 40;
	uint8_t fixed[64] = {0};
	memset(sight, 0, sizeof *sight);
	sight->version = ip[0] >> 4;
	bool first = true;
	if (sight->version == 4) {
		header = (ip[0] & 15u) * 4;
		if (header < 20 || network.captured < header)
			return false;
		memcpy(fixed, ip + 2, 6); /* length, identification, fragment */
		memcpy(sight->address[0], ip + 12, 4);
		memcpy(sight->address[1], ip + 16, 4);
		sight->protocol = ip[9];
		sight->ttl = ip[8];
		sight->bytes = wire16(ip + 2);
		first = !(wire16(ip + 6) & 0x1fff);
	} else if (sight->version == 6 && network.captured >= 40) {
		memcpy(fixed, ip + 4, 2);
		memcpy(fixed + 2, ip + 1, 3); /* flow label */
		fixed[2] &= 15;
		memcpy(sight->address, ip + 8, 32);
		sight->protocol = ip[6];
		sight->ttl = ip[7];
		sight->bytes = wire16(ip + 4) + 40u;
	} else {
		return false;
	}
	memcpy(fixed + 8, sight->address, 32);
	fixed[40] = sight->protocol;
	uint8_t rest[IDENTITY_BYTES] = {0};
	uint32_t at_hand = network.captured - header,
		 length = sight->bytes > header ? sight->bytes - header : 0;
	if (at_hand > length)
		at_hand = length;
	if (at_hand > IDENTITY_BYTES)
		at_hand = IDENTITY_BYTES;
	memcpy(rest, ip + header, at_hand);
	if (first && (sight->protocol == PROTOCOL_TCP || sight->protocol == PROTOCOL_UDP)) {
		sight->port[0] = wire16(rest);
		sight->port[1] = wire16(rest + 2);
	}
	if (sight->protocol == PROTOCOL_TCP)
		rest[16] = rest[17] = 0;
	else if (sight->protocol == PROTOCOL_UDP)
		rest[6] = rest[7] = 0;
	sight->identity = mix(mix(0xcbf29ce484222325u, fixed, 41), rest, sizeof rest);
	return true;
}

static uint32_t slot_of(const struct matcher *matcher, const struct match_flow *flow)
{
	uint64_t sum = mix(0xcbf29ce484222325u, flow->address[0], 32);
	sum = mix(sum, (const uint8_t *)flow->port, sizeof flow->port) + flow->protocol;
	uint32_t at = (uint32_t)(sum ^ sum >> 32) & matcher->slot_mask;
	while (matcher->slots[at]) {
		const struct match_flow *other = &matcher->flows[matcher->slots[at] - 1];
		if (!memcmp(other->address, flow->address, sizeof flow->address) &&
			!memcmp(other->port, flow->port, sizeof flow->port) &&
			other->protocol == flow->protocol)
			break;
		at = (at + 1) & matcher->slot_mask;
	}
	return at;
}

/* Room for one flow more. */
static int make_room(struct matcher *matcher)
{
	if (matcher->flow_count < matcher->flow_capacity)
		return 0;
	uint32_t capacity = matcher->flow_capacity ? matcher->flow_capacity * 2 : FIRST_SLOTS / 2;
	struct match_flow *flows = realloc(matcher->flows, capacity * sizeof *flows);
	if (!flows)
		return -1;
	matcher->flows = flows;
	uint32_t *slots = calloc(capacity * 2, sizeof *slots);
	if (!slots)
		return -1;
	free(matcher->slots);
	matcher->flow_capacity = capacity;
	matcher->slots = slots;
	matcher->slot_mask = capacity * 2 - 1;
	for (uint32_t i = 0; i < matcher->flow_count; i++)
		slots[slot_of(matcher, &flows[i])] = i + 1;
	return 0;
}

/* The index of a packet's flow, or MATCH_NONE without memory. */
static uint32_t flow_of(struct matcher *matcher, const struct sight *sight, bool *second)
{
	struct match_flow flow = {.version = sight->version, .protocol = sight->protocol};
	int order = memcmp(sight->address[0], sight->address[1], 16);
	*second = order ? order > 0 : sight->port[0] > sight->port[1];
	for (unsigned i = 0; i < 2; i++) {
		memcpy(flow.address[i], sight->address[i ^ *second], 16);
		flow.port[i] = sight->port[i ^ *second];
	}
	if (make_room(matcher) < 0)
		return MATCH_NONE;
	uint32_t at = slot_of(matcher, &flow);
	if (!matcher->slots[at]) {
		flow.first_seen_second = *second;
		matcher->flows[matcher->flow_count++] = flow;
		matcher->slots[at] = matcher->flow_count;
	}
	return matcher->slots[at] - 1;
}

static int add(struct matcher *matcher, struct match_input *input, const struct capture_packet *packet)
{
	struct sight sight;
	if (!look(packet, &sight)) {
		input->ignored++;
		return 0;
	}
	if (input->count == input->capacity) {
		size_t capacity = input->capacity ? input->capacity * 2 : 4096;
		struct match_packet *packets =
			capacity < MATCH_NONE ? realloc(input->packets, capacity * sizeof *packets) : NULL;
		if (!packets)
			return -1;
		input->packets = packets;
		input->capacity = capacity;
	}
	bool second;
	uint32_t flow = flow_of(matcher, &sight, &second);
	if (flow == MATCH_NONE)
		return -1;
	input->packets[input->count++] = (struct match_packet){.identity = sight.identity,
		.time_ns = packet->time_ns,
		.bytes = sight.bytes,
		.flow = flow,
		.partner = MATCH_NONE,
		.ttl = sight.ttl,
		.second = second};
	return 0;
}

int match_read(struct matcher *matcher, unsigned end, const char *path, char **error)
{
	struct match_input *input = &matcher->input[end];
	struct capture *capture = capture_open(path, error);
	struct capture_packet packets[BATCH];
	size_t size;
	int status = 0;
	if (!capture)
		return -1;
	input->path = path;
	input->first_ns = INT64_MAX;
	input->last_ns = INT64_MIN;
	while (status == 0 && (size = capture_next(capture, packets, BATCH)))
		for (size_t i = 0; i < size && status == 0; i++) {
			int64_t time_ns = packets[i].time_ns;
			input->first_ns = time_ns < input->first_ns ? time_ns : input->first_ns;
			input->last_ns = time_ns > input->last_ns ? time_ns : input->last_ns;
			status = add(matcher, input, &packets[i]);
		}
	const struct capture_counters *counters = capture_counters(capture);
	input->packets_read = counters->packets;
	input->truncated = counters->truncated;
	input->malformed = counters->malformed;
	capture_close(capture);
	return status == 0 ? 0 : error_set(error, "%s: out of memory; cut the capture by time", path);
}
