/* What the tests of the client's requests stand on: a wire that remembers what was sent and told, with invented times and without a
 * network. A file that includes it tests nodes/detour/client/request.c from within. */
#ifndef LIQUIDNET_TEST_CLIENT_WIRE_H
#define LIQUIDNET_TEST_CLIENT_WIRE_H

#include "nodes/detour/client/request.c"
#include "tests/unit/check.h"
#include <arpa/inet.h>

#define MS 1000000LL
#define SEC 1000000000LL

struct wire {
	unsigned sent, mapped, unmapped;
	struct detour_message last;
	uint8_t bytes[MESSAGE_TRAIN_SIZE];
	size_t size;
	struct address from;
	/* Of a train: when each arrives, which is lost, the answer. */
	int64_t arrives;
	unsigned lost, in_train;
	void (*on_train)(struct wire *wire);
	uint8_t answer[SEAL_SIZE];
	size_t answer_size;
	unsigned probed_sent, probed_arrived;
	int64_t probed_span;
	struct request_subject subject;
	uint16_t port;
	int64_t since;
	const char *why;
	bool wanted;
};

static __attribute__((unused)) void wire_send(
	void *context, unsigned detour, const struct address *local, const void *bytes, size_t size)
{
	struct wire *wire = context;
	assert_int_equal(detour, 0);
	wire->sent++;
	wire->from = *local;
	wire->size = size;
	memcpy(wire->bytes, bytes, size);
	if (size > SEAL_SIZE && wire->on_train)
		wire->on_train(wire);
	if (size == DETOUR_WIRE_SIZE) {
		assert_int_equal(detour_wire_decode(bytes, size, &wire->last), DETOUR_WIRE_OK);
		assert_int_equal(wire->last.operation, DETOUR_WIRE_REQUEST);
	}
}

static __attribute__((unused)) void wire_mapped(
	void *context, int64_t now, const struct request_subject *subject, uint16_t port, int64_t since)
{
	struct wire *wire = context;
	(void)now;
	wire->mapped++;
	wire->subject = *subject;
	wire->port = port;
	wire->since = since;
}

static __attribute__((unused)) void wire_unmapped(
	void *context, int64_t now, const struct request_subject *subject, const char *why)
{
	struct wire *wire = context;
	(void)now;
	wire->subject = *subject;
	wire->why = why;
	wire->unmapped++;
}

static __attribute__((unused)) void wire_probed(void *context, unsigned detour, const struct address *local,
	unsigned sent, unsigned arrived, int64_t span_ns, unsigned size)
{
	struct wire *wire = context;
	assert_int_equal(detour, 0);
	assert_true(address_equal(local, &wire->from));
	assert_int_equal(size, 1000);
	wire->probed_sent = sent;
	wire->probed_arrived = arrived;
	wire->probed_span = span_ns;
}

static __attribute__((unused)) bool wire_wanted(void *context, const struct request_subject *subject)
{
	(void)subject;
	return ((struct wire *)context)->wanted;
}

static __attribute__((unused)) struct address ip(const char *text)
{
	struct address a;
	assert_true(address_parse(text, &a));
	return a;
}

static __attribute__((unused)) struct request_subject server(void)
{
	return (struct request_subject){0, ip("10.0.1.1"), {ip("10.0.3.1"), 5201}};
}

static __attribute__((unused)) struct requests *client_of(struct wire *wire)
{
	struct request_detour detour = {
		.at = {ip("10.0.6.1"), 45672}, .deadline_ns = 5 * SEC, .renew_ns = 30 * SEC};
	struct request_handlers handlers = {.send = wire_send,
		.mapped = wire_mapped,
		.unmapped = wire_unmapped,
		.wanted = wire_wanted,
		.context = wire};
	struct requests *requests = requests_new(2, NULL, 1, &handlers);
	assert_true(requests_set_detour(requests, 0, &detour));
	return requests;
}

static __attribute__((unused)) void ask(struct requests *requests, int64_t now, bool fresh)
{
	struct request_subject subject = server();
	requests_ask(requests, now, &subject, fresh);
}

static __attribute__((unused)) void answer(
	struct requests *requests, int64_t now, const char *remote, uint16_t rport, uint16_t port)
{
	struct address local = ip("10.0.1.1"), to = ip(remote);
	struct detour_message message = {.operation = DETOUR_WIRE_RESPONSE,
		.remote = address_v4(&to),
		.remote_port = rport,
		.detour_port = port};
	uint8_t bytes[DETOUR_WIRE_SIZE];
	detour_wire_encode(&message, bytes);
	requests_receive(requests, now, 0, &local, bytes, sizeof bytes);
}

#endif
