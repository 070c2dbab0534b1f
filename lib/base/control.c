/* Control socket: each peer is a buffer of input lines and a buffer of output that is not yet taken. */
#include "lib/base/control.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define WORDS_MAX 128
#define PEERS_MAX 256
#define PENDING_MAX 256 /* questions of one peer that wait for their answers */
#define UNSENT_MAX (16u << 20)
#define STREAM_UNSENT_MAX (256u << 10)
#define ANSWER_MAX (256u << 20)

struct peer {
	struct control *control; /* NULL: closed, while a request still waits */
	struct peer *next;
	sd_event_source *source;
	int fd; /* -1: gone; the peer stays until its last request is answered */
	unsigned pending;
	bool ended; /* it will ask nothing more */
	char line[LINE_MAX_BYTES];
	size_t used;
	char *unsent; /* bytes unsent_start to unsent_end wait for the peer to take them */
	size_t unsent_start, unsent_end, unsent_room;
};

struct control_request {
	struct peer *peer;
	char *text;
	char *words[WORDS_MAX + 1];
};

struct control {
	sd_event *loop;
	sd_event_source *source;
	const struct control_command *table;
	void *context;
	struct peer *peers;
	unsigned peers_count;
	int spare_fd; /* given up for a moment to turn a peer away when there are no descriptors left */
	char path[108];
};

static void peer_free(struct peer *peer)
{
	if (peer->control) {
		struct peer **at = &peer->control->peers;
		while (*at != peer)
			at = &(*at)->next;
		*at = peer->next;
		peer->control->peers_count--;
	}
	free(peer->unsent);
	free(peer);
}

/* Closes the connection; the memory goes when nothing is pending. */
static void peer_hang_up(struct peer *peer)
{
	if (peer->fd >= 0) {
		peer->source = sd_event_source_disable_unref(peer->source);
		close(peer->fd);
		peer->fd = -1;
	}
	if (peer->pending == 0)
		peer_free(peer);
}

static size_t unsent(const struct peer *peer)
{
	return peer->unsent_end - peer->unsent_start;
}

/* Nothing more is taken from a peer that leaves its answers untaken, or has asked much that waits. */
static bool peer_busy(const struct peer *peer)
{
	return unsent(peer) >= UNSENT_MAX || peer->pending >= PENDING_MAX;
}

static bool has_line(const struct peer *peer)
{
	return memchr(peer->line, '\n', peer->used) != NULL;
}

/* A whole line that waits because the peer was busy is taken up when an answer of it has left (EPOLLOUT). */
static void peer_listen(struct peer *peer)
{
	uint32_t events = 0;
	if (!peer->ended && !peer_busy(peer))
		events |= EPOLLIN;
	if (unsent(peer))
		events |= EPOLLOUT;
	if (sd_event_source_set_io_events(peer->source, events) < 0)
		log_error("control-events", "fd=%d", peer->fd);
}

/* Sends what the peer takes now. False when it has gone. */
static bool peer_flush(struct peer *peer)
{
	while (unsent(peer)) {
		ssize_t n = send(peer->fd, peer->unsent + peer->unsent_start, unsent(peer),
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		peer->unsent_start += (size_t)n;
	}
	peer->unsent_start = peer->unsent_end = 0;
	return true;
}

/* Doubles, so that many answers in a row cost no more a byte than one. */
static bool peer_make_room(struct peer *peer, size_t size)
{
	if (size <= peer->unsent_room)
		return true;
	size_t room = size > 2 * peer->unsent_room ? size : 2 * peer->unsent_room;
	char *grown = realloc(peer->unsent, room);
	if (!grown)
		return false;
	peer->unsent = grown;
	peer->unsent_room = room;
	return true;
}

/* Appends one line to what the peer is sent. The sending is left to the loop: a handler that answers at once
 * never frees its peer under its caller. */
static void peer_queue(struct peer *peer, const char *text)
{
	size_t length = text ? strlen(text) : 0;
	if (peer->unsent_start) {
		memmove(peer->unsent, peer->unsent + peer->unsent_start, unsent(peer));
		peer->unsent_end -= peer->unsent_start;
		peer->unsent_start = 0;
	}
	if (text && !peer_make_room(peer, peer->unsent_end + length + 1))
		text = NULL;
	if (!text) { /* no answer can be given: the connection ends, which the loop will see */
		shutdown(peer->fd, SHUT_RDWR);
		return;
	}
	memcpy(peer->unsent + peer->unsent_end, text, length);
	peer->unsent_end += length;
	peer->unsent[peer->unsent_end++] = '\n';
	peer_listen(peer);
}

static void peer_say(struct peer *peer, json_t *answer)
{
	char *text = peer->fd >= 0 ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(answer);
	if (peer->fd >= 0)
		peer_queue(peer, text);
	free(text);
}

/* The request is done; a peer that has gone goes with its last one. */
static void forget(struct control_request *request)
{
	struct peer *peer = request->peer;
	free(request->text);
	free(request);
	peer->pending--;
	if (peer->fd < 0 && peer->pending == 0)
		peer_free(peer);
}

static void finish(struct control_request *request, json_t *answer)
{
	peer_say(request->peer, answer);
	forget(request);
}

static json_t *accepted(json_t *answer)
{
	json_t *whole = json_pack("{s:b}", "ok", 1);
	json_object_update(whole, answer);
	json_object_set_new(whole, "ok", json_true());
	json_decref(answer);
	return whole;
}

void control_answer(struct control_request *request, json_t *answer)
{
	if (!answer) { /* of a json_pack that met a text that is no UTF-8, say */
		control_refuse(request, "the answer cannot be written as JSON");
		return;
	}
	finish(request, accepted(answer));
}

void control_begin(struct control_request *request, json_t *answer)
{
	peer_say(request->peer, accepted(answer));
}

bool control_tell(struct control_request *request, const char *line)
{
	struct peer *peer = request->peer;
	if (peer->fd < 0 || unsent(peer) + strlen(line) >= STREAM_UNSENT_MAX)
		return false;
	peer_queue(peer, line);
	return true;
}

void control_end(struct control_request *request)
{
	/* Whoever tells may stand in a handler of this very peer: the loop sees the end, and frees it. */
	if (request->peer->fd >= 0)
		shutdown(request->peer->fd, SHUT_RDWR);
	forget(request);
}

void control_refuse(struct control_request *request, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	json_t *reason = json_string(text);
	if (!reason) { /* no UTF-8, or cut within a character: what is ASCII of it is kept */
		for (char *c = text; *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
		reason = json_string(text);
	}
	finish(request, json_pack("{s:b, s:o}", "ok", 0, "error", reason));
}

int control_abandoned(const struct control_request *request)
{
	return request->peer->fd < 0;
}

static void answer_help(struct control *control, struct control_request *request)
{
	json_t *list = json_array();
	for (const struct control_command *c = control->table; c->name; c++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", c->name, "arguments",
						    c->arguments ? c->arguments : "", "summary", c->summary));
	control_answer(request, json_pack("{s:o}", "commands", list));
}

static void dispatch(struct peer *peer, const char *line)
{
	struct control *control = peer->control;
	struct control_request *request = calloc(1, sizeof *request);
	char *rest = NULL;
	int count = 0;
	if (!request || !(request->text = strdup(line)))
		abort();
	request->peer = peer;
	peer->pending++;
	char *word = strtok_r(request->text, " \t\r", &rest);
	for (; word && count < WORDS_MAX; word = strtok_r(NULL, " \t\r", &rest))
		request->words[count++] = word;
	if (word) { /* cut off, it would be another question */
		control_refuse(request, "more than %d words", WORDS_MAX);
		return;
	}
	if (count == 0) {
		control_refuse(request, "an empty line; `help` lists the commands");
		return;
	}
	if (strcmp(request->words[0], "help") == 0) {
		answer_help(control, request);
		return;
	}
	for (const struct control_command *c = control->table; c->name; c++) {
		if (strcmp(c->name, request->words[0]) != 0)
			continue;
		if (count - 1 < c->min_words || count - 1 > c->max_words)
			control_refuse(request, "write: %s %s", c->name, c->arguments ? c->arguments : "");
		else
			c->handle(control->context, request, count - 1, request->words + 1);
		return;
	}
	control_refuse(request, "no such command; `help` lists them");
}

static void take_lines(struct peer *peer)
{
	char *start = peer->line, *end;
	while (!peer_busy(peer) && (end = memchr(start, '\n', peer->used - (size_t)(start - peer->line)))) {
		*end = 0;
		dispatch(peer, start);
		start = end + 1;
	}
	peer->used -= (size_t)(start - peer->line);
	memmove(peer->line, start, peer->used);
	if (peer->used == sizeof peer->line && !has_line(peer)) {
		log_warning("control-line-too-long", "bytes=%zu", peer->used);
		peer->used = 0;
		peer->ended = true;
		peer_queue(
			peer, "{\"ok\":false,\"error\":\"a question is one line of less than 4096 bytes\"}");
	}
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct peer *peer = context;
	(void)source;
	if (events & EPOLLIN && !peer->ended && peer->used < sizeof peer->line) {
		ssize_t n = recv(fd, peer->line + peer->used, sizeof peer->line - peer->used, MSG_DONTWAIT);
		if (n > 0)
			peer->used += (size_t)n;
		else if (n == 0)
			peer->ended = true;
		else if (errno != EAGAIN && errno != EINTR) {
			peer_hang_up(peer);
			return 0;
		}
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		peer_hang_up(peer);
		return 0;
	}
	/* Until nothing more can be done without the peer or without an answer that waits. */
	do {
		take_lines(peer);
		if (!peer_flush(peer)) {
			peer_hang_up(peer);
			return 0;
		}
	} while (has_line(peer) && !peer_busy(peer));
	if (peer->ended && peer->pending == 0 && unsent(peer) == 0)
		peer_hang_up(peer);
	else
		peer_listen(peer);
	return 0;
}

/* With no descriptor left the waiting peer would wake the loop without end: the spare one lets it be turned
 * away. */
static int turn_away(struct control *control, int fd)
{
	close(control->spare_fd);
	int new = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (new >= 0)
		close(new);
	control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log_warning("control-peer-refused", "reason=\"no descriptors left\"");
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct control *control = context;
	(void)source;
	(void)events;
	int new = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (new < 0 && (errno == EMFILE || errno == ENFILE))
		return turn_away(control, fd);
	if (new < 0)
		return 0;
	struct peer *peer = control->peers_count < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
	if (!peer || sd_event_add_io(control->loop, &peer->source, new, EPOLLIN, on_peer, peer) < 0) {
		log_warning("control-peer-refused", "peers=%u", control->peers_count);
		free(peer);
		close(new);
		return 0;
	}
	peer->control = control;
	peer->fd = new;
	peer->next = control->peers;
	control->peers = peer;
	control->peers_count++;
	return 0;
}

static int fill_address(struct sockaddr_un *address, const char *path, char **error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path)
		return error_set(error, "%s: too long for a socket (107 bytes at most)", path);
	strcpy(address->sun_path, path);
	return 0;
}

/* Binds; a socket file that nobody listens on is the remains of a dead daemon and goes first. */
static int bind_socket(int fd, const struct sockaddr_un *address, char **error)
{
	const struct sockaddr *generic = (const struct sockaddr *)address;
	mode_t old = umask(0177);
	int result = bind(fd, generic, sizeof *address);
	if (result < 0 && errno == EADDRINUSE) {
		int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		/* Any other answer (EAGAIN: its backlog is full; EPROTOTYPE: no stream) is that of somebody
		 * alive. */
		bool dead =
			probe >= 0 && connect(probe, generic, sizeof *address) < 0 && errno == ECONNREFUSED;
		if (probe >= 0)
			close(probe);
		struct stat about;
		if (lstat(address->sun_path, &about) < 0 || !S_ISSOCK(about.st_mode)) {
			umask(old);
			return error_set(error,
				"%s: a file that is no socket stands there; choose another --control",
				address->sun_path);
		}
		if (!dead) {
			umask(old);
			return error_set(error,
				"%s: another daemon answers there; stop it or choose another --control",
				address->sun_path);
		}
		if (unlink(address->sun_path) == 0)
			result = bind(fd, generic, sizeof *address);
	}
	int fault = errno;
	umask(old);
	return result < 0 ? error_set(error, "%s: %s", address->sun_path, strerror(fault)) : 0;
}

struct control *control_open(
	sd_event *loop, const char *path, const struct control_command *table, void *context, char **error)
{
	struct sockaddr_un address;
	if (fill_address(&address, path, error) < 0)
		return NULL;
	struct control *control = calloc(1, sizeof *control);
	if (!control)
		abort();
	control->table = table;
	control->context = context;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		error_set(error, "%s: %s", path, strerror(errno));
		free(control);
		return NULL;
	}
	if (bind_socket(fd, &address, error) < 0 || listen(fd, 64) < 0 ||
		sd_event_add_io(loop, &control->source, fd, table ? EPOLLIN : 0, on_connection, control) <
			0) {
		if (error && !*error)
			error_set(error, "%s: %s", path, strerror(errno));
		close(fd);
		free(control);
		return NULL;
	}
	sd_event_source_set_io_fd_own(control->source, 1);
	control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	control->loop = sd_event_ref(loop);
	strcpy(control->path, path);
	return control;
}

int control_serve(struct control *control, const struct control_command *table, void *context)
{
	control->table = table;
	control->context = context;
	int result = sd_event_source_set_io_events(control->source, EPOLLIN);
	if (result < 0)
		errno = -result;
	return result < 0 ? -1 : 0;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (struct peer *peer = control->peers, *following; peer; peer = following) {
		bool waits = peer->pending != 0; /* its last request frees it */
		following = peer->next;
		if (peer->fd >= 0)
			peer_flush(peer);
		if (waits)
			peer->control = NULL;
		peer_hang_up(peer);
	}
	sd_event_source_disable_unref(control->source);
	close(control->spare_fd);
	sd_event_unref(control->loop);
	unlink(control->path);
	free(control);
}

static int await(int fd, short events, int64_t deadline_ns)
{
	for (;;) {
		int64_t left = deadline_ns - clock_now_ns();
		struct pollfd p = {.fd = fd, .events = events};
		if (left <= 0)
			return 0;
		int n = poll(&p, 1, (int)(left / NS_PER_MS) + 1);
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

/* Reads one line of any length; NULL with *error. */
static char *read_answer(int fd, int64_t deadline_ns, char **error)
{
	size_t used = 0, room = 4096;
	char *line = malloc(room);
	for (;;) {
		if (!line || used > ANSWER_MAX) {
			error_set(error, "the answer is too long");
			break;
		}
		if (await(fd, POLLIN, deadline_ns) <= 0) {
			error_set(error, "no answer in time");
			break;
		}
		ssize_t n = recv(fd, line + used, room - used - 1, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			error_set(error, "the daemon closed the connection without an answer");
			break;
		}
		used += (size_t)n;
		line[used] = 0;
		if (line[used - 1] == '\n')
			return line;
		if (room - used < 2)
			line = realloc(line, room *= 2);
	}
	free(line);
	return NULL;
}

int control_answered(const char *text, json_t **answer, char **error)
{
	json_t *parsed = json_loads(text, 0, NULL);
	if (json_is_true(json_object_get(parsed, "ok"))) {
		*answer = parsed;
		return 0;
	}
	const char *reason = json_string_value(json_object_get(parsed, "error"));
	error_set(error, "%s", reason ? reason : "the answer is no JSON");
	json_decref(parsed);
	return -1;
}

static int ask(int fd, const char *path, const char *line, int64_t deadline_ns, json_t **answer, char **error)
{
	struct sockaddr_un address;
	if (fill_address(&address, path, error) < 0)
		return -1;
	/* A daemon that hangs takes no connections when its backlog is full, and no bytes: those waits end,
	 * too. */
	int64_t left = deadline_ns - clock_now_ns();
	struct timeval limit = {.tv_sec = 0, .tv_usec = 1000};
	if (left > NS_PER_MS)
		limit = (struct timeval){.tv_sec = left / NS_PER_S, .tv_usec = left % NS_PER_S / NS_PER_US};
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return error_set(error, "%s: %s; is the daemon running?", path, strerror(errno));
	struct iovec parts[2] = {{(void *)line, strlen(line)}, {(void *)"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)strlen(line) + 1)
		return error_set(error, "%s: %s", path, strerror(errno));
	char *text = read_answer(fd, deadline_ns, error);
	if (!text)
		return error_prefix(error, "%s", path);
	int result = control_answered(text, answer, error);
	free(text);
	return result;
}

int control_call(const char *path, const char *line, int timeout_ms, json_t **answer, char **error)
{
	int64_t deadline = clock_now_ns() + timeout_ms * NS_PER_MS;
	if (strchr(line, '\n') || strlen(line) >= LINE_MAX_BYTES)
		return error_set(error, "a question is one line of less than %d bytes", LINE_MAX_BYTES);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(error, "socket: %s", strerror(errno));
	int result = ask(fd, path, line, deadline, answer, error);
	close(fd);
	return result;
}
