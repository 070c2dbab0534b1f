/* The server's side: many connections in one loop. A connection that says what is no header is closed, and counted. */
#include "nodes/grin/matrix/matrix.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define CHUNK 262144

volatile sig_atomic_t stopped;
enum { PEERS_MOST = 4096 };

struct peer {
	int fd; /* -1: it has gone */
	struct in_addr address;
	unsigned char header[MATRIX_HEADER];
	unsigned have; /* of the header */
	bool sink;
	uint64_t owed;     /* bytes that it is still to get */
	uint64_t received; /* since the last count */
};

struct server {
	int listener;
	struct peer *peers;
	struct pollfd *polls;
	size_t count;
	uint64_t strangers;
	unsigned char *chunk;
};

int matrix_socket(bool tcp, char **error)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, tcp ? 0 : IPPROTO_MPTCP);

	return fd >= 0 ? fd
		       : error_set(
				 error, "a socket of %s: %s", tcp ? "TCP" : "Multipath TCP", strerror(errno));
}

int matrix_listen(const struct options *o, char **error)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	int one = 1, fd = matrix_socket(o->tcp, error);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1024) == 0)
		return fd;
	error_set(error, "port %u: %s", o->port, strerror(errno));
	close(fd);
	return -1;
}

int matrix_say_ready(int ready_fd, char **error)
{
	if (ready_fd < 0)
		return 0;
	bool said = write(ready_fd, "READY\n", 6) == 6;
	close(ready_fd);
	return said ? 0 : error_set(error, "READY: %s", strerror(errno));
}

int matrix_print(json_t *object)
{
	int result = json_dumpf(object, stdout, JSON_REAL_PRECISION(9)) < 0 || putchar('\n') == EOF ||
		     fflush(stdout) != 0;

	json_decref(object);
	return result;
}

struct server *server_new(int listener)
{
	struct server *s = calloc(1, sizeof *s);

	if (!s || !(s->peers = calloc(PEERS_MOST, sizeof *s->peers)) ||
		!(s->polls = calloc(PEERS_MOST + 2, sizeof *s->polls)) || !(s->chunk = calloc(1, CHUNK)))
		abort();
	s->listener = listener;
	return s;
}

static void hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

void server_free(struct server *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->peers[i].fd >= 0)
			hang_up(&s->peers[i]);
	close(s->listener);
	free(s->peers);
	free(s->polls);
	free(s->chunk);
	free(s);
}

static void take_in(struct server *s)
{
	struct sockaddr_in from = {0};
	socklen_t length = sizeof from;
	int fd = accept4(s->listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t at = 0;

	if (fd < 0)
		return;
	/* Those that were sinks are kept, for their counts. */
	while (at < s->count && (s->peers[at].fd >= 0 || s->peers[at].sink))
		at++;
	if (at == PEERS_MOST) {
		close(fd);
		s->strangers++;
		return;
	}
	s->peers[at] = (struct peer){.fd = fd, .address = from.sin_addr};
	s->count += at == s->count;
}

/* 1: there may be more; 0: not now, or it has gone. */
static int hear(struct server *s, struct peer *p)
{
	unsigned char *to = p->sink ? s->chunk : p->header + p->have;
	ssize_t n = recv(p->fd, to, p->sink ? CHUNK : MATRIX_HEADER - p->have, 0);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			hang_up(p);
		return 0;
	}
	if (p->sink) {
		p->received += (uint64_t)n;
		return 1;
	}
	p->have += (unsigned)n;
	if (p->have < MATRIX_HEADER)
		return 1;
	p->have = 0;
	if (!matrix_read_header(p->header, &p->owed)) {
		s->strangers++;
		hang_up(p);
		return 0;
	}
	p->sink = p->owed == 0;
	return 1;
}

static void give(struct server *s, struct peer *p)
{
	while (p->owed) {
		ssize_t n = send(p->fd, s->chunk, p->owed < CHUNK ? (size_t)p->owed : CHUNK, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				hang_up(p);
			return;
		}
		p->owed -= (uint64_t)n;
	}
}

void server_step(struct server *s, int64_t wait_ns, int also)
{
	struct timespec wait = {wait_ns / NS_PER_S, wait_ns % NS_PER_S};

	s->polls[0] = (struct pollfd){.fd = s->listener, .events = POLLIN};
	s->polls[1] = (struct pollfd){.fd = also, .events = POLLIN};
	for (size_t i = 0; i < s->count; i++)
		s->polls[i + 2] = (struct pollfd){
			.fd = s->peers[i].fd, .events = (short)(s->peers[i].owed ? POLLOUT : POLLIN)};
	if (ppoll(s->polls, s->count + 2, wait_ns < 0 ? NULL : &wait, NULL) <= 0)
		return;
	size_t count = s->count;
	for (size_t i = 0; i < count; i++) {
		struct peer *p = &s->peers[i];
		if (p->fd < 0 || !s->polls[i + 2].revents)
			continue;
		/* A turn each: nobody is starved by one that sends without end. */
		for (int turn = 0; p->fd >= 0 && !p->owed && turn < 8 && hear(s, p); turn++)
			;
		if (p->fd >= 0 && p->owed)
			give(s, p);
	}
	if (s->polls[0].revents)
		take_in(s);
}

size_t server_take(struct server *s, struct server_count **counts)
{
	size_t count = 0;

	*counts = calloc(s->count + 1, sizeof **counts);
	if (!*counts)
		abort();
	for (size_t i = 0; i < s->count; i++) {
		if (!s->peers[i].sink)
			continue;
		(*counts)[count++] = (struct server_count){s->peers[i].received, s->peers[i].address};
		s->peers[i].received = 0;
	}
	return count;
}

size_t server_sinks(const struct server *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += s->peers[i].sink;
	return count;
}

size_t server_sinks_open(const struct server *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += s->peers[i].sink && s->peers[i].fd >= 0;
	return count;
}

uint64_t server_strangers(const struct server *s)
{
	return s->strangers;
}
