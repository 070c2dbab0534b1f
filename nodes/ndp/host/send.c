/* The sender's side of NDP: the policy (sender.h, paths.h) on sockets. */
#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/net/meet.h"
#include "nodes/ndp/host/host.h"
#include "nodes/ndp/host/sockets.h"
#include "nodes/ndp/pulls.h"
#include "nodes/ndp/sender.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4096
#define IP_UDP 28

struct outgoing {
	const struct options *options;
	struct sockets sockets;
	struct sockaddr_in to[ADDRESSES_MAX];
	struct ndp_sender sender;
	struct ndp_paths paths;
	struct ndp_path scores[ADDRESSES_MAX];
	struct ndp_slot slots[SLOTS];
	uint64_t sent[SLOTS], strange;
	uint64_t key; /* of what this sender draws */
	uint16_t order[ADDRESSES_MAX];
	uint32_t flow, packets, pacer;
	uint16_t payload;      /* of a full packet */
	uint16_t last_payload; /* of the last one */
	uint32_t acks[ADDRESSES_MAX], nacks[ADDRESSES_MAX];
};

static void transmit(struct outgoing *out, uint32_t packets, int64_t now)
{
	uint32_t sequence;
	bool again;

	while (packets-- > 0 && ndp_sender_next(&out->sender, (uint64_t)now, &sequence, &again)) {
		bool last = sequence == out->packets - 1;
		uint32_t path = ndp_paths_next(&out->paths);
		struct ndp_message message = {.type = NDP_DATA,
			.flags = (uint16_t)((sequence < out->options->window ? NDP_FLAG_SYN : 0) |
					    (last ? NDP_FLAG_LAST : 0) | (again ? NDP_FLAG_RTX : 0)),
			.flow = out->flow,
			.sequence = sequence,
			.pacer = out->pacer,
			.path = (uint8_t)path,
			.paths = (uint8_t)out->sockets.count,
			.length = last ? out->last_payload : out->payload};
		sockets_send(&out->sockets, path, &out->to[path], &message);
	}
}

/* An answer about the packet; then the pull that rides on it. */
static uint32_t answered(struct outgoing *out, const struct ndp_message *m, uint64_t now)
{
	bool ack = m->type == NDP_ACK;

	ndp_paths_feedback(&out->paths, m->path, ack ? NDP_FEEDBACK_ACK : NDP_FEEDBACK_NACK);
	(ack ? out->acks : out->nacks)[m->path]++;
	return ack ? ndp_sender_ack(&out->sender, m->sequence, now)
		   : ndp_sender_nack(&out->sender, m->sequence, now);
}

static void take(void *context, uint32_t path, const struct sockaddr_in *from, const struct ndp_message *m,
	int64_t now_ns)
{
	struct outgoing *out = context;
	uint64_t now = (uint64_t)now_ns;
	uint32_t packets = 0;

	(void)path;
	/* An RTS comes with the receiver's address as its source, too: the switch changed them over. */
	if (m->flow != out->flow || m->paths != out->sockets.count || m->path >= out->sockets.count ||
		from->sin_port != out->to[0].sin_port) {
		out->strange++;
		return;
	}
	switch (m->type) {
	case NDP_ACK:
	case NDP_NACK:
		packets = answered(out, m, now);
		break;
	case NDP_RTS:
		ndp_paths_feedback(&out->paths, m->path, NDP_FEEDBACK_BOUNCE);
		packets = ndp_sender_bounced(&out->sender, m->sequence, now);
		break;
	case NDP_PULL:
		break;
	default:
		out->strange++;
		return;
	}
	if (m->flags & NDP_FLAG_PULL) {
		out->pacer = m->pacer;
		packets += ndp_sender_pull(&out->sender, m->pull, now);
	}
	transmit(out, packets, now_ns);
}

static void flow_init(struct outgoing *out, uint32_t number)
{
	const struct options *o = out->options;
	uint64_t size = o->size;

	out->payload = (uint16_t)(o->mtu - IP_UDP - NDP_WIRE_SIZE);
	out->packets = (uint32_t)((size + out->payload - 1) / out->payload);
	out->last_payload = (uint16_t)(size - (uint64_t)(out->packets ? out->packets - 1 : 0) * out->payload);
	out->flow = (uint32_t)draw_mix(out->key + number * DRAW_GOLDEN);
	memset(out->slots, 0, sizeof out->slots);
	ndp_sender_init(&out->sender, out->packets, o->window, out->slots, out->sent, SLOTS);
}

/* One flow; false: it did not end. */
static bool run_flow(struct outgoing *out, int64_t began, int64_t until)
{
	const struct options *o = out->options;

	if (out->packets == 0)
		return true;
	transmit(out, ndp_sender_start(&out->sender, (uint64_t)began), began);
	while (!ndp_sender_done(&out->sender) && !stopped && sockets_now(&out->sockets) < until) {
		uint64_t due = ndp_sender_due(&out->sender, (uint64_t)o->rto_ns);
		int64_t wake = due == NDP_NEVER || due > (uint64_t)until ? until : (int64_t)due;
		sockets_wait(&out->sockets, wake, take, out);
		int64_t now = sockets_now(&out->sockets);
		if (due != NDP_NEVER && ndp_sender_due(&out->sender, (uint64_t)o->rto_ns) <= (uint64_t)now)
			transmit(out, ndp_sender_timeout(&out->sender, (uint64_t)o->rto_ns, (uint64_t)now),
				now);
	}
	return ndp_sender_done(&out->sender);
}

static json_t *flow_json(const struct outgoing *out, int64_t start, int64_t end, bool done)
{
	const struct ndp_sender_counters *c = &out->sender.counters;

	return json_pack("{s:I, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "flow",
		(json_int_t)out->flow, "start", seconds_json(start), "end", seconds_json(end), "seconds",
		seconds_json(end - start), "done", done, "bytes", (json_int_t)out->options->size, "packets",
		(json_int_t)c->packets, "again", (json_int_t)c->again, "nacks", (json_int_t)c->nacks,
		"bounces", (json_int_t)c->bounces, "timeouts", (json_int_t)(c->timeouts + c->keepalives),
		"strange", (json_int_t)(c->strange + out->strange));
}

static json_t *paths_json(const struct outgoing *out)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < out->sockets.count; i++)
		json_array_append_new(list, json_pack("{s:I, s:I}", "acks", (json_int_t)out->acks[i], "nacks",
						    (json_int_t)out->nacks[i]));
	return list;
}

int ndp_send(const struct options *o, char **error)
{
	static struct outgoing outgoing;
	struct outgoing *out = &outgoing;
	json_t *flows = json_array();
	bool all = true;

	out->options = o;
	/* Senders of one trial have one seed, and must not choose the same paths at the same time. */
	out->key = draw_mix(o->seed + (o->own.count ? o->own.list[0].s_addr : 0) * DRAW_GOLDEN);
	if (sockets_open(&out->sockets, &o->own, 0, error) < 0)
		return -1;
	for (uint32_t i = 0; i < o->to.count; i++)
		out->to[i] = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr = o->to.list[i]};
	ndp_paths_init(&out->paths, out->order, o->penalty ? out->scores : NULL, out->sockets.count, o->spray,
		draw_mix(out->key));
	int64_t first = meet_others(o->meet, o->meeting, o->after_ns, &stopped, error);
	if (first < 0)
		return -1;
	out->sockets.now_ns = clock_now_ns();
	int64_t until = end_of(o, first), start = first;
	for (uint32_t i = 0; i < o->count && !stopped && start < until; i++) {
		flow_init(out, i);
		bool done = run_flow(out, start, until);
		int64_t end = clock_now_ns();
		json_array_append_new(flows, flow_json(out, start, end, done));
		all = all && done;
		start = end;
	}
	json_t *json =
		json_pack("{s:s, s:o, s:o, s:o, s:I}", "transport", "ndp", "start", seconds_json(first),
			"flows", flows, "paths", paths_json(out), "unsent", (json_int_t)out->sockets.unsent);
	sockets_close(&out->sockets);
	int result = print_json(json);
	return all || o->duration_ns ? result : 1;
}
