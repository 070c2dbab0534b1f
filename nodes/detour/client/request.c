/* Questions to NAT detours, and the mappings they brought: one list, an entry a (detour, destination). */
#include "nodes/detour/client/request.h"

#include <stdlib.h>

#define FIRST_REPEAT_NS 200000000LL
/* How long a question without an answer is remembered, so that a late answer is known for one. */
#define MEMORY_NS 60000000000LL

struct question {
	unsigned detour;
	struct endpoint remote;
	bool pending, mapped;
	uint16_t port;
	int64_t since;         /* of the mapping */
	int64_t repeat, pause; /* pending: when to send again, and the pause after that */
	int64_t end;           /* pending: the deadline; mapped: the renewal; else: when to forget */
	struct question *next;
};

struct requests {
	struct request_detour *detours;
	struct request_counters *counters;
	unsigned count;
	struct request_handlers handlers;
	struct question *questions;
	uint64_t strangers;
};

struct requests *requests_new(
	const struct request_detour *detours, unsigned count, const struct request_handlers *handlers)
{
	struct requests *requests = calloc(1, sizeof *requests);

	if (!requests)
		abort();
	requests->detours = calloc(count + 1, sizeof *requests->detours);
	requests->counters = calloc(count + 1, sizeof *requests->counters);
	if (!requests->detours || !requests->counters)
		abort();
	for (unsigned i = 0; i < count; i++)
		requests->detours[i] = detours[i];
	requests->count = count;
	requests->handlers = *handlers;
	return requests;
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	while (requests->questions) {
		struct question *question = requests->questions;
		requests->questions = question->next;
		free(question);
	}
	free(requests->detours);
	free(requests->counters);
	free(requests);
}

static struct question *find_question(
	const struct requests *requests, unsigned detour, struct endpoint remote)
{
	struct question *question = requests->questions;

	while (question && !(question->detour == detour && endpoint_equal(question->remote, remote)))
		question = question->next;
	return question;
}

static void transmit(struct requests *requests, int64_t now, struct question *question)
{
	struct detour_message message = {.operation = DETOUR_WIRE_REQUEST,
		.remote = question->remote.address,
		.remote_port = question->remote.port};
	uint8_t bytes[DETOUR_WIRE_SIZE];

	/* The port that is proposed is the destination's own, or the one in use: so a detour that restarted
	 * gives the same one again if it can (thesis, section 4.1.2). */
	message.detour_port = question->mapped ? question->port : question->remote.port;
	detour_wire_encode(&message, bytes);
	question->repeat = now + question->pause;
	question->pause *= 2;
	requests->handlers.send(requests->handlers.context, requests->detours[question->detour].at, bytes);
}

static void begin(struct requests *requests, int64_t now, struct question *question)
{
	question->pending = true;
	question->pause = FIRST_REPEAT_NS;
	question->end = now + requests->detours[question->detour].deadline_ns;
	requests->counters[question->detour].sent++;
	transmit(requests, now, question);
}

static void tell(const struct requests *requests, int64_t now, const struct question *question)
{
	requests->handlers.mapped(requests->handlers.context, now, question->detour, question->remote,
		question->port, question->since);
}

void requests_ask(struct requests *requests, int64_t now, unsigned detour, struct endpoint remote, bool fresh)
{
	struct question *question = find_question(requests, detour, remote);

	if (!requests->detours[detour].asked)
		return;
	if (!question) {
		question = calloc(1, sizeof *question);
		if (!question)
			abort();
		question->detour = detour;
		question->remote = remote;
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

static int detour_at(const struct requests *requests, struct endpoint from)
{
	for (unsigned i = 0; i < requests->count; i++)
		if (requests->detours[i].asked && endpoint_equal(requests->detours[i].at, from))
			return (int)i;
	return -1;
}

static void answered(struct requests *requests, int64_t now, struct question *question, uint16_t port)
{
	struct request_counters *counters = &requests->counters[question->detour];
	bool repeated = !question->pending && question->mapped && question->port == port;

	if (repeated) {
		counters->duplicate++;
		return;
	}
	counters->answered++;
	if (!question->pending && !question->mapped)
		counters->late++;
	if (!question->mapped || question->port != port)
		question->since = now;
	question->pending = false;
	question->mapped = true;
	question->port = port;
	question->end = now + requests->detours[question->detour].renew_ns;
	tell(requests, now, question);
}

void requests_receive(
	struct requests *requests, int64_t now, struct endpoint from, const void *bytes, size_t size)
{
	int detour = detour_at(requests, from);
	struct detour_message message;

	if (detour < 0) {
		requests->strangers++;
		return;
	}
	enum detour_wire_fault fault = detour_wire_decode(bytes, size, &message);
	if (fault != DETOUR_WIRE_OK || message.operation != DETOUR_WIRE_RESPONSE) {
		requests->counters[detour].faults[fault]++;
		return;
	}
	struct question *question = find_question(requests, (unsigned)detour,
		(struct endpoint){.address = message.remote, .port = message.remote_port});
	if (question)
		answered(requests, now, question, message.detour_port);
	else
		requests->counters[detour].unknown++;
}

int64_t requests_deadline(const struct requests *requests)
{
	int64_t first = PATHS_NEVER;

	for (const struct question *q = requests->questions; q; q = q->next) {
		int64_t at = q->pending && q->repeat < q->end ? q->repeat : q->end;
		if (at < first)
			first = at;
	}
	return first;
}

/* False: nothing is left to remember of it. */
static bool tick(struct requests *requests, int64_t now, struct question *question)
{
	struct request_counters *counters = &requests->counters[question->detour];

	if (question->pending && now < question->end) {
		if (now >= question->repeat) {
			counters->repeated++;
			transmit(requests, now, question);
		}
		return true;
	}
	if (now < question->end)
		return true;
	if (question->pending) {
		question->pending = question->mapped = false;
		question->end = now + MEMORY_NS;
		counters->timed_out++;
		requests->handlers.unmapped(
			requests->handlers.context, now, question->detour, question->remote);
		return true;
	}
	if (requests->handlers.wanted(requests->handlers.context, question->detour, question->remote)) {
		counters->renewals++;
		begin(requests, now, question);
		return true;
	}
	if (!question->mapped)
		return false;
	question->mapped = false;
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

const struct request_counters *requests_counters(const struct requests *requests, unsigned detour)
{
	return &requests->counters[detour];
}

uint64_t requests_strangers(const struct requests *requests)
{
	return requests->strangers;
}

unsigned requests_mappings(const struct requests *requests, unsigned detour)
{
	unsigned count = 0;

	for (const struct question *q = requests->questions; q; q = q->next)
		count += q->detour == detour && q->mapped;
	return count;
}
