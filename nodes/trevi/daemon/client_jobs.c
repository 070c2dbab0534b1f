/* One tract: asked of its servers, sent or received, settled. */
#include "nodes/trevi/daemon/client_internal.h"

#include "lib/base/clock.h"
#include "nodes/trevi/daemon/tracts.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t new_session(void)
{
	uint64_t number;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		abort(); /* 8 bytes always come */
	return number;
}

static bool over_tcp(const struct job *job)
{
	return job->client->settings->by == BY_TCP || job->client->settings->by == BY_MPTCP;
}

/* ---- beginning ---- */

static void begin_part(struct job *job, unsigned i, uint64_t session)
{
	part_forget_early(&job->parts[i]); /* of an earlier try */
	job->parts[i] = (struct part){.connection = client_connect(job->client, job->row->servers[i]),
		.session = session,
		.asked_ns = clock_now_ns(),
		.state = PART_ASKED};
	job->part_count = i + 1;
	if (job->parts[i].connection->lost)
		part_failed(job, &job->parts[i], "no way to connect");
}

static struct wire_frame frame_of(const struct job *job, enum wire_frame_type type, uint64_t session)
{
	struct wire_frame f = {.type = type,
		.session = session,
		.tract = job->tract,
		.length = job->length,
		.fragment = job->client->settings->fragment,
		.port = datagrams_port(job->client->datagrams)};

	memcpy(f.guid, job->client->settings->guid, WIRE_GUID);
	memcpy(f.hash, job->hash, WIRE_HASH);
	return f;
}

static void begin_put(struct job *job)
{
	struct client *client = job->client;
	uint64_t session = new_session();
	bool group = client->settings->by == BY_TREVI && job->row->group.s_addr;
	struct place to = {address_of_v4(job->row->group), job->row->servers[0].port};
	uint16_t fragment = client->settings->fragment;
	struct sender_tract tract = {
		job->bytes, job->length, fragment, session, 0, sender_code(job->length, fragment)};

	tract_hash(job->bytes, job->length, job->hash);
	if (group && job->length)
		job->sender = sender_new(
			client->datagrams, &tract, to, job->row->servers, job->row->count, clock_now_ns());
	for (unsigned i = 0; i < job->row->count; i++) {
		if (!group)
			tract.session = session = new_session();
		begin_part(job, i, session);
		struct part *part = &job->parts[i];
		struct wire_frame f = frame_of(job, over_tcp(job) ? WIRE_STORE : WIRE_PREPARE, session);
		f.code = (uint8_t)tract.code;
		if (group)
			f.group = job->row->group;
		else if (!over_tcp(job) && job->length)
			part->sender = sender_new(client->datagrams, &tract, job->row->servers[i],
				&job->row->servers[i], 1, clock_now_ns());
		connection_say(part->connection, &f, job->bytes, over_tcp(job) ? job->length : 0);
	}
}

#define AGAIN_NS (50 * NS_PER_MS) /* while no offer has told what one takes */
#define AGAIN_LEAST_NS (5 * NS_PER_MS)

static void say_get(struct job *job, unsigned i)
{
	struct wire_frame f = frame_of(job, over_tcp(job) ? WIRE_FETCH : WIRE_GET, job->parts[i].session);

	f.source = (uint8_t)i;
	f.code = job->alone ? WIRE_SYSTEMATIC : WIRE_LT;
	f.first = (uint16_t)job->parts[i].first;
	f.over_ns = job->parts[i].over_ns;
	connection_say(job->parts[i].connection, &f, NULL, 0);
}

/* An offer that was lost, where the queue overflows with symbols, waits for TCP: 200 ms, and all that comes over the same connection waits
 * with it. What is said behind it shows the loss at once (RFC 8985), so the question is put again: the server says its offer again. */
static int64_t get_again(struct job *job, struct part *part, int64_t now_ns)
{
	if (part->state != PART_ASKED || over_tcp(job) || part->connection->lost)
		return INT64_MAX;
	if (now_ns >= part->again_ns) {
		say_get(job, (unsigned)(part - job->parts));
		part->again = true;
		int64_t pause = now_ns - part->asked_ns;
		part->again_ns = now_ns + (pause > AGAIN_LEAST_NS ? pause : AGAIN_LEAST_NS);
		job->client->count.again++;
	}
	return part->again_ns;
}

/* As many as the window will have, over what is known as a round trip: that saves the one between the offer and the first request. */
static void choose_first(struct part *part)
{
	struct client *client = part->connection->client;
	const struct window *before = &part->connection->window;
	int64_t over = window_base(before) ? window_base(before) : connection_rtt(part->connection);
	uint32_t most = WIRE_COUNT_MAX;

	part->windows = client_servers(client);
	part->first = window_first(before, &client->window, part->windows);
	part->first = part->first < most ? part->first : most;
	part->over_ns = over < UINT32_MAX ? (uint32_t)over : UINT32_MAX;
}

static void begin_get(struct job *job)
{
	unsigned sources = job->row->count < job->client->settings->sources ? job->row->count
									    : job->client->settings->sources;

	job->offered = false;
	if (over_tcp(job))
		sources = 1; /* a connection has one other end */
	job->alone = sources == 1;
	for (unsigned i = 0; i < sources; i++) {
		begin_part(job, i, new_session());
		int64_t answer = job->parts[i].connection->answer_ns;
		int64_t pause = answer == 0                   ? AGAIN_NS
				: 2 * answer > AGAIN_LEAST_NS ? 2 * answer
							      : AGAIN_LEAST_NS;
		job->parts[i].again_ns = job->parts[i].asked_ns + (pause < AGAIN_NS ? pause : AGAIN_NS);
		if (!over_tcp(job))
			choose_first(&job->parts[i]);
		say_get(job, i);
	}
}

void job_begin(struct job *job)
{
	job->active = true;
	job->progress_ns = clock_now_ns();
	if (job->client->settings->put)
		begin_put(job);
	else
		begin_get(job);
}

/* ---- what servers say ---- */

void part_forget_early(struct part *part)
{
	for (struct early *e = part->early, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	part->early = NULL;
}

bool job_early(struct job *job, const struct wire_datagram *d, struct place from, int64_t now_ns)
{
	struct part *part = NULL;

	for (unsigned i = 0; i < job->part_count && !part; i++)
		if (job->parts[i].session == d->session)
			part = &job->parts[i];
	if (!part || part->state != PART_ASKED || d->type != WIRE_BRING || d->label >= part->first ||
		!place_equal(&from, &part->connection->at))
		return false;
	struct early **link = &part->early;
	while (*link && (*link)->label != d->label)
		link = &(*link)->next;
	if (*link) {
		job->client->count.received.duplicates++;
		return true;
	}
	struct early *early = malloc(sizeof *early + d->size);
	if (!early)
		return true; /* as one that was lost */
	*early = (struct early){.came_ns = now_ns, .label = d->label, .size = (uint16_t)d->size};
	memcpy(early->payload, d->payload, d->size);
	/* The offer was sent before it, so it is asked for again at once, once. */
	if (!part->early && !part->again)
		part->again_ns = now_ns;
	*link = early;
	job->client->count.early++;
	return true;
}

/* The session is open. Its first symbols were asked for by the get: those that have come are taken now, as of when they came. */
static void begin_source(struct job *job, struct part *part, const struct wire_frame *f)
{
	int64_t now = clock_now_ns(), rtt = now - part->asked_ns;
	uint32_t fragments = receiver_fragments(job->receiver);
	struct receiver_source *s = receiver_add(job->receiver, part->connection->at, part->session,
		(uint8_t)(part - job->parts), &part->connection->window);

	if (!s) {
		part_forget_early(part);
		return;
	}
	/* What the server took is no part of a round trip. Nor is what TCP took, where a get or an offer was lost: nobody knows then when the server began. */
	rtt = rtt > f->took_ns ? rtt - f->took_ns : 1;
	bool timed = !part->again && rtt <= 2 * (int64_t)part->over_ns;
	if (!timed && part->over_ns && part->over_ns < rtt)
		rtt = part->over_ns;
	window_hint(&s->window, rtt);
	window_share(&s->window, part->windows);
	window_begin(&s->window, part->first < fragments ? part->first : fragments, now - rtt, part->over_ns,
		timed);
	for (struct early *e = part->early; e; e = e->next)
		receiver_take(job->receiver,
			&(struct wire_datagram){.type = WIRE_BRING,
				.session = part->session,
				.label = e->label,
				.payload = e->payload,
				.size = e->size},
			part->connection->at, e->came_ns);
	part_forget_early(part);
}

static bool offered(struct job *job, struct part *part, const struct wire_frame *f)
{
	struct client *client = job->client;

	if (client->settings->put || f->length > client->settings->tract_size ||
		(f->code == WIRE_SYSTEMATIC && !job->alone))
		return false;
	if (!job->offered) {
		job->offered = true;
		job->length = f->length;
		memcpy(job->hash, f->hash, WIRE_HASH);
	} else if (f->length != job->length || memcmp(f->hash, job->hash, WIRE_HASH) != 0) {
		part_failed(job, part, "has another version of the tract");
		return true;
	}
	part->state = PART_RUNNING;
	part->connection->answer_ns = clock_now_ns() - part->asked_ns;
	if (over_tcp(job)) {
		part->connection->raw = job->length ? job : NULL;
		part->connection->raw_got = 0;
		if (!job->length)
			job_fetched(job);
		return true;
	}
	if (!job->length) {
		job_end(job, true);
		return true;
	}
	if (!job->receiver)
		job->receiver = receiver_new(client->datagrams, &client->window, &client->link, f);
	if (!job->receiver) { /* so many fragments have no systematic code */
		part_failed(job, part, "offers what it cannot have");
		return true;
	}
	begin_source(job, part, f);
	client_share(client);
	return true;
}

static void settle_put(struct job *job)
{
	bool good = true;

	for (unsigned i = 0; i < job->part_count; i++) {
		if (job->parts[i].state != PART_DONE && job->parts[i].state != PART_FAILED)
			return;
		good = good && job->parts[i].state == PART_DONE;
	}
	job_end(job, good);
}

static void stored(struct job *job, struct part *part)
{
	part->state = PART_DONE;
	if (job->sender)
		sender_leave(job->sender, (unsigned)(part - job->parts));
	settle_put(job);
}

static const char *reason_of(uint8_t reason)
{
	static const char *const reasons[] = {
		"", "has no such tract", "the bytes were wrong", "has no room", "refuses"};

	return reasons[reason];
}

bool job_frame(struct connection *c, const struct wire_frame *f)
{
	struct client *client = c->client;

	for (uint32_t i = client->done; i < client->job_count; i++)
		for (unsigned k = 0; k < client->jobs[i].part_count; k++) {
			struct job *job = &client->jobs[i];
			struct part *part = &job->parts[k];
			if (part->connection != c || part->session != f->session)
				continue;
			if (!job->active || part->state == PART_DONE || part->state == PART_FAILED)
				return true; /* too late to matter */
			job->progress_ns = clock_now_ns();
			switch (f->type) {
			case WIRE_READY:
				part->state = PART_RUNNING;
				return client->settings->put;
			case WIRE_STORED:
				stored(job, part);
				return client->settings->put;
			case WIRE_OFFER:
				if (part->state == PART_RUNNING)
					return !client->settings->put; /* asked again, answered twice */
				return offered(job, part, f);
			case WIRE_FAILED:
				part_failed(job, part, reason_of(f->reason));
				return true;
			default:
				return false;
			}
		}
	return true; /* of a round that is over */
}

/* ---- while it runs ---- */

void part_failed(struct job *job, struct part *part, const char *why)
{
	part->state = PART_FAILED;
	part->why = why;
	if (job->client->settings->put) {
		if (job->sender)
			sender_leave(job->sender, (unsigned)(part - job->parts));
		if (part->connection->lost || !strcmp(why, "asks for nothing more"))
			connection_say(part->connection,
				&(struct wire_frame){.type = WIRE_STOP, .session = part->session}, NULL, 0);
		return;
	}
	if (job->receiver)
		receiver_drop(job->receiver, part->session);
	client_share(job->client);
}

static bool none_left(const struct job *job)
{
	for (unsigned i = 0; i < job->part_count; i++)
		if (job->parts[i].state != PART_FAILED)
			return false;
	return true;
}

/* Adds up what it was; the windows' room, for the others, is returned. */
static double add_counters(struct job *job)
{
	double room = 0;

	struct client_counters *sum = &job->client->count;
	const struct receiver_counters *c = receiver_counters(job->receiver);

	sum->symbols += c->symbols;
	sum->needed += receiver_fragments(job->receiver);
	sum->received.duplicates += c->duplicates;
	sum->received.late += c->late;
	sum->received.unasked += c->unasked;
	sum->received.foreign += c->foreign;
	sum->received.wrong_size += c->wrong_size;
	for (unsigned i = 0; i < receiver_source_count(job->receiver); i++) {
		const struct receiver_source *s = receiver_source(job->receiver, i);
		sum->asked += s->window.asked;
		sum->lost += s->window.lost;
		job->parts[s->number].symbols += s->symbols;
		job->parts[s->number].connection->window = s->window;
		room += job->alone ? window_left(&s->window) : s->window.size;
	}
	return room;
}

/* The tract is here, or its bytes are wrong: then it is read once more, in new sessions. */
static void end_receiving(struct job *job)
{
	struct client *client = job->client;
	bool good = receiver_state(job->receiver) == RECEIVER_DONE;

	for (unsigned i = 0; i < job->part_count; i++)
		connection_stop(job->parts[i].connection, job->parts[i].session);
	double room = add_counters(job);
	if (good)
		memcpy(job->bytes, receiver_bytes(job->receiver), job->length);
	receiver_free(job->receiver);
	job->receiver = NULL;
	if (good) {
		job_end(job, true);
		client_share(client);
		if (job->alone)
			client_pass(client, room);
		else
			client_lend(client, room);
		return;
	}
	client->count.wrong_hash++;
	if (++job->tries == TRIES)
		job_end(job, false);
	else
		begin_get(job);
}

void job_fetched(struct job *job)
{
	uint8_t hash[WIRE_HASH];

	tract_hash(job->bytes, job->length, hash);
	bool good = memcmp(hash, job->hash, WIRE_HASH) == 0;
	job->client->count.wrong_hash += !good;
	job_end(job, good);
}

static void work_senders(struct job *job, int64_t now_ns, int64_t *next)
{
	if (job->sender) {
		if (sender_work(job->sender, NULL, now_ns))
			*next = now_ns + NS_PER_MS;
		for (int slow; (slow = sender_straggler(
					job->sender, job->client->settings->straggler_ns, now_ns)) >= 0;)
			part_failed(job, &job->parts[slow], "asks for nothing more");
	}
	for (unsigned i = 0; i < job->part_count; i++)
		if (job->parts[i].sender && job->parts[i].state != PART_DONE &&
			sender_work(job->parts[i].sender, NULL, now_ns))
			*next = now_ns + NS_PER_MS;
}

int64_t job_work(struct job *job, int64_t now_ns)
{
	int64_t next = INT64_MAX;

	if (job->client->settings->put) {
		work_senders(job, now_ns, &next);
		settle_put(job);
	} else if (job->receiver) {
		if (receiver_state(job->receiver) != RECEIVER_RECEIVING) {
			end_receiving(job);
			return now_ns;
		}
		uint32_t left = receiver_work(job->receiver, NULL, now_ns);
		if (left)
			client_pass(job->client, left);
		next = receiver_expiry(job->receiver, now_ns);
	}
	if (!job->active)
		return INT64_MAX;
	for (unsigned i = 0; !job->client->settings->put && i < job->part_count; i++) {
		int64_t again = get_again(job, &job->parts[i], now_ns);
		next = again < next ? again : next;
	}
	/* Symbols are progress too. */
	if (none_left(job))
		job_end(job, false);
	else if (now_ns - job->progress_ns > job->client->settings->timeout_ns) {
		for (unsigned i = 0; i < job->part_count; i++)
			if (job->parts[i].state == PART_ASKED || job->parts[i].state == PART_RUNNING)
				part_failed(job, &job->parts[i], "says nothing");
		job_end(job, false);
	}
	return next;
}
