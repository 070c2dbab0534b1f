/* Messages: see the header. */
#include "harness/place/message.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_ROOM 65536

/* All of it, also where the stream does not block. A peer that has gone is an error, not a signal. */
static int put(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(fd, data, size);
		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

int message_send(int fd, json_t *head, const void *bytes, size_t count)
{
	if (bytes)
		json_object_set_new(head, "bytes", json_integer((json_int_t)count));
	char *text = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	if (!text) {
		errno = EINVAL;
		return -1;
	}
	size_t length = strlen(text);
	text[length] = '\n'; /* in place of its zero */
	int result = put(fd, text, length + 1);
	free(text);
	return result == 0 && bytes ? put(fd, bytes, count) : result;
}

int message_say(int fd, json_t *head)
{
	return message_send(fd, head, NULL, 0);
}

void message_free(struct message *message)
{
	json_decref(message->head);
	free(message->bytes);
	*message = (struct message){0};
}

/* -1: no number of bytes that may follow. */
static int64_t announced(const json_t *head)
{
	const json_t *bytes = json_object_get(head, "bytes");
	if (!bytes)
		return 0;
	json_int_t count = json_is_integer(bytes) ? json_integer_value(bytes) : -1;
	return count < 0 || count > MESSAGE_BYTES_MAX ? -1 : (int64_t)count;
}

int channel_take(struct channel *c, struct message *message, char **error)
{
	*message = (struct message){0};
	const char *end = c->size ? memchr(c->text, '\n', c->size) : NULL;
	if (!end && c->size <= MESSAGE_LINE_MAX)
		return 0;
	if (!end || end - c->text > MESSAGE_LINE_MAX)
		return error_set(error, "a line longer than %d bytes came", MESSAGE_LINE_MAX);
	size_t line = (size_t)(end - c->text);
	json_t *head = json_loadb(c->text, line, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(head)) {
		json_decref(head);
		return error_set(
			error, "`%.*s` came, which is no message", (int)(line < 80 ? line : 80), c->text);
	}
	int64_t count = announced(head);
	if (count < 0 || c->size - line - 1 < (size_t)count) {
		json_decref(head);
		return count < 0 ? error_set(error, "a message came with an impossible number of bytes") : 0;
	}
	message->head = head;
	message->count = (size_t)count;
	if (json_object_get(head, "bytes")) {
		message->bytes = malloc((size_t)count + 1);
		if (!message->bytes)
			abort();
		memcpy(message->bytes, end + 1, (size_t)count);
		message->bytes[count] = 0;
	}
	size_t used = line + 1 + (size_t)count;
	memmove(c->text, c->text + used, c->size - used);
	c->size -= used;
	return 1;
}

int channel_read(struct channel *c)
{
	if (c->room - c->size < READ_ROOM) {
		c->room = c->size + READ_ROOM;
		c->text = realloc(c->text, c->room);
		if (!c->text)
			abort();
	}
	ssize_t n;
	while ((n = read(c->fd, c->text + c->size, c->room - c->size)) < 0 && errno == EINTR)
		;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	c->size += (size_t)n;
	return 1;
}

static int judge(struct message *message, char **error)
{
	const char *fault = json_string_value(json_object_get(message->head, "error"));
	if (!fault)
		return 0;
	error_set(error, "%s", fault);
	message_free(message);
	return -1;
}

int channel_await(struct channel *c, struct message *message, int64_t deadline_ns, char **error)
{
	for (;;) {
		int taken = channel_take(c, message, error);
		if (taken)
			return taken < 0 ? -1 : judge(message, error);
		int64_t left = deadline_ns - clock_now_ns();
		int ms = left <= 0                       ? 0
			 : left / NS_PER_MS >= INT32_MAX ? INT32_MAX
							 : (int)(left / NS_PER_MS) + 1;
		int n = poll(&(struct pollfd){.fd = c->fd, .events = POLLIN}, 1, ms);
		if (n == 0)
			return error_set(error, "no answer came in time");
		if (n > 0 && channel_read(c) < 0)
			return error_set(error, "the connection to it ended");
	}
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->text);
	*c = (struct channel){.fd = -1};
}

const char *message_text(const json_t *head, const char *key)
{
	const char *text = json_string_value(json_object_get(head, key));
	return text ? text : "";
}

int64_t message_number(const json_t *head, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(head, key));
}
