/* A session is one tract on its way: here sent (GET) or received (PREPARE). It belongs to the TCP connection that asked for it and ends with it. What goes over TCP alone (FETCH,
 * STORE) is there to be compared with. The disk's rate, where one is set, is a bucket of bytes that all sessions share. */
#include "nodes/trevi/daemon/serve.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/net/stream.h"
#include "nodes/trevi/daemon/receiver.h"
#include "nodes/trevi/daemon/sender.h"
#include "nodes/trevi/daemon/tracts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSIONS_MAX 1024 /* of all peers: a tract in memory each */
#define MEMORY_MAX (512ull << 20)
#define RETRY_NS (1 * NS_PER_MS)

struct peer;

struct session {
	struct session *next;
	struct peer *peer;
	struct wire_frame frame; /* that began it */
	struct wire_frame offer; /* of one that sends */
	struct place client;
	struct sender *sender;
	struct receiver *receiver;
	uint8_t *bytes;
	uint64_t memory;
	bool joined;
};

struct peer {
	struct serve *serve;
	struct stream stream;
	struct peer *next, **link;
	struct in_addr address;
	struct window window; /* as the last tract that it wrote left it */
	/* STORE: what comes over this connection, after its frame. */
	struct wire_frame store;
	uint8_t *storing;
	uint32_t stored;
};

struct serve {
	const struct settings *settings;
	sd_event *loop;
	sd_event_source *accepting, *timer;
	int listener, folder;
	struct datagrams *datagrams;
	struct peer *peers;
	struct session *sessions;
	unsigned session_count;
	uint64_t memory;
	double tokens; /* bytes that the disk may move now */
	int64_t filled_ns;
	uint64_t gets, puts, stored, wrong, damaged, refused, malformed, strange, fetched;
	struct receiver_counters received; /* of sessions that have ended */
	uint64_t sent_symbols;
};

static void work(struct serve *s);

/* ---- sessions ---- */

static struct session *find_session(struct serve *s, uint64_t number)
{
	for (struct session *x = s->sessions; x; x = x->next)
		if (x->frame.session == number)
			return x;
	return NULL;
}

static void end_session(struct serve *s, struct session *session)
{
	struct session **link = &s->sessions;

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	if (session->receiver) {
		const struct receiver_counters *c = receiver_counters(session->receiver);
		if (receiver_source_count(session->receiver))
			session->peer->window = receiver_source(session->receiver, 0)->window;
		s->received.symbols += c->symbols;
		s->received.duplicates += c->duplicates;
		s->received.late += c->late;
		s->received.unasked += c->unasked;
		s->received.foreign += c->foreign;
		s->received.wrong_size += c->wrong_size;
		s->received.after_end += c->after_end;
	}
	if (session->sender)
		s->sent_symbols += sender_symbols(session->sender);
	if (session->joined)
		datagrams_leave(s->datagrams, session->frame.group);
	s->memory -= session->memory;
	s->session_count--;
	receiver_free(session->receiver);
	sender_free(session->sender);
	free(session->bytes);
	free(session);
}

static void say(struct peer *peer, const struct wire_frame *frame)
{
	uint8_t bytes[WIRE_FRAME_MAX];

	stream_send(&peer->stream, bytes, wire_write_frame(frame, bytes), NULL, 0);
}

static void refuse(struct peer *peer, uint64_t session, enum wire_reason reason)
{
	peer->serve->refused += reason != WIRE_ABSENT;
	say(peer, &(struct wire_frame){.type = WIRE_FAILED, .session = session, .reason = (uint8_t)reason});
}

/* NULL: refused, and said so. */
static struct session *begin_session(struct peer *peer, const struct wire_frame *f, uint64_t memory)
{
	struct serve *s = peer->serve;
	struct session *session = NULL;

	if (find_session(s, f->session)) {
		refuse(peer, f->session, WIRE_REFUSED);
		return NULL;
	}
	if (s->session_count < SESSIONS_MAX && s->memory + memory <= MEMORY_MAX)
		session = calloc(1, sizeof *session);
	if (!session) {
		refuse(peer, f->session, WIRE_NO_ROOM);
		return NULL;
	}
	*session = (struct session){.next = s->sessions,
		.peer = peer,
		.frame = *f,
		.client = {address_of_v4(peer->address), f->port},
		.memory = memory};
	s->sessions = session;
	s->session_count++;
	s->memory += memory;
	return session;
}

/* The tract, or NULL: the client was told why there is none. */
static uint8_t *read_tract(
	struct peer *peer, const struct wire_frame *f, uint32_t *length, uint8_t hash[WIRE_HASH])
{
	bool damaged;
	uint8_t *bytes = tract_read(peer->serve->folder, f->guid, f->tract, length, hash, &damaged);

	if (damaged) {
		peer->serve->damaged++;
		log_error("tract-damaged", "tract=%u remedy=\"write it again\"", f->tract);
	}
	if (!bytes)
		refuse(peer, f->session, damaged ? WIRE_WRONG_HASH : WIRE_ABSENT);
	return bytes;
}

#define FRAGMENT 1400 /* of reads: what an MTU of 1,500 bears, with 84 bytes to spare for tunnels */

/* The same question, put again. */
static bool is_same(const struct session *session, const struct peer *peer, const struct wire_frame *f)
{
	const struct wire_frame *began = &session->frame;

	return session->peer == peer && began->type == WIRE_GET && began->tract == f->tract &&
	       began->port == f->port && began->source == f->source &&
	       memcmp(began->guid, f->guid, WIRE_GUID) == 0;
}

/* The offer goes first, the symbols that the client wants at once follow it. They go to the address that the connection came from: whoever asks is
 * there, and nobody else is sent anything. A question that is put again begins nothing again. */
static void get(struct peer *peer, const struct wire_frame *f)
{
	struct serve *s = peer->serve;
	struct wire_frame offer = {.type = WIRE_OFFER, .session = f->session, .fragment = FRAGMENT};
	const struct session *before = find_session(s, f->session);

	if (before && is_same(before, peer, f)) { /* the client has not heard our offer yet */
		say(peer, &before->offer);
		return;
	}
	int64_t asked_ns = clock_now_ns();
	uint8_t *bytes = read_tract(peer, f, &offer.length, offer.hash);

	if (!bytes)
		return;
	struct session *session = begin_session(peer, f, offer.length);
	if (!session) {
		free(bytes);
		return;
	}
	session->bytes = bytes;
	offer.code = f->code == WIRE_SYSTEMATIC ? (uint8_t)sender_code(offer.length, FRAGMENT) : WIRE_LT;
	int64_t now = clock_now_ns(), took = now - asked_ns;
	offer.took_ns = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	session->offer = offer;
	if (offer.length > 0) {
		const struct sender_tract tract = {
			bytes, offer.length, FRAGMENT, f->session, f->source, (enum wire_code)offer.code};
		session->sender = sender_new(s->datagrams, &tract, session->client, &session->client, 1, now);
		if (session->sender)
			sender_begin(session->sender, f->first, f->over_ns, now);
	}
	s->gets++;
	say(peer, &offer);
}

static void fetch(struct peer *peer, const struct wire_frame *f)
{
	struct wire_frame offer = {.type = WIRE_OFFER, .session = f->session, .fragment = FRAGMENT};
	uint8_t *bytes = read_tract(peer, f, &offer.length, offer.hash), head[WIRE_FRAME_MAX];

	if (!bytes)
		return;
	peer->serve->fetched++;
	if (!stream_send(&peer->stream, head, wire_write_frame(&offer, head), bytes, offer.length))
		shutdown(peer->stream.fd, SHUT_RDWR);
	free(bytes);
}

static void store(struct peer *peer, const struct wire_frame *f, const uint8_t *bytes)
{
	struct serve *s = peer->serve;
	uint8_t hash[WIRE_HASH];

	tract_hash(bytes, f->length, hash);
	if (memcmp(hash, f->hash, WIRE_HASH) != 0) {
		s->wrong++;
		refuse(peer, f->session, WIRE_WRONG_HASH);
	} else if (!tract_write(s->folder, f->guid, f->tract, bytes, f->length, hash)) {
		log_error("tract-unwritten", "reason=\"%s\"", strerror(errno));
		refuse(peer, f->session, WIRE_NO_ROOM);
	} else {
		s->stored++;
		say(peer, &(struct wire_frame){.type = WIRE_STORED, .session = f->session});
	}
}

static void prepare(struct peer *peer, const struct wire_frame *f)
{
	struct serve *s = peer->serve;

	s->puts++;
	if (f->code == WIRE_SYSTEMATIC && sender_code(f->length, f->fragment) != WIRE_SYSTEMATIC) {
		refuse(peer, f->session, WIRE_REFUSED);
		return;
	}
	if (f->length == 0) { /* a tract without bytes has no symbols */
		say(peer, &(struct wire_frame){.type = WIRE_READY, .session = f->session});
		store(peer, f, (const uint8_t *)"");
		return;
	}
	/* The bytes, and symbols of which pages are written as they come. */
	struct session *session = begin_session(peer, f, 3ull * f->length);
	if (!session)
		return;
	session->receiver = receiver_new(s->datagrams, &s->settings->window, NULL, f);
	if (f->group.s_addr)
		session->joined = datagrams_join(s->datagrams, f->group);
	if (!session->receiver || (f->group.s_addr && !session->joined)) {
		end_session(s, session);
		refuse(peer, f->session, WIRE_NO_ROOM);
		return;
	}
	receiver_add(session->receiver, session->client, f->session, 0, &peer->window);
	say(peer, &(struct wire_frame){.type = WIRE_READY, .session = f->session});
}

static void stop(struct peer *peer, const struct wire_frame *f)
{
	struct session *session = find_session(peer->serve, f->session);

	if (session && session->peer == peer)
		end_session(peer->serve, session);
}

/* ---- peers ---- */

static ssize_t take_stored(struct peer *peer, const uint8_t *bytes, size_t size)
{
	uint32_t missing = peer->store.length - peer->stored,
		 taken = size < missing ? (uint32_t)size : missing;

	memcpy(peer->storing + peer->stored, bytes, taken);
	peer->stored += taken;
	if (peer->stored == peer->store.length) {
		store(peer, &peer->store, peer->storing);
		free(peer->storing);
		peer->storing = NULL;
	}
	return taken;
}

static ssize_t take_frame(void *owner, const uint8_t *bytes, size_t size)
{
	struct peer *peer = owner;
	struct wire_frame f;

	if (peer->storing)
		return take_stored(peer, bytes, size);
	ssize_t length = wire_read_frame(bytes, size, &f);
	if (length <= 0) {
		peer->serve->malformed += length < 0;
		return length;
	}
	switch (f.type) {
	case WIRE_GET:
		get(peer, &f);
		break;
	case WIRE_FETCH:
		fetch(peer, &f);
		break;
	case WIRE_PREPARE:
		prepare(peer, &f);
		break;
	case WIRE_STOP:
		stop(peer, &f);
		break;
	case WIRE_STORE:
		peer->store = f;
		peer->stored = 0;
		if (f.length == 0)
			store(peer, &f, (const uint8_t *)"");
		else if (!(peer->storing = malloc(f.length)))
			return -1;
		break;
	case WIRE_READY:
	case WIRE_OFFER:
	case WIRE_STORED:
	case WIRE_FAILED:
	case WIRE_FRAME_TYPES:
		peer->serve->malformed++; /* what servers say */
		return -1;
	}
	work(peer->serve);
	return length;
}

static void free_peer(struct peer *peer)
{
	struct serve *s = peer->serve;

	for (struct session *x = s->sessions, *next; x; x = next) {
		next = x->next;
		if (x->peer == peer)
			end_session(s, x);
	}
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
	free(peer->storing);
	free(peer);
}

static void peer_closed(void *owner)
{
	free_peer(owner);
}

static int accept_peer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct serve *s = context;
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	int peer_fd = accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

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
	peer->address = from.sin_addr;
	peer->stream = (struct stream){.fd = -1,
		.owner = peer,
		.take = take_frame,
		.closed = peer_closed,
		.out_max = WIRE_TRACT_MAX + (4u << 20)};
	if (stream_open(&peer->stream, s->loop, peer_fd, false) < 0) {
		free(peer);
		return 0;
	}
	peer->next = s->peers;
	peer->link = &s->peers;
	if (s->peers)
		s->peers->link = &peer->next;
	s->peers = peer;
	return 0;
}

/* ---- symbols ---- */

static void take_datagram(void *context, const struct wire_datagram *d, struct place from)
{
	struct serve *s = context;
	struct session *session = find_session(s, d->session);
	int64_t now = clock_now_ns();

	if (!session || (session->receiver ? !receiver_take(session->receiver, d, from, now)
					   : !session->sender || !sender_ask(session->sender, d, from, now)))
		s->strange++;
}

static void conclude(struct serve *s, struct session *session)
{
	struct wire_frame *f = &session->frame;
	struct peer *peer = session->peer;
	struct wire_frame answer = {.type = WIRE_STORED, .session = f->session};

	if (receiver_state(session->receiver) == RECEIVER_WRONG) {
		s->wrong++;
		answer = (struct wire_frame){
			.type = WIRE_FAILED, .session = f->session, .reason = WIRE_WRONG_HASH};
	} else if (!tract_write(s->folder, f->guid, f->tract, receiver_bytes(session->receiver), f->length,
			   f->hash)) {
		log_error("tract-unwritten", "reason=\"%s\"", strerror(errno));
		answer = (struct wire_frame){
			.type = WIRE_FAILED, .session = f->session, .reason = WIRE_NO_ROOM};
	} else
		s->stored++;
	end_session(s, session);
	say(peer, &answer);
}

static void fill_bucket(struct serve *s, int64_t now_ns)
{
	double most = (double)s->settings->disk / 20; /* 50 ms of the disk */

	s->tokens += (double)s->settings->disk * (double)(now_ns - s->filled_ns) / (double)NS_PER_S;
	if (s->tokens > most)
		s->tokens = most;
	s->filled_ns = now_ns;
}

/* The budget of a session in symbols, and back. */
static bool work_session(struct serve *s, struct session *session, int64_t now_ns)
{
	uint16_t fragment = session->receiver ? session->frame.fragment : FRAGMENT;
	double budget = s->tokens / fragment, *limit = s->settings->disk ? &budget : NULL;
	bool more = false;

	if (session->receiver)
		receiver_work(session->receiver, limit, now_ns);
	else if (session->sender)
		more = sender_work(session->sender, limit, now_ns);
	if (limit)
		s->tokens = budget * fragment;
	return more || (limit && budget < 1);
}

static void work(struct serve *s)
{
	int64_t now = clock_now_ns(), next = INT64_MAX;

	if (s->settings->disk)
		fill_bucket(s, now);
	for (struct session *x = s->sessions, *following; x; x = following) {
		following = x->next;
		if (x->receiver && receiver_state(x->receiver) != RECEIVER_RECEIVING) {
			conclude(s, x);
			continue;
		}
		if (work_session(s, x, now))
			next = now + RETRY_NS < next ? now + RETRY_NS : next;
		int64_t when = x->receiver ? receiver_expiry(x->receiver, now)
			       : x->sender ? sender_expiry(x->sender)
					   : INT64_MAX;
		next = when < next ? when : next;
	}
	if (next == INT64_MAX) {
		sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(s->timer, (uint64_t)(next / NS_PER_US + 1));
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static void after_batch(void *context)
{
	work(context);
}

static int on_timer(sd_event_source *source, uint64_t time, void *context)
{
	(void)source;
	(void)time;
	work(context);
	return 0;
}

/* ---- beginning and end ---- */

static int listen_at(struct serve *s, char **error)
{
	struct place at = s->settings->listen;
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr = address_v4(&at.address), .sin_port = htons(at.port)};
	int on = 1;

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_MPTCP);
	if (s->listener < 0)
		s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		bind(s->listener, (struct sockaddr *)&name, sizeof name) < 0 ||
		listen(s->listener, 1024) < 0 ||
		sd_event_add_io(s->loop, &s->accepting, s->listener, EPOLLIN, accept_peer, s) < 0)
		return error_set(error, "TCP port %u: %s", at.port, strerror(errno));
	return 0;
}

struct serve *serve_start(sd_event *loop, const struct settings *settings, char **error)
{
	struct serve *s = calloc(1, sizeof *s);

	if (!s)
		return error_set(error, "no memory"), NULL;
	s->settings = settings;
	s->loop = loop;
	s->listener = -1;
	s->filled_ns = clock_now_ns();
	s->folder = open(settings->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder < 0)
		error_set(error, "store %s: %s; name a folder", settings->store, strerror(errno));
	else if (listen_at(s, error) == 0 &&
		 (s->datagrams = datagrams_open(
			  loop, settings->listen, 1, take_datagram, after_batch, s, error)) &&
		 sd_event_add_time(loop, &s->timer, CLOCK_MONOTONIC, 0, 1, on_timer, s) >= 0 &&
		 sd_event_source_set_enabled(s->timer, SD_EVENT_OFF) >= 0)
		return s;
	serve_stop(s);
	return NULL;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->accepting);
	sd_event_source_disable_unref(s->timer);
	while (s->peers) {
		stream_close(&s->peers->stream);
		free_peer(s->peers);
	}
	datagrams_close(s->datagrams);
	if (s->listener >= 0)
		close(s->listener);
	if (s->folder >= 0)
		close(s->folder);
	free(s);
}

/* ---- control ---- */

static void show(void *context, struct control_request *request, int count, char **words)
{
	const struct serve *s = context;

	(void)count;
	(void)words;
	json_t *answer = json_pack("{si sI sI sI sI sI sI sI sI}", "sessions", (int)s->session_count, "gets",
		(json_int_t)s->gets, "puts", (json_int_t)s->puts, "stored", (json_int_t)s->stored,
		"wrong_hash", (json_int_t)s->wrong, "damaged", (json_int_t)s->damaged, "refused",
		(json_int_t)s->refused, "fetched", (json_int_t)s->fetched, "sent_symbols",
		(json_int_t)s->sent_symbols);
	json_t *more = json_pack("{sI sI sI sI sI sI sI sI sI}", "malformed",
		(json_int_t)(s->malformed + datagrams_malformed(s->datagrams)), "strange",
		(json_int_t)s->strange, "symbols", (json_int_t)s->received.symbols, "duplicates",
		(json_int_t)s->received.duplicates, "late", (json_int_t)s->received.late, "unasked",
		(json_int_t)s->received.unasked, "foreign", (json_int_t)s->received.foreign, "wrong_size",
		(json_int_t)s->received.wrong_size, "after_end", (json_int_t)s->received.after_end);
	json_object_update(answer, more);
	json_decref(more);
	control_answer(request, answer);
}

const struct control_command serve_commands[] = {
	{"show", "", "counters", 0, 0, show},
	{0},
};
