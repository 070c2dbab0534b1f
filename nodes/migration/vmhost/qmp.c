/* QMP: see the header. */
#include "nodes/migration/vmhost/qmp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MOST 32
#define LINE_MOST (1 << 20)

struct qmp {
	struct qmp_handlers handlers;
	int fd;
	sd_event_source *source;
	char *line;
	size_t length, room;
	struct waiting {
		qmp_answered *answered;
		void *context;
	} waiting[WAITING_MOST]; /* the first is answered next */
	unsigned count;
	bool dead;
};

static void refuse_all(struct qmp *qmp)
{
	while (qmp->count) {
		struct waiting one = qmp->waiting[0];
		memmove(qmp->waiting, qmp->waiting + 1, --qmp->count * sizeof *qmp->waiting);
		if (one.answered)
			one.answered(one.context, NULL, "QEMU has ended");
	}
}

static void die(struct qmp *qmp)
{
	if (qmp->dead)
		return;
	qmp->dead = true;
	sd_event_source_disable_unref(qmp->source);
	qmp->source = NULL;
	refuse_all(qmp);
	qmp->handlers.ended(qmp->handlers.context);
}

static void answer(struct qmp *qmp, json_t *result, const char *reason)
{
	struct waiting one = {NULL, NULL};
	if (qmp->count) {
		one = qmp->waiting[0];
		memmove(qmp->waiting, qmp->waiting + 1, --qmp->count * sizeof *qmp->waiting);
	}
	if (one.answered)
		one.answered(one.context, result, reason);
}

static int take_line(struct qmp *qmp)
{
	json_t *message = json_loadb(qmp->line, qmp->length, 0, NULL), *one;
	const char *event;
	if (!json_is_object(message)) {
		json_decref(message);
		return -1;
	}
	if ((event = json_string_value(json_object_get(message, "event")))) {
		qmp->handlers.event(qmp->handlers.context, event, json_object_get(message, "data"));
	} else if ((one = json_object_get(message, "return"))) {
		answer(qmp, one, NULL);
	} else if ((one = json_object_get(message, "error"))) {
		const char *reason = json_string_value(json_object_get(one, "desc"));
		answer(qmp, NULL, reason ? reason : "refused without a reason");
	} /* else it is the greeting */
	json_decref(message);
	return 0;
}

int qmp_feed(struct qmp *qmp, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n') {
			bool empty = qmp->length == 0 || (qmp->length == 1 && qmp->line[0] == '\r');
			if (!empty && take_line(qmp) < 0)
				return -1;
			qmp->length = 0;
			continue;
		}
		if (qmp->length == LINE_MOST)
			return -1;
		if (qmp->length == qmp->room) {
			qmp->room = qmp->room ? 2 * qmp->room : 4096;
			qmp->line = realloc(qmp->line, qmp->room);
			if (!qmp->line)
				abort();
		}
		qmp->line[qmp->length++] = bytes[i];
	}
	return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct qmp *qmp = context;
	char bytes[65536];
	(void)source, (void)events;
	ssize_t size = read(fd, bytes, sizeof bytes);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size <= 0 || qmp_feed(qmp, bytes, (size_t)size) < 0)
		die(qmp);
	return 0;
}

struct qmp *qmp_open(sd_event *loop, int fd, const struct qmp_handlers *handlers)
{
	struct qmp *qmp = calloc(1, sizeof *qmp);
	if (!qmp || (loop && sd_event_add_io(loop, &qmp->source, fd, EPOLLIN, on_readable, qmp) < 0))
		abort();
	qmp->fd = fd;
	qmp->handlers = *handlers;
	/* Nothing else is answered before it. */
	qmp_send(qmp, "qmp_capabilities", NULL, NULL, NULL);
	return qmp;
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	qmp->dead = true;
	sd_event_source_disable_unref(qmp->source);
	refuse_all(qmp);
	if (qmp->fd >= 0)
		close(qmp->fd);
	free(qmp->line);
	free(qmp);
}

void qmp_send(struct qmp *qmp, const char *command, json_t *arguments, qmp_answered *answered, void *context)
{
	json_t *message = json_pack("{s:s}", "execute", command);
	if (arguments)
		json_object_set_new(message, "arguments", arguments);
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	bool fits = !qmp->dead && qmp->count < WAITING_MOST;
	/* QEMU reads at once what is some hundred bytes: a socket buffer holds it. */
	if (fits && qmp->fd >= 0) {
		size_t length = strlen(text);
		text[length] = '\n';
		fits = send(qmp->fd, text, length + 1, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length + 1;
	}
	free(text);
	if (fits)
		qmp->waiting[qmp->count++] = (struct waiting){answered, context};
	else if (answered)
		answered(context, NULL, "QEMU does not listen");
}
