/* The same flows by the kernel's TCP and Multipath TCP, for comparison: a connection each. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/net/meet.h"
#include "nodes/ndp/host/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (1 << 18)
#define FLOWS_MOST 4096

static int protocol_of(const struct options *o)
{
	return o->transport == TRANSPORT_MPTCP ? 262 /* IPPROTO_MPTCP */ : IPPROTO_TCP;
}

static const char *name_of(const struct options *o)
{
	return o->transport == TRANSPORT_MPTCP ? "mptcp" : "tcp";
}

/* ---- serve */

struct stream {
	struct sockaddr_in from;
	int64_t first_ns, end_ns;
	uint64_t bytes;
};

struct stream_server {
	struct pollfd polls[FLOWS_MOST + 1]; /* the listener first */
	struct stream streams[FLOWS_MOST];
	uint32_t count, whole;
	struct bins bins;
};

static int listen_at(const struct options *o, char **error)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol_of(o));

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
		bind(fd, (struct sockaddr *)&own, sizeof own) < 0 || listen(fd, FLOWS_MOST) < 0)
		return error_set(error, "%s port %u: %s", name_of(o), o->port, strerror(errno));
	return fd;
}

static void accept_all(struct stream_server *s)
{
	while (s->count < FLOWS_MOST) {
		struct stream *stream = &s->streams[s->count];
		socklen_t length = sizeof stream->from;
		int fd = accept4(s->polls[0].fd, (struct sockaddr *)&stream->from, &length,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		stream->first_ns = clock_now_ns();
		s->polls[++s->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	s->polls[0].fd = -1; /* full */
}

static void read_stream(struct stream_server *s, uint32_t i)
{
	static char piece[PIECE];
	struct stream *stream = &s->streams[i];
	int fd = s->polls[i + 1].fd;
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0) {
		stream->end_ns = clock_now_ns();
		stream->bytes += (uint64_t)n;
		bins_add(&s->bins, stream->end_ns, (uint64_t)n);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	s->whole += n == 0;
	if (n < 0)
		stream->end_ns = 0;
	close(fd);
	s->polls[i + 1].fd = -1;
}

static json_t *stream_server_json(const struct options *o, struct stream_server *s)
{
	json_t *flows = json_array();
	uint64_t bytes = 0;
	int64_t end = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct stream *stream = &s->streams[i];
		char from[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &stream->from.sin_addr, from, sizeof from);
		bool whole = s->polls[i + 1].fd < 0 && stream->end_ns;
		json_array_append_new(flows, json_pack("{s:s, s:o, s:o, s:I}", "from", from, "first",
						     seconds_json(stream->first_ns), "end",
						     whole ? seconds_json(stream->end_ns) : json_null(),
						     "bytes", (json_int_t)stream->bytes));
		bytes += stream->bytes;
		end = stream->end_ns > end ? stream->end_ns : end;
	}
	return json_pack("{s:s, s:o, s:I, s:I, s:o, s:o}", "transport", name_of(o), "end", seconds_json(end),
		"whole", (json_int_t)s->whole, "bytes", (json_int_t)bytes, "flows", flows, "bins",
		bins_json(&s->bins));
}

int stream_serve(const struct options *o, char **error)
{
	static struct stream_server server;
	struct stream_server *s = &server;
	int listener = listen_at(o, error);

	if (listener < 0 || say_ready(o, error) < 0)
		return -1;
	s->bins.width_ns = o->bin_ns;
	s->polls[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	int64_t until = end_of(o, clock_now_ns()), left = 0;
	while (!stopped && !(o->flows && s->whole >= o->flows) && (left = until - clock_now_ns()) > 0) {
		struct timespec timeout = {left / NS_PER_S, left % NS_PER_S};
		uint32_t count = s->count;
		if (ppoll(s->polls, count + 1, until == INT64_MAX ? NULL : &timeout, NULL) <= 0)
			continue;
		if (s->polls[0].revents)
			accept_all(s);
		for (uint32_t i = 0; i < count; i++)
			if (s->polls[i + 1].revents)
				read_stream(s, i);
	}
	return print_json(stream_server_json(o, s));
}

/* ---- send */

/* How much of it was sent; all of it only when the receiver has read its end. */
static uint64_t send_stream(int fd, uint64_t size, int64_t until)
{
	static const char nothing[PIECE];
	uint64_t sent = 0;
	bool ended = false;

	while (!stopped && !ended) {
		int64_t left = until - clock_now_ns();
		struct timespec timeout = {left / NS_PER_S, left % NS_PER_S};
		struct pollfd poll_fd = {.fd = fd, .events = sent < size ? POLLOUT : POLLIN};
		if (left <= 0 || (ppoll(&poll_fd, 1, until == INT64_MAX ? NULL : &timeout, NULL) < 0 &&
					 errno != EINTR))
			return sent;
		if (sent == size) {
			char end;
			ended = poll_fd.revents && recv(fd, &end, 1, 0) == 0;
			if (poll_fd.revents && !ended)
				return sent - 1;
			continue;
		}
		ssize_t n = send(fd, nothing, size - sent < PIECE ? size - sent : PIECE, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return sent;
		sent += n > 0 ? (uint64_t)n : 0;
		if (sent == size)
			shutdown(fd, SHUT_WR);
	}
	return sent;
}

static int connect_to(const struct options *o, char **error)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr = o->to.list[0]};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol_of(o));

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return error_set(error, "%s: %s", name_of(o), strerror(errno));
	return fd;
}

int stream_send(const struct options *o, char **error)
{
	json_t *flows = json_array();
	int64_t first = meet_others(o->meet, o->meeting, o->after_ns, &stopped, error),
		until = end_of(o, first), start = first;
	bool all = true;

	if (first < 0)
		return -1;
	for (uint32_t i = 0; i < o->count && !stopped && start < until; i++) {
		int fd = connect_to(o, error);
		if (fd < 0)
			return -1;
		uint64_t sent = send_stream(fd, o->size, until);
		int64_t end = clock_now_ns();
		close(fd);
		json_array_append_new(
			flows, json_pack("{s:o, s:o, s:o, s:b, s:I}", "start", seconds_json(start), "end",
				       seconds_json(end), "seconds", seconds_json(end - start), "done",
				       sent == o->size, "bytes", (json_int_t)sent));
		all = all && sent == o->size;
		start = end;
	}
	int result = print_json(json_pack(
		"{s:s, s:o, s:o}", "transport", name_of(o), "start", seconds_json(first), "flows", flows));
	return all || o->duration_ns ? result : 1;
}
