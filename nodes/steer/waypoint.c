/* A question is repeated until it is answered or its time is over. */
#include "nodes/steer/waypoint.h"
#include "lib/base/units.h"
#include <stdlib.h>

/* A detour takes cookies of ten minutes. */
#define GREET_NS (240 * NS_PER_S)
#define REPEAT_NS (200 * NS_PER_MS)
#define GIVE_UP_NS (1500 * NS_PER_MS)

enum { SENT_REMEMBERED = 8, PROOFS_MOST = 3 };

enum question_state { QUESTION_OPEN, QUESTION_GRANTED };

struct question {
	struct wish wish;
	enum question_state state;
	unsigned wanted; /* by so many */
	unsigned sent_count, proofs;
	uint64_t sent[SENT_REMEMBERED]; /* numbers of its last datagrams; 0: none */
	int64_t repeat, end;
	struct question *next;
};

struct channel {
	struct seal_keys keys;
	uint64_t sequence, greeting; /* of the last greeting */
	uint8_t cookie[MESSAGE_COOKIE_SIZE];
	int64_t greet, greet_pause;
	bool up;
	struct waypoint_counters counters;
};

struct waypoints {
	const struct identity *own;
	const struct waypoint *list;
	unsigned count;
	uint64_t session;
	struct waypoints_handlers handlers;
	struct channel channels[WAYPOINTS_MOST];
	struct question *questions;
};

struct waypoints *waypoints_new(const struct identity *own, uint64_t session, const struct waypoint *list,
	unsigned count, const struct waypoints_handlers *handlers)
{
	struct waypoints *waypoints = calloc(1, sizeof *waypoints);
	bool good = waypoints != NULL && count <= WAYPOINTS_MOST;
	for (unsigned i = 0; good && i < count; i++)
		good = seal_keys_of_member(own, list[i].key, &waypoints->channels[i].keys);
	if (!good) {
		free(waypoints);
		return NULL;
	}
	waypoints->own = own;
	waypoints->list = list;
	waypoints->count = count;
	waypoints->session = session;
	waypoints->handlers = *handlers;
	return waypoints;
}

void waypoints_free(struct waypoints *waypoints)
{
	while (waypoints && waypoints->questions) {
		struct question *question = waypoints->questions;
		waypoints->questions = question->next;
		free(question);
	}
	free(waypoints);
}

/* The number of the datagram. */
static uint64_t transmit(struct waypoints *waypoints, unsigned index, enum message_operation operation,
	const struct wish *wish)
{
	struct channel *channel = &waypoints->channels[index];
	struct message_question message = {.operation = operation,
		.newest = MESSAGE_VERSION,
		.session = waypoints->session,
		.sequence = ++channel->sequence};
	uint8_t content[MESSAGE_SIZE], bytes[SEAL_SIZE];
	if (wish) {
		message.flags = MESSAGE_ON_BEHALF;
		message.client = wish->client;
		message.remote = wish->server;
		message.proposed = wish->server.port;
	}
	memcpy(message.cookie, channel->cookie, sizeof message.cookie);
	message_write_question(&message, content);
	seal(SEAL_QUESTION, member_id(waypoints->own->public), channel->keys.ask, content, bytes);
	waypoints->handlers.send(waypoints->handlers.context, index, bytes, sizeof bytes);
	return message.sequence;
}

static void send_question(struct waypoints *waypoints, int64_t now, struct question *question)
{
	question->sent[question->sent_count++ % SENT_REMEMBERED] =
		transmit(waypoints, question->wish.waypoint, MESSAGE_MAP, &question->wish);
	question->repeat = now + REPEAT_NS;
}

static struct question *find_question(const struct waypoints *waypoints, const struct wish *wish)
{
	struct question *q = waypoints->questions;
	while (q && !(q->wish.waypoint == wish->waypoint && address_equal(&q->wish.client, &wish->client) &&
			    place_equal(&q->wish.server, &wish->server)))
		q = q->next;
	return q;
}

static void forget(struct waypoints *waypoints, struct question *question)
{
	struct question **at = &waypoints->questions;
	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
	free(question);
}

void waypoints_ask(struct waypoints *waypoints, int64_t now, const struct wish *wish)
{
	struct question *question = find_question(waypoints, wish);
	if (!question) {
		question = calloc(1, sizeof *question);
		if (!question)
			abort();
		question->wish = *wish;
		question->next = waypoints->questions;
		waypoints->questions = question;
	}
	question->wanted++;
	/* What was granted is asked for again: that renews it, and the answer comes as any other does. */
	if (question->state == QUESTION_OPEN && question->sent_count)
		return;
	question->state = QUESTION_OPEN;
	question->proofs = 0;
	question->end = now + GIVE_UP_NS;
	waypoints->channels[wish->waypoint].counters.asked++;
	send_question(waypoints, now, question);
}

void waypoints_release(struct waypoints *waypoints, int64_t now, const struct wish *wish)
{
	struct question *question = find_question(waypoints, wish);
	(void)now;
	if (!question || --question->wanted > 0)
		return;
	if (question->state == QUESTION_GRANTED) {
		waypoints->channels[wish->waypoint].counters.released++;
		transmit(waypoints, wish->waypoint, MESSAGE_RELEASE, wish);
	}
	forget(waypoints, question);
}

/* ---- answers */

static struct question *question_of(const struct waypoints *waypoints, unsigned waypoint, uint64_t sequence)
{
	for (struct question *q = waypoints->questions; q; q = q->next)
		for (unsigned i = 0; q->wish.waypoint == waypoint && i < SENT_REMEMBERED; i++)
			if (q->sent[i] == sequence)
				return q;
	return NULL;
}

static void tell(const struct waypoints *waypoints, int64_t now, const struct wish *wish,
	const struct place *to, const char *why)
{
	waypoints->handlers.mapped(waypoints->handlers.context, now, wish, to, why);
}

/* Whoever wished it releases it when it hears that it failed. */
static void give_up(struct waypoints *waypoints, int64_t now, struct question *question, const char *why)
{
	struct wish wish = question->wish;
	forget(waypoints, question);
	tell(waypoints, now, &wish, NULL, why);
}

static void take_answer(struct waypoints *waypoints, int64_t now, struct question *question,
	const struct message_answer *answer)
{
	struct channel *channel = &waypoints->channels[question->wish.waypoint];
	const struct waypoint *waypoint = &waypoints->list[question->wish.waypoint];
	if (question->state != QUESTION_OPEN)
		return; /* to a repetition */
	if (answer->result == MESSAGE_PROVE) {
		if (question->proofs++ < PROOFS_MOST)
			send_question(waypoints, now, question);
	} else if (answer->result == MESSAGE_GRANTED || answer->result == MESSAGE_NO_OPTION) {
		struct wish wish = question->wish;
		struct place to = {waypoint->at.address, answer->port};
		question->state = QUESTION_GRANTED;
		channel->counters.granted++;
		tell(waypoints, now, &wish, &to, NULL);
	} else if (answer->result != MESSAGE_RATE && answer->result != MESSAGE_UNAVAILABLE) {
		channel->counters.refused++; /* the others may pass: it is repeated */
		give_up(waypoints, now, question, message_result_name(answer->result));
	}
}

static void take_greeting(struct channel *channel, int64_t now, const struct message_answer *answer)
{
	channel->greeting = 0;
	channel->up = answer->result == MESSAGE_GRANTED;
	/* A first greeting is answered with a cookie: the next one goes out at once. */
	channel->greet = answer->result == MESSAGE_PROVE ? now : now + GREET_NS;
	channel->greet_pause = REPEAT_NS;
}

void waypoints_receive(
	struct waypoints *waypoints, int64_t now, unsigned index, const void *bytes, size_t size)
{
	struct channel *channel = &waypoints->channels[index];
	uint8_t content[MESSAGE_SIZE];
	struct message_answer answer;
	enum seal_kind kind;
	uint64_t member;
	if (!seal_peek(bytes, size, &kind, &member) || kind != SEAL_ANSWER ||
		!unseal(bytes, channel->keys.answer, content) ||
		message_read_answer(content, sizeof content, &answer) != MESSAGE_OK) {
		channel->counters.unsealed++;
		return;
	}
	if (answer.operation == MESSAGE_RELEASE)
		return;
	struct question *question = question_of(waypoints, index, answer.sequence);
	bool greeting = answer.operation == MESSAGE_HELLO && answer.sequence == channel->greeting;
	if (!greeting && !question) {
		channel->counters.unknown++;
		return;
	}
	memcpy(channel->cookie, answer.cookie, sizeof channel->cookie);
	if (greeting)
		take_greeting(channel, now, &answer);
	else
		take_answer(waypoints, now, question, &answer);
	waypoints_tick(waypoints, now);
}

/* ---- time */

int64_t waypoints_deadline(const struct waypoints *waypoints)
{
	int64_t first = WAYPOINTS_NEVER;
	for (unsigned i = 0; i < waypoints->count; i++)
		if (waypoints->channels[i].greet < first)
			first = waypoints->channels[i].greet;
	for (const struct question *q = waypoints->questions; q; q = q->next) {
		int64_t at = q->repeat < q->end ? q->repeat : q->end;
		if (q->state == QUESTION_OPEN && at < first)
			first = at;
	}
	return first;
}

static void greet(struct waypoints *waypoints, int64_t now, unsigned index)
{
	struct channel *channel = &waypoints->channels[index];
	/* One that never answers is asked every ten seconds. */
	if (channel->greeting)
		channel->up = false;
	channel->greet_pause = channel->greet_pause ? channel->greet_pause * 2 : REPEAT_NS;
	if (channel->greet_pause > 10 * NS_PER_S)
		channel->greet_pause = 10 * NS_PER_S;
	channel->greet = now + channel->greet_pause;
	channel->greeting = transmit(waypoints, index, MESSAGE_HELLO, NULL);
}

void waypoints_tick(struct waypoints *waypoints, int64_t now)
{
	for (unsigned i = 0; i < waypoints->count; i++)
		if (now >= waypoints->channels[i].greet)
			greet(waypoints, now, i);
	for (struct question *q = waypoints->questions, *next; q; q = next) {
		struct channel *channel = &waypoints->channels[q->wish.waypoint];
		next = q->next;
		if (q->state != QUESTION_OPEN)
			continue;
		if (now >= q->end) {
			channel->counters.silent++;
			give_up(waypoints, now, q, "the waypoint is silent");
			next = waypoints->questions; /* whoever heard of it may have released others */
		} else if (now >= q->repeat) {
			channel->counters.repeated++;
			send_question(waypoints, now, q);
		}
	}
}

bool waypoints_is_up(const struct waypoints *waypoints, unsigned waypoint)
{
	return waypoints->channels[waypoint].up;
}

const struct waypoint_counters *waypoints_counters(const struct waypoints *waypoints, unsigned waypoint)
{
	return &waypoints->channels[waypoint].counters;
}
