/* Messages: what is said is heard, in whatever pieces it comes; what is no message is refused. */
#include "harness/place/message.h"
#include "lib/base/clock.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void said_and_heard(void **state)
{
	(void)state;
	int ends[2];
	char *error = NULL;
	struct message m;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct channel c = {.fd = ends[1]};
	assert_int_equal(message_send(ends[0], json_pack("{s:s}", "to", "out"), "a\n\0b", 4), 0);
	assert_int_equal(message_say(ends[0], json_pack("{s:i}", "status", 9)), 0);
	assert_int_equal(message_say(ends[0], json_pack("{s:s}", "error", "no room")), 0);
	assert_int_equal(channel_await(&c, &m, clock_now_ns() + NS_PER_S, &error), 0);
	assert_string_equal(message_text(m.head, "to"), "out");
	assert_int_equal(m.count, 4);
	assert_memory_equal(m.bytes, "a\n\0b", 4);
	message_free(&m);
	assert_int_equal(channel_await(&c, &m, clock_now_ns() + NS_PER_S, &error), 0);
	assert_int_equal(message_number(m.head, "status"), 9);
	assert_null(m.bytes);
	message_free(&m);
	assert_int_equal(channel_await(&c, &m, clock_now_ns() + NS_PER_S, &error), -1);
	assert_string_equal(error, "no room");
	assert_int_equal(channel_await(&c, &m, clock_now_ns(), &error), -1);
	assert_string_equal(error, "no answer came in time");
	close(ends[0]);
	assert_int_equal(channel_await(&c, &m, clock_now_ns() + NS_PER_S, &error), -1);
	assert_string_equal(error, "the connection to it ended");
	free(error);
	channel_close(&c);
}

static int take(const char *text, size_t size, struct message *m, char **error)
{
	struct channel c = {.fd = -1, .text = malloc(size + 1), .size = size, .room = size};
	memcpy(c.text, text, size);
	int taken = channel_take(&c, m, error);
	free(c.text);
	return taken;
}

static void in_pieces(void **state)
{
	(void)state;
	static const char text[] = "{\"bytes\":3}\nabc";
	struct message m;
	for (size_t size = 0; size < sizeof text - 1; size++)
		assert_int_equal(take(text, size, &m, NULL), 0);
	assert_int_equal(take(text, sizeof text - 1, &m, NULL), 1);
	assert_memory_equal(m.bytes, "abc", 3);
	message_free(&m);
}

static void no_message(void **state)
{
	(void)state;
	static const char *const bad[] = {"\n", "[1]\n", "what\n", "{\"bytes\":-1}\n",
		"{\"bytes\":99999999999}\n", "{\"bytes\":\"x\"}\n", "{\"a\":1,\"a\":2}\n"};
	struct message m;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_int_equal(take(bad[i], strlen(bad[i]), &m, &error), -1);
		assert_non_null(error);
		free(error);
	}
	char *endless = malloc(MESSAGE_LINE_MAX + 2);
	memset(endless, 'x', MESSAGE_LINE_MAX + 2);
	assert_int_equal(take(endless, MESSAGE_LINE_MAX + 2, &m, NULL), -1);
	free(endless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said_and_heard), cmocka_unit_test(in_pieces), cmocka_unit_test(no_message)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
