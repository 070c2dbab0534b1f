/* Requests wait in one queue, in order; `concurrency` services at once. A service is a look-up in the store and, unless the look-up is all, a wait
 * of the time that was drawn: so many stores on few processors are slow without being busy. */
#include "nodes/replica/daemon/serve.h"

#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/net/stream.h"
#include "nodes/replica/daemon/store.h"
#include "nodes/replica/wire.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 100000

struct peer {
	struct serve *serve;
	struct stream stream;
	struct peer *next, **link;
	unsigned jobs; /* of its requests: it is freed with the last */
};

struct job {
	struct peer *peer;
	struct job *next;
	uint64_t id, key;
	enum wire_op op;
	uint32_t size;
	uint8_t value[];
};

struct slot {
	struct serve *serve;
	sd_event_source *timer;
	struct job *job; /* NULL: idle */
	int64_t began_ns;
};

struct serve {
	const struct serve_settings *settings;
	sd_event *loop;
	struct store *store;
	int listener;
	sd_event_source *accepting, *fluctuating;
	struct peer *peers;
	struct job *first, **last;
	uint32_t queued, busy;
	struct slot *slots;
	double mean_size, times; /* times: how many times faster than slow */
	double slow;             /* by the control socket: times slower */
	uint64_t draws;
	uint64_t reads, updates, absent, refused, malformed, connections, failed_writes;
	uint8_t record[RECORD_MAX];
};

/* ---- services ---- */

static void peer_unlink(struct peer *peer)
{
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
}

static void let_go(struct peer *peer)
{
	if (--peer->jobs == 0 && peer->stream.fd < 0)
		free(peer);
}

static int64_t draw_service(struct serve *s, uint32_t size)
{
	double mean = (double)s->settings->service_ns / s->times * s->slow;

	if (s->settings->by_size)
		mean *= size / s->mean_size;
	if (s->settings->service == SERVICE_EXPONENTIAL)
		mean *= -log1p(-draw_uniform(&s->draws));
	return (int64_t)mean;
}

static void send_answer(
	struct serve *s, const struct job *job, enum wire_status status, int64_t service_ns, uint32_t size)
{
	uint8_t head[WIRE_ANSWER_HEAD];
	struct wire_answer answer = {
		job->id, status, s->queued, (uint32_t)(service_ns / NS_PER_US), NULL, size};
	struct stream *stream = &job->peer->stream;

	if (stream->fd < 0)
		return; /* who asked has gone */
	wire_write_answer(&answer, head);
	if (!stream_send(stream, head, sizeof head, s->record, size)) {
		s->refused++;
		shutdown(stream->fd,
			SHUT_RDWR); /* the loop sees it and closes: a caller may be reading from it now */
	}
}

/* The record is read as the service ends, so that nothing is kept meanwhile. */
static void complete(struct serve *s, struct job *job, int64_t began_ns)
{
	enum wire_status status = WIRE_OK;
	int size = 0;

	if (job->op == WIRE_READ) {
		size = store_read(s->store, job->key, s->record, sizeof s->record);
		s->reads++;
		if (size < 0) {
			s->absent++;
			status = WIRE_ABSENT;
			size = 0;
		}
	} else if (store_write(s->store, job->key, job->value, job->size))
		s->updates++;
	else {
		s->failed_writes++;
		status = WIRE_BUSY;
	}
	send_answer(s, job, status, clock_now_ns() - began_ns, (uint32_t)size);
	let_go(job->peer);
	free(job);
}

static struct job *take_job(struct serve *s)
{
	struct job *job = s->first;

	s->first = job->next;
	if (!s->first)
		s->last = &s->first;
	s->queued--;
	return job;
}

static void begin(struct slot *slot, struct job *job)
{
	struct serve *s = slot->serve;
	uint32_t size = job->op == WIRE_UPDATE ? job->size : record_size(&s->settings->record, job->key);

	slot->job = job;
	slot->began_ns = clock_now_ns();
	s->busy++;
	uint64_t until = (uint64_t)((slot->began_ns + draw_service(s, size)) / NS_PER_US);
	sd_event_source_set_time(slot->timer, until);
	sd_event_source_set_enabled(slot->timer, SD_EVENT_ONESHOT);
}

/* Feedback is taken when the service has ended, before the next leaves the queue (D1.4, 3.7.6). */
static int end(sd_event_source *source, uint64_t time, void *context)
{
	struct slot *slot = context;
	struct serve *s = slot->serve;
	struct job *job = slot->job;

	(void)source;
	(void)time;
	slot->job = NULL;
	s->busy--;
	complete(s, job, slot->began_ns);
	if (s->queued)
		begin(slot, take_job(s));
	return 0;
}

/* With SERVICE_LMDB the look-up is the service; nothing waits. */
static void start_or_queue(struct serve *s, struct job *job)
{
	if (s->settings->service == SERVICE_LMDB) {
		complete(s, job, clock_now_ns());
		return;
	}
	for (unsigned i = 0; s->busy < s->settings->concurrency && i < s->settings->concurrency; i++)
		if (!s->slots[i].job) {
			begin(&s->slots[i], job);
			return;
		}
	job->next = NULL;
	*s->last = job;
	s->last = &job->next;
	s->queued++;
}

/* ---- peers ---- */

static ssize_t take(void *owner, const uint8_t *bytes, size_t size)
{
	struct peer *peer = owner;
	struct serve *s = peer->serve;
	struct wire_request request;
	const char *why;
	ssize_t length = wire_read_request(bytes, size, &request, &why);

	if (length < 0 || (length > 0 && request.op == WIRE_UPDATE &&
				  (request.size == 0 || request.size > RECORD_MAX))) {
		s->malformed++;
		log_warning("connection-closed", "reason=%s", length < 0 ? why : "update-without-a-record");
		return -1;
	}
	if (length == 0)
		return 0;
	struct job *job = s->queued < QUEUE_MAX ? malloc(sizeof *job + request.size) : NULL;
	if (!job) {
		s->refused++;
		return -1;
	}
	*job = (struct job){
		.peer = peer, .id = request.id, .key = request.key, .op = request.op, .size = request.size};
	memcpy(job->value, request.value, request.size);
	peer->jobs++;
	start_or_queue(s, job);
	return length;
}

static void peer_closed(void *owner)
{
	struct peer *peer = owner;

	peer_unlink(peer);
	if (peer->jobs == 0)
		free(peer);
}

static int accept_peer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct serve *s = context;
	int peer_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)source;
	(void)events;
	if (peer_fd < 0)
		return 0;
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer) {
		close(peer_fd);
		return 0;
	}
	peer->serve = s;
	peer->stream.owner = peer;
	peer->stream.take = take;
	peer->stream.closed = peer_closed;
	if (stream_open(&peer->stream, s->loop, peer_fd, false) < 0) {
		free(peer);
		return 0;
	}
	s->connections++;
	peer->next = s->peers;
	peer->link = &s->peers;
	if (s->peers)
		s->peers->link = &peer->next;
	s->peers = peer;
	return 0;
}

/* ---- speed ---- */

static int fluctuate(sd_event_source *source, uint64_t time, void *context)
{
	struct serve *s = context;

	s->times = draw_next(&s->draws) >> 63 ? 1 : s->settings->ratio;
	/* On the clock's own beat: no drift. */
	sd_event_source_set_time(source, time + (uint64_t)(s->settings->fluctuation_ns / NS_PER_US));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- beginning and end ---- */

static int listen_at(struct serve *s, char **error)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_addr = address_v4(&s->settings->listen.address),
		.sin_port = htons(s->settings->listen.port)};
	int on = 1;

	/* Multipath TCP where the kernel has it: what a client that speaks it gets; others get TCP. */
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (s->listener < 0)
		s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		bind(s->listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(s->listener, 1024) < 0)
		return error_set(error, "listen: port %u: %s", s->settings->listen.port, strerror(errno));
	return sd_event_add_io(s->loop, &s->accepting, s->listener, EPOLLIN, accept_peer, s);
}

static int make_slots(struct serve *s)
{
	s->slots = calloc(s->settings->concurrency, sizeof *s->slots);
	for (unsigned i = 0; s->slots && i < s->settings->concurrency; i++) {
		s->slots[i].serve = s;
		if (sd_event_add_time(s->loop, &s->slots[i].timer, CLOCK_MONOTONIC, 0, 1, end, &s->slots[i]) <
				0 ||
			sd_event_source_set_enabled(s->slots[i].timer, SD_EVENT_OFF) < 0)
			return -1;
	}
	return s->slots ? 0 : -1;
}

struct serve *serve_start(sd_event *loop, const struct serve_settings *settings, char **error)
{
	struct serve *s = calloc(1, sizeof *s);

	if (!s)
		return error_set(error, "no memory"), NULL;
	s->settings = settings;
	s->loop = loop;
	s->listener = -1;
	s->last = &s->first;
	s->times = s->slow = 1;
	s->draws = settings->seed;
	s->mean_size = record_mean(&settings->record);
	s->store = store_open(settings->store, settings->records, &settings->record, error);
	if (!s->store || listen_at(s, error) < 0) {
		serve_stop(s);
		return NULL;
	}
	if (make_slots(s) < 0 ||
		(settings->fluctuation_ns > 0 &&
			sd_event_add_time(loop, &s->fluctuating, CLOCK_MONOTONIC,
				(uint64_t)(clock_now_ns() / NS_PER_US), 1, fluctuate, s) < 0)) {
		error_set(error, "event loop: %s", strerror(errno));
		serve_stop(s);
		return NULL;
	}
	return s;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->accepting);
	sd_event_source_disable_unref(s->fluctuating);
	for (unsigned i = 0; s->slots && i < s->settings->concurrency; i++) {
		sd_event_source_disable_unref(s->slots[i].timer);
		if (s->slots[i].job) {
			let_go(s->slots[i].job->peer);
			free(s->slots[i].job);
		}
	}
	while (s->queued) {
		struct job *job = take_job(s);
		let_go(job->peer);
		free(job);
	}
	while (s->peers) {
		struct peer *peer = s->peers;
		peer_unlink(peer);
		stream_close(&peer->stream);
		free(peer);
	}
	if (s->listener >= 0)
		close(s->listener);
	store_close(s->store);
	free(s->slots);
	free(s);
}

/* ---- control ---- */

static void show(void *context, struct control_request *request, int count, char **words)
{
	const struct serve *s = context;

	(void)count;
	(void)words;
	control_answer(request,
		json_pack("{si si sI sI sI sI sI sI sI sf}", "queued", (int)s->queued, "busy", (int)s->busy,
			"reads", (json_int_t)s->reads, "updates", (json_int_t)s->updates, "absent",
			(json_int_t)s->absent, "refused", (json_int_t)s->refused, "malformed",
			(json_int_t)s->malformed, "failed_writes", (json_int_t)s->failed_writes,
			"connections", (json_int_t)s->connections, "slow", s->slow));
}

static void set_slow(void *context, struct control_request *request, int count, char **words)
{
	struct serve *s = context;
	double times;

	(void)count;
	if (unit_number(words[0], &times) < 0 || times < 1e-3 || times > 1e3) {
		control_refuse(request, "slow %s: how many times slower, 0.001 to 1000", words[0]);
		return;
	}
	s->slow = times;
	control_answer(request, json_pack("{sf}", "slow", times));
}

const struct control_command serve_commands[] = {
	{"show", "", "counters", 0, 0, show},
	{"slow", "TIMES", "services take so many times longer from now on", 1, 1, set_slow},
	{0},
};
