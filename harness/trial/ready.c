/* Ready: by event where there is one. The kernel announces no listening sockets, so a port is looked up every
 * two milliseconds, and the end of the program is an event. */
#include "harness/trial/ready.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/listeners.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LISTEN_LOOK_MS 2
#define LISTEN_WAIT_MS 200

enum { ENDED = -2 }; /* the program ended; its reason is not said yet */

void program_said(const struct program *program, const char *folder, char text[PROGRAM_SAID])
{
	char path[4096];
	text[0] = text[2] = 0;
	if (folder && snprintf(path, sizeof path, "%s/%s.log", folder, program->name) < (int)sizeof path)
		log_last_line(path, NULL, text + 2, PROGRAM_SAID - 2);
	if (text[2])
		memcpy(text, ": ", 2);
}

static int ended(const struct program *program, struct process *process, const char *folder, char **error)
{
	char text[64], said[PROGRAM_SAID];
	if (process_wait(process, clock_now_ns() + NS_PER_S) == 0)
		return error_set(error, "%s closed its ready descriptor without a word (log: %s.log)",
			program->name, program->name);
	program_said(program, folder, said);
	return error_set(error, "%s ended before it was ready, with %s%s (log: %s.log)", program->name,
		process_status_text(process->status, text), said, program->name);
}

static int late(const struct program *program, char **error)
{
	return error_set(error, "%s was not ready in time (log: %s.log)", program->name, program->name);
}

static int left_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - clock_now_ns();
	return left <= 0 ? 0 : (int)(left / NS_PER_MS + 1);
}

/* 1: the descriptor is readable, 0: deadline, -1: the program ended. */
static int await_fd(struct process *process, int fd, int timeout_ms)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = process->pidfd, .events = POLLIN}};
	int n;
	while ((n = poll(p, 2, timeout_ms)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return 0;
	return p[0].revents & POLLIN ? 1 : -1;
}

static int await_word(
	const struct program *program, struct process *process, int fd, int64_t deadline_ns, char **error)
{
	char word[16];
	switch (await_fd(process, fd, left_ms(deadline_ns))) {
	case 1:
		return read(fd, word, sizeof word) > 0 ? 0 : ENDED;
	case 0:
		return late(program, error);
	default:
		return ENDED;
	}
}

struct look {
	struct listeners *listeners;
	int port;
	bool found;
	char **error;
};

static int open_listeners(void *context)
{
	struct look *look = context;
	look->listeners = listeners_open(look->error);
	return look->listeners ? 0 : -1;
}

static void note_listener(void *context, uint16_t port)
{
	struct look *look = context;
	look->found |= port == look->port;
}

/* 0: it listens. */
static int look_until(const struct program *program, struct process *process, struct look *look,
	int64_t deadline_ns, char **error)
{
	for (;;) {
		if (listeners_read(look->listeners, note_listener, look, error) < 0)
			return -1;
		if (look->found)
			return 0;
		if (clock_now_ns() >= deadline_ns)
			return late(program, error);
		struct pollfd p = {.fd = process->pidfd, .events = POLLIN};
		if (poll(&p, 1, LISTEN_LOOK_MS) > 0)
			return ENDED;
	}
}

/* Elsewhere the question takes its time on the way, so it is asked to wait there. */
static int await_listener_elsewhere(const struct program *program, struct process *process,
	const struct place *place, int64_t deadline_ns, char **error)
{
	for (;;) {
		int left = left_ms(deadline_ns);
		int found = place_listens(
			place, program->ready_port, left < LISTEN_WAIT_MS ? left : LISTEN_WAIT_MS, error);
		if (found)
			return found < 0 ? -1 : 0;
		if (left == 0)
			return late(program, error);
		struct pollfd p = {.fd = process->pidfd, .events = POLLIN};
		if (poll(&p, 1, 0) > 0)
			return ENDED;
	}
}

static int await_listener(const struct program *program, struct process *process, const struct place *place,
	int64_t deadline_ns, char **error)
{
	if (place_is_elsewhere(place))
		return await_listener_elsewhere(program, process, place, deadline_ns, error);
	struct look look = {.port = program->ready_port, .error = error};
	int result = place_call(place, open_listeners, &look);
	if (result < 0)
		return *error ? -1 : error_set(error, "its node is gone");
	result = look_until(program, process, &look, deadline_ns, error);
	listeners_close(look.listeners);
	return result;
}

static bool contains(const char *path, const char *text)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	while (in && !found && getline(&line, &room, in) > 0)
		found = strstr(line, text) != NULL;
	free(line);
	if (in)
		fclose(in);
	return found;
}

static int await_output(const struct program *program, struct process *process, const char *output,
	int64_t deadline_ns, char **error)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int result = 1;
	if (watch < 0 || inotify_add_watch(watch, output, IN_MODIFY) < 0)
		result = error_set(error, "%s: %s", output, strerror(errno));
	while (result == 1) {
		char events[4096];
		while (read(watch, events, sizeof events) > 0)
			;
		if (contains(output, program->ready_text)) {
			result = 0;
			break;
		}
		int got = await_fd(process, watch, left_ms(deadline_ns));
		if (got < 0)
			result = contains(output, program->ready_text) ? 0 : ENDED;
		else if (got == 0)
			result = late(program, error);
	}
	if (watch >= 0)
		close(watch);
	return result;
}

int ready_await(const struct program *program, struct process *process, int ready_fd,
	const struct place *place, const char *output, const char *folder, int64_t deadline_ns, char **error)
{
	int result = 0;
	if (program->ready == READY_DESCRIPTOR)
		result = await_word(program, process, ready_fd, deadline_ns, error);
	else if (program->ready == READY_LISTEN)
		result = await_listener(program, process, place, deadline_ns, error);
	else if (program->ready == READY_OUTPUT)
		result = await_output(program, process, output, deadline_ns, error);
	return result == ENDED ? ended(program, process, folder, error) : result;
}
