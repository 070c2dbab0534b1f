/* The receiver's side of NDP: the policy (receiver.h, pulls.h) on sockets. */
#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/ndp/host/host.h"
#include "nodes/ndp/host/sockets.h"
#include "nodes/ndp/receiver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD 8192 /* packets */
#define BUCKETS 1024
#define FLOWS_MOST 65536
#define QUIET_RTOS 5 /* a finished server answers what is sent again until nothing came for so long */
#define ETHERNET 14

struct incoming {
	struct ndp_receiver receiver; /* first: who is taken from the pull queue has the rest */
	struct incoming *next;        /* in its bucket */
	uint32_t flow;
	struct sockaddr_in from[ADDRESSES_MAX]; /* by path; port 0: not known yet */
	struct ndp_paths back;
	uint16_t order[ADDRESSES_MAX];
	uint64_t here[AHEAD / 64];
	int64_t first_ns, end_ns; /* end 0: it is not whole */
	uint64_t bytes, packets, headers;
};

struct server {
	const struct options *options;
	struct sockets sockets;
	struct ndp_pulls pulls;
	struct incoming *buckets[BUCKETS], **list;
	uint32_t count, whole;
	uint64_t strange; /* messages of no flow */
	int64_t heard_ns, latest_pull_ns;
	struct bins bins;
};

/* A flow is its number and where it comes from: the port is the same on all paths, the address is not. */
static struct incoming **bucket(struct server *s, uint32_t flow, in_port_t port)
{
	return &s->buckets[draw_mix((uint64_t)flow << 16 | port) % BUCKETS];
}

static bool is_preferred(const struct options *o, const struct sockaddr_in *from)
{
	for (uint32_t i = 0; i < o->preferred.count; i++)
		if (o->preferred.list[i].s_addr == from->sin_addr.s_addr)
			return true;
	return false;
}

static struct incoming *make_flow(
	struct server *s, struct incoming **at, const struct sockaddr_in *from, const struct ndp_message *m)
{
	struct incoming *in = s->count < FLOWS_MOST ? calloc(1, sizeof *in) : NULL;

	if (!in)
		return NULL;
	in->flow = m->flow;
	in->next = *at;
	*at = s->list[s->count++] = in;
	ndp_receiver_init(&in->receiver, in->here, AHEAD, is_preferred(s->options, from));
	ndp_paths_init(&in->back, in->order, NULL, s->sockets.count, NDP_SPRAY_PERMUTE,
		draw_mix(s->options->seed + m->flow));
	return in;
}

/* The flow of a packet, made by whichever comes first of its first window; NULL: of none. */
static struct incoming *flow_of(
	struct server *s, const struct sockaddr_in *from, const struct ndp_message *m, int64_t now)
{
	struct incoming **at = bucket(s, m->flow, from->sin_port), *in = *at;

	while (in && (in->flow != m->flow ||
			     (in->from[m->path].sin_port &&
				     (in->from[m->path].sin_port != from->sin_port ||
					     in->from[m->path].sin_addr.s_addr != from->sin_addr.s_addr))))
		in = in->next;
	if (!in && !(m->flags & NDP_FLAG_SYN))
		return NULL;
	if (!in && (in = make_flow(s, at, from, m)))
		in->first_ns = now;
	if (in)
		in->from[m->path] = *from;
	return in;
}

/* A path back whose other end is known: the next in turn, else the one that a packet came by last. */
static uint32_t path_back(struct incoming *in, uint32_t known)
{
	uint32_t path = ndp_paths_next(&in->back);

	return in->from[path].sin_port ? path : known;
}

static uint32_t known_path(const struct incoming *in, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (in->from[i].sin_port)
			return i;
	return 0;
}

static void reply(struct server *s, struct incoming *in, const struct ndp_message *about,
	const struct ndp_answer *answer)
{
	struct ndp_message message = {.type = answer->reply == NDP_REPLY_ACK ? NDP_ACK : NDP_NACK,
		.flags = answer->pull ? NDP_FLAG_PULL : 0,
		.flow = in->flow,
		.sequence = about->sequence,
		.pull = answer->pull,
		.pacer = s->pulls.pacer,
		.path = about->path,
		.paths = about->paths};
	uint32_t path = path_back(in, about->path);

	sockets_send(&s->sockets, path, &in->from[path], &message);
}

static void take(void *context, uint32_t path, const struct sockaddr_in *from, const struct ndp_message *m,
	int64_t now_ns)
{
	struct server *s = context;
	bool data = m->type == NDP_DATA;
	struct incoming *in =
		m->paths == s->sockets.count && m->path == path && (data || m->type == NDP_HEADER)
			? flow_of(s, from, m, now_ns)
			: NULL;

	if (!in) {
		s->strange++;
		return;
	}
	struct ndp_answer answer = ndp_receive(
		&in->receiver, &s->pulls, data, m->sequence, m->flags & NDP_FLAG_LAST, (uint64_t)now_ns);
	if (answer.reply == NDP_REPLY_NONE) {
		s->strange++;
		return;
	}
	s->heard_ns = now_ns;
	in->packets += data;
	in->headers += !data;
	reply(s, in, m, &answer);
	if (answer.fresh) {
		in->bytes += m->length;
		bins_add(&s->bins, now_ns, m->length);
	}
	if (answer.complete) {
		in->end_ns = now_ns;
		s->whole++;
	}
}

static void pull(struct server *s, int64_t now)
{
	struct ndp_pull_flow *next;
	int64_t late = now - (int64_t)ndp_pulls_due(&s->pulls);

	s->latest_pull_ns = late > s->latest_pull_ns ? late : s->latest_pull_ns;
	while ((next = ndp_pulls_take(&s->pulls, (uint64_t)now))) {
		struct incoming *in = (struct incoming *)next;
		uint32_t path = path_back(in, known_path(in, s->sockets.count));
		struct ndp_message message = {.type = NDP_PULL,
			.flags = NDP_FLAG_PULL,
			.flow = in->flow,
			.pull = next->sent,
			.pacer = s->pulls.pacer,
			.path = (uint8_t)path,
			.paths = (uint8_t)s->sockets.count};
		sockets_send(&s->sockets, path, &in->from[path], &message);
	}
}

/* Until when to wait: the next pull; or the end, which comes when enough flows are whole and nothing is sent again. */
static int64_t wake(const struct server *s, int64_t until)
{
	const struct options *o = s->options;
	uint64_t due = ndp_pulls_due(&s->pulls);
	int64_t wake_ns = due < (uint64_t)until ? (int64_t)due : until;

	if (o->flows && s->whole >= o->flows && s->heard_ns + QUIET_RTOS * o->rto_ns < wake_ns)
		wake_ns = s->heard_ns + QUIET_RTOS * o->rto_ns;
	return wake_ns;
}

static bool is_over(const struct server *s, int64_t until, int64_t now)
{
	const struct options *o = s->options;

	return stopped || now >= until ||
	       (o->flows && s->whole >= o->flows && now >= s->heard_ns + QUIET_RTOS * o->rto_ns);
}

static json_t *flow_json(const struct incoming *in, uint32_t paths)
{
	char from[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in->from[known_path(in, paths)].sin_addr, from, sizeof from);
	return json_pack("{s:I, s:s, s:o, s:o, s:I, s:I, s:I}", "flow", (json_int_t)in->flow, "from", from,
		"first", seconds_json(in->first_ns), "end",
		in->end_ns ? seconds_json(in->end_ns) : json_null(), "bytes", (json_int_t)in->bytes,
		"packets", (json_int_t)in->packets, "headers", (json_int_t)in->headers);
}

static json_t *server_json(struct server *s)
{
	json_t *flows = json_array(), *faults = json_object();
	uint64_t bytes = 0;
	int64_t end = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		json_array_append_new(flows, flow_json(s->list[i], s->sockets.count));
		bytes += s->list[i]->bytes;
		end = s->list[i]->end_ns > end ? s->list[i]->end_ns : end;
	}
	for (int i = NDP_GOOD + 1; i < NDP_FAULTS; i++)
		json_object_set_new(faults, ndp_fault_name((enum ndp_fault)i),
			json_integer((json_int_t)s->sockets.faults[i]));
	return json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:f, s:I, s:o, s:I}", "transport", "ndp", "end",
		seconds_json(end), "whole", (json_int_t)s->whole, "bytes", (json_int_t)bytes, "flows", flows,
		"bins", bins_json(&s->bins), "latest_pull_us", (double)s->latest_pull_ns / 1e3, "strange",
		(json_int_t)s->strange, "faults", faults, "unsent", (json_int_t)s->sockets.unsent);
}

int ndp_serve(const struct options *o, char **error)
{
	static struct server server;
	struct server *s = &server;
	uint64_t spacing = (uint64_t)(8e9 * (o->mtu + ETHERNET) / (double)o->rate_bps);

	s->options = o;
	s->bins.width_ns = o->bin_ns;
	s->list = calloc(FLOWS_MOST, sizeof(struct incoming *));
	if (!s->list || sockets_open(&s->sockets, &o->own, o->port, error) < 0 || say_ready(o, error) < 0)
		return -1;
	ndp_pulls_init(&s->pulls, spacing, NDP_PATIENCE);
	int64_t now = clock_now_ns(), until = end_of(o, now);
	while (!is_over(s, until, now)) {
		sockets_wait(&s->sockets, wake(s, until), take, s);
		now = sockets_now(&s->sockets);
		if (ndp_pulls_due(&s->pulls) <= (uint64_t)now)
			pull(s, now);
	}
	int result = print_json(server_json(s));
	sockets_close(&s->sockets);
	for (uint32_t i = 0; i < s->count; i++)
		free(s->list[i]);
	free(s->list);
	return result;
}
