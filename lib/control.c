/* Control socket: each peer is a buffer of input lines and a buffer of output that is not yet taken. */
#include "lib/control.h"

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/log.h"
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
#define WORDS_MAX 64
#define PEERS_MAX 256
#define UNSENT_MAX (16u << 20)
#define ANSWER_MAX (256u << 20)

struct peer {
	struct control *control;
	struct peer *next;
	sd_event_source *source;
	int fd; /* -1: gone; the peer stays until its last request is answered */
	unsigned pending;
	bool ended; /* it will ask nothing more */
	char line[LINE_MAX_BYTES];
	size_t used;
	char *unsent;
	size_t unsent_size;
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
	char path[108];
};

static void peer_free(struct peer *peer)
{
	struct peer **at = &peer->control->peers;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->control->peers_count--;
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

/* Reading stops while a peer leaves many answers untaken, and when it has said that it asks no more. */
static void peer_listen(struct peer *peer)
{
	uint32_t events = 0;
	if (!peer->ended && peer->unsent_size < UNSENT_MAX)
		events |= EPOLLIN;
	if (peer->unsent_size)
		events |= EPOLLOUT;
	if (sd_event_source_set_io_events(peer->source, events) < 0)
		log_error("control-events", "fd=%d", peer->fd);
}

/* True when the peer is still there. */
static bool peer_flush(struct peer *peer)
{
	while (peer->unsent_size) {
		ssize_t n = send(peer->fd, peer->unsent, peer->unsent_size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			peer_hang_up(peer);
			return false;
		}
		peer->unsent_size -= (size_t)n;
		memmove(peer->unsent, peer->unsent + n, peer->unsent_size);
	}
	if (peer->ended && peer->pending == 0 && peer->unsent_size == 0) {
		peer_hang_up(peer);
		return false;
	}
	peer_listen(peer);
	return true;
}

static void finish(struct control_request *request, json_t *answer)
{
	struct peer *peer = request->peer;
	char *text = peer->fd >= 0 ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(answer);
	free(request->text);
	free(request);
	peer->pending--;
	if (peer->fd < 0) {
		if (peer->pending == 0)
			peer_free(peer);
		return;
	}
	size_t length = text ? strlen(text) : 0;
	char *grown = realloc(peer->unsent, peer->unsent_size + length + 1);
	if (!text || !grown) {
		free(text);
		peer_hang_up(peer);
		return;
	}
	peer->unsent = grown;
	memcpy(peer->unsent + peer->unsent_size, text, length);
	peer->unsent_size += length;
	peer->unsent[peer->unsent_size++] = '\n';
	free(text);
	/* Sent from the loop, so that a handler that answers at once never frees its peer under its caller. */
	peer_listen(peer);
}

void control_answer(struct control_request *request, json_t *answer)
{
	json_t *whole = json_pack("{s:b}", "ok", 1);
	json_object_update(whole, answer);
	json_object_set_new(whole, "ok", json_true());
	json_decref(answer);
	finish(request, whole);
}

void control_refuse(struct control_request *request, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	json_t *reason = json_string(text);
	finish(request, json_pack("{s:b, s:o}", "ok", 0, "error", reason ? reason : json_string("refused")));
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
	for (char *word = strtok_r(request->text, " \t\r", &rest); word && count < WORDS_MAX;
		word = strtok_r(NULL, " \t\r", &rest))
		request->words[count++] = word;
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
	while ((end = memchr(start, '\n', peer->used - (size_t)(start - peer->line)))) {
		*end = 0;
		dispatch(peer, start);
		start = end + 1;
	}
	peer->used -= (size_t)(start - peer->line);
	memmove(peer->line, start, peer->used);
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct peer *peer = context;
	(void)source;
	if (events & EPOLLIN && !peer->ended) {
		ssize_t n = recv(fd, peer->line + peer->used, sizeof peer->line - peer->used, MSG_DONTWAIT);
		if (n > 0)
			peer->used += (size_t)n;
		else if (n == 0)
			peer->ended = true;
		else if (errno != EAGAIN && errno != EINTR) {
			peer_hang_up(peer);
			return 0;
		}
		take_lines(peer);
		if (peer->used == sizeof peer->line) {
			log_warning("control-line-too-long", "bytes=%zu", peer->used);
			peer_hang_up(peer);
			return 0;
		}
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		peer_hang_up(peer);
		return 0;
	}
	peer_flush(peer);
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct control *control = context;
	(void)source;
	(void)events;
	int new = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
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
		int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool live = probe >= 0 && connect(probe, generic, sizeof *address) == 0;
		if (probe >= 0)
			close(probe);
		if (live) {
			umask(old);
			return error_set(error, "%s: another daemon answers there; stop it or choose another --control",
				address->sun_path);
		}
		struct stat about;
		if (stat(address->sun_path, &about) == 0 && S_ISSOCK(about.st_mode) && unlink(address->sun_path) == 0)
			result = bind(fd, generic, sizeof *address);
	}
	int fault = errno;
	umask(old);
	return result < 0 ? error_set(error, "%s: %s", address->sun_path, strerror(fault)) : 0;
}

struct control *control_open(sd_event *loop, const char *path, const struct control_command *table, void *context,
	char **error)
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
		sd_event_add_io(loop, &control->source, fd, EPOLLIN, on_connection, control) < 0) {
		if (error && !*error)
			error_set(error, "%s: %s", path, strerror(errno));
		close(fd);
		free(control);
		return NULL;
	}
	sd_event_source_set_io_fd_own(control->source, 1);
	control->loop = sd_event_ref(loop);
	strcpy(control->path, path);
	return control;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	/* Requests that wait must be answered or refused by their owner before this; what is left of them would dangle. */
	for (struct peer *peer = control->peers, *following; peer; peer = following) {
		following = peer->next;
		peer_flush(peer);
	}
	for (struct peer *peer = control->peers, *following; peer; peer = following) {
		following = peer->next;
		peer_hang_up(peer);
	}
	sd_event_source_disable_unref(control->source);
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

static int ask(int fd, const char *path, const char *line, int64_t deadline_ns, json_t **answer, char **error)
{
	struct sockaddr_un address;
	if (fill_address(&address, path, error) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return error_set(error, "%s: %s; is the daemon running?", path, strerror(errno));
	struct iovec parts[2] = {{(void *)line, strlen(line)}, {(void *)"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)strlen(line) + 1)
		return error_set(error, "%s: %s", path, strerror(errno));
	char *text = read_answer(fd, deadline_ns, error);
	if (!text)
		return -1;
	json_t *parsed = json_loads(text, 0, NULL);
	free(text);
	if (json_is_true(json_object_get(parsed, "ok"))) {
		*answer = parsed;
		return 0;
	}
	const char *reason = json_string_value(json_object_get(parsed, "error"));
	error_set(error, "%s", reason ? reason : "the answer is no JSON");
	json_decref(parsed);
	return -1;
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
