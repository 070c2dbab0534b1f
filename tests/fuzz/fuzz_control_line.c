/* Fuzz: any bytes from a peer, in pieces of any length, to a daemon's control socket. Each line gets exactly
 * one answer, in order, as one line of JSON; too long a line gets one and the end of the connection; nothing
 * a peer says ends the daemon or leaks. The first byte of the input chooses the pieces and whether the
 * peer leaves without hearing. */
#include "lib/base/control.h"

#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define LINE_ROOM 4096 /* a line with its end is at most that long */
#define WORDS_MOST 128
#define WAITING_MAX 64
#define PIECES 8
#define LINES_MOST 48 /* more of them are more of the same, and JSON both ways takes the time */

static struct sockaddr_un address;
static struct control_request *waiting[WAITING_MAX];
static size_t waiting_count;
static char heard[262144]; /* the longest answer, each byte of its question escaped, is a tenth of it */

static void expect(bool truth)
{
	if (!truth)
		abort();
}

static void handle_echo(void *context, struct control_request *request, int count, char **words)
{
	json_t *list = json_array();
	(void)context;
	expect(count >= 0 && count < WORDS_MOST && !words[count]);
	for (int i = 0; i < count; i++) {
		expect(*words[i] && !strpbrk(words[i], " \t\r\n"));
		json_array_append_new(list, json_string(words[i]));
	}
	control_answer(request, json_pack("{s:o}", "words", list));
}

/* Answered when the input has been read, oldest last. */
static void handle_later(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	(void)words;
	expect(count <= 2);
	if (waiting_count == WAITING_MAX)
		control_refuse(request, "too much waits");
	else
		waiting[waiting_count++] = request;
}

static void handle_refuse(void *context, struct control_request *request, int count, char **words)
{
	(void)context;
	expect(count == 1);
	control_refuse(request, "no %s", words[0]);
}

static const struct control_command table[] = {
	{"e", "[WORD...]", "says it again", 0, WORDS_MOST - 1, handle_echo},
	{"l", "", "later", 0, 2, handle_later}, {"r", "WHAT", "refuses", 1, 1, handle_refuse}, {0}};

static void remove_socket(void)
{
	unlink(address.sun_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_open("fuzz", LOG_LEVEL_ERROR);
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/liquidnet-fuzz-control-%d", (int)getpid());
	atexit(remove_socket);
	return 0;
}

static void pump(sd_event *loop)
{
	while (sd_event_run(loop, 0) > 0)
		;
}

/* Takes what the daemon has sent: whole lines of JSON with "ok". Adds to *lines; true at the end of file. */
static bool hear(int fd, size_t *used, size_t *lines)
{
	for (;;) {
		expect(*used < sizeof heard);
		ssize_t n = recv(fd, heard + *used, sizeof heard - *used, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			return true;
		*used += (size_t)n;
		char *start = heard, *end;
		while ((end = memchr(start, '\n', *used - (size_t)(start - heard)))) {
			json_t *answer = json_loadb(start, (size_t)(end - start), 0, NULL);
			expect(json_is_boolean(json_object_get(answer, "ok")));
			expect(json_is_true(json_object_get(answer, "ok")) ||
				json_is_string(json_object_get(answer, "error")));
			json_decref(answer);
			++*lines;
			start = end + 1;
		}
		*used -= (size_t)(start - heard);
		memmove(heard, start, *used);
	}
}

/* The answers that these bytes must get: one a line, and one more for a line that is too long (*cut). */
static size_t answers_due(const uint8_t *data, size_t size, bool *cut)
{
	size_t due = 0, start = 0;
	*cut = false;
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			due++;
			start = i + 1;
		} else if (i - start + 1 == LINE_ROOM) {
			*cut = true;
			return due + 1;
		}
	}
	return due;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_event *loop;
	static struct control *control;
	char *error = NULL;
	size_t used = 0, lines = 0, sent = 0;
	bool ended = false, cut;
	if (size < 1 || size > 65536)
		return 0;
	/* Where a piece ends matters, not that there are thousands of them. */
	size_t piece = 1 + (size_t)(data[0] & 0x7f) * 37;
	piece = piece > size / PIECES ? piece : size / PIECES + 1;
	bool leaves = data[0] & 0x80;
	data++;
	size--;
	size_t due = answers_due(data, size, &cut);
	if (due > LINES_MOST)
		return -1;
	waiting_count = 0;
	/* The daemon lives on from one peer to the next, as daemons do: what a peer leaves behind shows with the others. */
	if (!loop) {
		expect(sd_event_new(&loop) >= 0);
		control = control_open(loop, address.sun_path, table, NULL, &error);
		expect(control && !error);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	expect(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	while (sent < size && !ended) {
		size_t now = size - sent < piece ? size - sent : piece;
		ssize_t n = send(fd, data + sent, now, MSG_NOSIGNAL);
		expect(n > 0 || errno == EAGAIN || (cut && errno == EPIPE));
		bool full = n < 0 && errno == EAGAIN;
		sent += n > 0 ? (size_t)n : n < 0 && errno == EPIPE ? size : 0;
		/* Nothing more is taken from a peer whose line was too long, or for whom much waits: what waits is answered. */
		if (full && waiting_count)
			control_answer(waiting[--waiting_count], json_object());
		else if (full && (cut || leaves)) /* or whose answers nobody takes */
			sent = size;
		pump(loop);
		ended = !leaves && hear(fd, &used, &lines);
	}
	if (leaves)
		close(fd);
	else
		shutdown(fd, SHUT_WR);
	pump(loop);
	while (waiting_count) {
		control_answer(waiting[--waiting_count], json_object());
		pump(loop);
	}
	if (!leaves) {
		if (!ended)
			ended = hear(fd, &used, &lines);
		expect(ended && used == 0 && lines == due);
		close(fd);
	}
	return 0;
}
