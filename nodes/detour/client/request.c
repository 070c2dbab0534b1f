/* Questions to NAT detours, and the mappings they brought: one list, an entry a (detour, own address, destination); and a list of
 * channels, an entry a (detour, own address), with the cookie that proves it. */
#include "nodes/detour/client/request.h"

#include <stdlib.h>

#define FIRST_REPEAT_NS 200000000LL
/* How long a question without an answer is remembered, so that a late answer is known for one. */
#define MEMORY_NS 60000000000LL
#define SENT_REMEMBERED 8 /* numbers of a question's last datagrams */
#define PROOFS_MOST 3     /* of one question: a detour that is never content is like a silent one */

struct question {
	struct request_subject subject;
	bool pending, mapped;
	uint16_t port;
	int64_t since;         /* of the mapping */
	int64_t repeat, pause; /* pending: when to send again, and the pause after that */
	int64_t end;           /* pending: the deadline; mapped: the renewal; else: when to forget */
	uint64_t sent[SENT_REMEMBERED];
	unsigned sent_count, proofs;
	struct question *next;
};

struct channel {
	unsigned detour;
	struct address local;
	uint8_t cookie[MESSAGE_COOKIE_SIZE], key[MESSAGE_KEY_SIZE];
	/* The last train: the number of its last datagram, which is the one that is answered; 0: none is out. */
	uint64_t train;
	unsigned train_count, train_size;
	struct channel *next;
};

struct detour {
	bool there;
	struct request_detour is;
	struct seal_keys keys;
	uint64_t sequence;
	const char *refusal;
	struct request_counters counters;
};

struct requests {
	const struct identity *own;
	uint64_t session;
	struct detour *detours;
	unsigned count;
	struct request_handlers handlers;
	struct question *questions;
	struct channel *channels;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct requests *requests_new(
	unsigned count, const struct identity *own, uint64_t session, const struct request_handlers *handlers)
{
	struct requests *requests = must(calloc(1, sizeof *requests));

	requests->detours = must(calloc(count + 1, sizeof *requests->detours));
	for (unsigned i = 0; i < count; i++)
		requests->detours[i].refusal = "";
	requests->own = own;
	requests->session = session;
	requests->count = count;
	requests->handlers = *handlers;
	return requests;
}

static void forget_detour(struct requests *requests, unsigned detour)
{
	for (struct question **at = &requests->questions, *q; (q = *at);) {
		if (q->subject.detour != detour) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		free(q);
	}
	for (struct channel **at = &requests->channels, *c; (c = *at);) {
		if (c->detour != detour) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	for (unsigned i = 0; i < requests->count; i++)
		forget_detour(requests, i);
	free(requests->detours);
	free(requests);
}

bool requests_set_detour(struct requests *requests, unsigned index, const struct request_detour *detour)
{
	struct detour *d = &requests->detours[index];

	forget_detour(requests, index);
	*d = (struct detour){.refusal = ""};
	if (!detour)
		return true;
	d->is = *detour;
	d->there = !detour->sealed ||
		   (requests->own && seal_keys_of_member(requests->own, detour->key, &d->keys));
	return d->there;
}

/* ---- what is known ---- */

static bool same_subject(const struct request_subject *a, const struct request_subject *b)
{
	return a->detour == b->detour && place_equal(&a->remote, &b->remote) &&
	       address_equal(&a->local, &b->local);
}

static struct question *find_question(const struct requests *requests, const struct request_subject *subject)
{
	struct question *question = requests->questions;

	while (question && !same_subject(&question->subject, subject))
		question = question->next;
	return question;
}

static struct channel *find_channel(
	const struct requests *requests, unsigned detour, const struct address *local)
{
	struct channel *channel = requests->channels;

	while (channel && !(channel->detour == detour && address_equal(&channel->local, local)))
		channel = channel->next;
	return channel;
}

static struct channel *get_channel(struct requests *requests, unsigned detour, const struct address *local)
{
	struct channel *channel = find_channel(requests, detour, local);

	if (channel)
		return channel;
	channel = must(calloc(1, sizeof *channel));
	channel->detour = detour;
	channel->local = *local;
	channel->next = requests->channels;
	requests->channels = channel;
	return channel;
}

/* ---- sending ---- */

/* The port that is proposed is the destination's own, or the one in use: so a detour that restarted gives the same one again
 * if it can (thesis, section 4.1.2). */
static uint16_t proposed(const struct question *question)
{
	return question->mapped ? question->port : question->subject.remote.port;
}

static void transmit_version1(struct requests *requests, const struct question *question)
{
	const struct request_subject *subject = &question->subject;
	struct detour_message message = {.operation = DETOUR_WIRE_REQUEST,
		.remote = address_v4(&subject->remote.address),
		.remote_port = subject->remote.port,
		.detour_port = proposed(question)};
	uint8_t bytes[DETOUR_WIRE_SIZE];

	if (!address_is_v4(&subject->remote.address))
		return;
	detour_wire_encode(&message, bytes);
	requests->handlers.send(
		requests->handlers.context, subject->detour, &subject->local, bytes, sizeof bytes);
}

static void transmit_version2(
	struct requests *requests, struct question *question, enum message_operation operation)
{
	const struct request_subject *subject = &question->subject;
	struct detour *detour = &requests->detours[subject->detour];
	struct channel *channel = get_channel(requests, subject->detour, &subject->local);
	struct message_question message = {.operation = operation,
		.newest = MESSAGE_VERSION,
		.flags = operation == MESSAGE_MAP && detour->is.option ? MESSAGE_OPTION : 0,
		.session = requests->session,
		.sequence = ++detour->sequence,
		.remote = subject->remote,
		.proposed = proposed(question)};
	uint8_t content[MESSAGE_SIZE], bytes[SEAL_SIZE];

	memcpy(message.cookie, channel->cookie, sizeof message.cookie);
	question->sent[question->sent_count++ % SENT_REMEMBERED] = message.sequence;
	message_write_question(&message, content);
	seal(SEAL_QUESTION, member_id(requests->own->public), detour->keys.ask, content, bytes);
	requests->handlers.send(
		requests->handlers.context, subject->detour, &subject->local, bytes, sizeof bytes);
}

static void transmit(struct requests *requests, struct question *question)
{
	if (requests->detours[question->subject.detour].is.sealed)
		transmit_version2(requests, question, MESSAGE_MAP);
	else
		transmit_version1(requests, question);
}

static void repeat(struct requests *requests, int64_t now, struct question *question)
{
	transmit(requests, question);
	question->repeat = now + question->pause;
	question->pause *= 2;
}

static void begin(struct requests *requests, int64_t now, struct question *question)
{
	struct detour *detour = &requests->detours[question->subject.detour];

	question->pending = true;
	question->pause = FIRST_REPEAT_NS;
	question->end = now + detour->is.deadline_ns;
	question->proofs = question->sent_count = 0;
	memset(question->sent, 0, sizeof question->sent);
	detour->counters.sent++;
	repeat(requests, now, question);
}

static void tell(const struct requests *requests, int64_t now, const struct question *question)
{
	requests->handlers.mapped(
		requests->handlers.context, now, &question->subject, question->port, question->since);
}

void requests_ask(struct requests *requests, int64_t now, const struct request_subject *subject, bool fresh)
{
	struct question *question = find_question(requests, subject);

	if (!requests->detours[subject->detour].there)
		return;
	if (!question) {
		question = must(calloc(1, sizeof *question));
		question->subject = *subject;
		question->next = requests->questions;
		requests->questions = question;
	}
	if (question->pending)
		return;
	if (question->mapped && !fresh && now < question->end)
		tell(requests, now, question);
	else
		begin(requests, now, question);
}

/* ---- trains ---- */

static bool is_proven(const struct channel *channel)
{
	static const uint8_t none[MESSAGE_COOKIE_SIZE];
	return channel && memcmp(channel->cookie, none, sizeof none) != 0;
}

bool requests_probe_is_out(const struct requests *requests, unsigned index, const struct address *local)
{
	const struct channel *channel = find_channel(requests, index, local);
	return channel && channel->train != 0;
}

bool requests_probe(
	struct requests *requests, unsigned index, const struct address *local, unsigned count, unsigned size)
{
	struct detour *detour = &requests->detours[index];
	struct channel *channel = find_channel(requests, index, local);
	uint8_t content[MESSAGE_SIZE], bytes[MESSAGE_TRAIN_SIZE] = {0};

	if (!detour->there || !detour->is.sealed || !is_proven(channel) || count < 2 ||
		count > MESSAGE_TRAIN_MOST || size < SEAL_SIZE || size > MESSAGE_TRAIN_SIZE)
		return false;
	bool missed = channel->train != 0;
	for (unsigned i = 0; i < count; i++) {
		struct message_question message = {.operation = MESSAGE_PROBE,
			.newest = MESSAGE_VERSION,
			.session = requests->session,
			.sequence = ++detour->sequence,
			.train = {(uint8_t)i, (uint8_t)count, (uint16_t)size}};
		memcpy(message.cookie, channel->cookie, sizeof message.cookie);
		message_write_question(&message, content);
		seal(SEAL_QUESTION, member_id(requests->own->public), detour->keys.ask, content, bytes);
		requests->handlers.send(requests->handlers.context, index, local, bytes, size);
	}
	channel->train = detour->sequence;
	channel->train_count = count;
	channel->train_size = size;
	detour->counters.trains++;
	return missed;
}

static void take_train(struct requests *requests, unsigned index, struct channel *channel,
	const struct message_answer *answer)
{
	channel->train = 0;
	memcpy(channel->cookie, answer->cookie, sizeof channel->cookie);
	if (answer->result != MESSAGE_GRANTED)
		return;
	requests->detours[index].counters.trains_answered++;
	if (requests->handlers.probed)
		requests->handlers.probed(requests->handlers.context, index, &channel->local,
			channel->train_count, answer->arrived, (int64_t)(answer->span_ns & INT64_MAX),
			channel->train_size);
}

/* ---- answers ---- */

static void granted(
	struct requests *requests, int64_t now, struct question *question, uint16_t port, int64_t renew_ns)
{
	struct detour *detour = &requests->detours[question->subject.detour];

	detour->counters.answered++;
	detour->refusal = "";
	if (!question->pending && !question->mapped)
		detour->counters.late++;
	if (!question->mapped || question->port != port)
		question->since = now;
	question->pending = false;
	question->mapped = true;
	question->port = port;
	question->end = now + renew_ns;
	tell(requests, now, question);
}

static void give_up(struct requests *requests, int64_t now, struct question *question, const char *why)
{
	question->pending = question->mapped = false;
	question->end = now + MEMORY_NS;
	requests->handlers.unmapped(requests->handlers.context, now, &question->subject, why);
}

/* The first answer to an open question stands. Nothing tells the detour's from a forged one, so what nobody asked for is
 * dropped, whatever it says. */
static void receive_version1(struct requests *requests, int64_t now, unsigned index,
	const struct address *local, const void *bytes, size_t size)
{
	struct detour *detour = &requests->detours[index];
	struct detour_message message;
	enum detour_wire_fault fault = detour_wire_decode(bytes, size, &message);

	if (fault != DETOUR_WIRE_OK || message.operation != DETOUR_WIRE_RESPONSE) {
		detour->counters.faults[fault]++;
		return;
	}
	struct request_subject subject = {
		index, *local, {address_of_v4(message.remote), message.remote_port}};
	struct question *question = find_question(requests, &subject);
	if (!question)
		detour->counters.unknown++;
	else if (question->mapped && !question->pending)
		detour->counters.duplicate++;
	else
		granted(requests, now, question, message.detour_port, detour->is.renew_ns);
}

static struct question *question_of(
	const struct requests *requests, unsigned detour, const struct address *local, uint64_t sequence)
{
	for (struct question *q = requests->questions; q; q = q->next)
		for (unsigned i = 0; i < SENT_REMEMBERED; i++)
			if (q->sent[i] == sequence && q->subject.detour == detour &&
				address_equal(&q->subject.local, local))
				return q;
	return NULL;
}

/* Whether another question later may be answered otherwise: then this one is repeated, as if it had been lost. */
static bool may_pass(enum message_result result)
{
	return result == MESSAGE_RATE || result == MESSAGE_UNAVAILABLE;
}

static void take_answer(struct requests *requests, int64_t now, struct question *question,
	const struct message_answer *answer)
{
	struct detour *detour = &requests->detours[question->subject.detour];
	int64_t half = answer->lease_s * 500000000LL;

	if (answer->result == MESSAGE_PROVE) {
		detour->counters.proofs++;
		if (question->pending && question->proofs++ < PROOFS_MOST)
			transmit(requests, question);
	} else if (answer->result == MESSAGE_GRANTED || answer->result == MESSAGE_NO_OPTION) {
		granted(requests, now, question, answer->port,
			half < detour->is.renew_ns ? half : detour->is.renew_ns);
	} else {
		detour->counters.refused++;
		detour->refusal = message_result_name(answer->result);
		if (!may_pass(answer->result) && question->pending)
			give_up(requests, now, question, detour->refusal);
	}
}

static void receive_version2(struct requests *requests, int64_t now, unsigned index,
	const struct address *local, const void *bytes, size_t size)
{
	static const uint8_t none[MESSAGE_KEY_SIZE];
	struct detour *detour = &requests->detours[index];
	uint8_t content[MESSAGE_SIZE];
	struct message_answer answer;
	enum seal_kind kind;
	uint64_t member;

	if (!seal_peek(bytes, size, &kind, &member) || kind != SEAL_ANSWER ||
		!unseal(bytes, detour->keys.answer, content) ||
		message_read_answer(content, sizeof content, &answer) != MESSAGE_OK) {
		detour->counters.unsealed++;
		return;
	}
	struct channel *asking = find_channel(requests, index, local);
	if (answer.operation == MESSAGE_PROBE && asking && asking->train == answer.sequence) {
		take_train(requests, index, asking, &answer);
		return;
	}
	struct question *question = question_of(requests, index, local, answer.sequence);
	if (!question || answer.operation != MESSAGE_MAP) {
		detour->counters.unknown++;
		return;
	}
	struct channel *channel = get_channel(requests, index, local);
	memcpy(channel->cookie, answer.cookie, sizeof channel->cookie);
	if (memcmp(answer.key, none, sizeof none) != 0)
		memcpy(channel->key, answer.key, sizeof channel->key);
	for (unsigned i = 0; i < SENT_REMEMBERED; i++)
		if (question->sent[i] == answer.sequence)
			question->sent[i] = 0; /* a datagram has one answer */
	if (question->mapped && !question->pending)
		detour->counters.duplicate++; /* to a repetition */
	else
		take_answer(requests, now, question, &answer);
}

void requests_receive(struct requests *requests, int64_t now, unsigned detour, const struct address *local,
	const void *bytes, size_t size)
{
	if (detour >= requests->count || !requests->detours[detour].there)
		return;
	if (requests->detours[detour].is.sealed)
		receive_version2(requests, now, detour, local, bytes, size);
	else
		receive_version1(requests, now, detour, local, bytes, size);
}

/* ---- time ---- */

int64_t requests_deadline(const struct requests *requests)
{
	int64_t first = REQUESTS_NEVER;

	for (const struct question *q = requests->questions; q; q = q->next) {
		int64_t at = q->pending && q->repeat < q->end ? q->repeat : q->end;
		if (at < first)
			first = at;
	}
	return first;
}

static void release(struct requests *requests, struct question *question)
{
	struct detour *detour = &requests->detours[question->subject.detour];

	question->mapped = false;
	if (!detour->is.sealed)
		return;
	detour->counters.released++;
	transmit_version2(requests, question, MESSAGE_RELEASE);
}

/* False: nothing is left to remember of it. */
static bool tick(struct requests *requests, int64_t now, struct question *question)
{
	struct request_counters *counters = &requests->detours[question->subject.detour].counters;

	if (question->pending && now < question->end) {
		if (now >= question->repeat) {
			counters->repeated++;
			repeat(requests, now, question);
		}
		return true;
	}
	if (now < question->end)
		return true;
	if (question->pending) {
		counters->timed_out++;
		give_up(requests, now, question, "silent");
		return true;
	}
	if (requests->handlers.wanted(requests->handlers.context, &question->subject)) {
		counters->renewals++;
		begin(requests, now, question);
		return true;
	}
	if (!question->mapped)
		return false;
	release(requests, question);
	question->end = now + MEMORY_NS;
	return true;
}

/* The handlers may ask again, which puts new questions in front of the list: the walk does not see them, and
 * needs not. */
void requests_tick(struct requests *requests, int64_t now)
{
	for (struct question *question = requests->questions, *next; question; question = next) {
		bool keep = tick(requests, now, question);
		next = question->next;
		if (keep)
			continue;
		struct question **link = &requests->questions;
		while (*link != question)
			link = &(*link)->next;
		*link = next;
		free(question);
	}
}

void requests_release_all(struct requests *requests)
{
	for (struct question *q = requests->questions; q; q = q->next)
		if (q->mapped)
			release(requests, q);
}

/* ---- questions about questions ---- */

bool requests_option_key(const struct requests *requests, unsigned detour, const struct address *local,
	uint8_t key[MESSAGE_KEY_SIZE])
{
	static const uint8_t none[MESSAGE_KEY_SIZE];
	const struct channel *channel = find_channel(requests, detour, local);

	if (!channel || memcmp(channel->key, none, sizeof none) == 0)
		return false;
	memcpy(key, channel->key, MESSAGE_KEY_SIZE);
	return true;
}

const struct request_counters *requests_counters(const struct requests *requests, unsigned detour)
{
	return &requests->detours[detour].counters;
}

const char *requests_refusal(const struct requests *requests, unsigned detour)
{
	return requests->detours[detour].refusal;
}

unsigned requests_mappings(const struct requests *requests, unsigned detour)
{
	unsigned count = 0;

	for (const struct question *q = requests->questions; q; q = q->next)
		count += q->subject.detour == detour && q->mapped;
	return count;
}
