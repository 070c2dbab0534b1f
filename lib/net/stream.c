#include "lib/net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void gone(struct stream *s)
{
	stream_close(s);
	s->closed(s->owner);
}

static void watch_output(struct stream *s, bool wanted)
{
	sd_event_source_set_io_events(s->source, EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0));
}

/* False: closed. */
static bool flush(struct stream *s)
{
	while (s->out_from < s->out_size) {
		ssize_t n = send(s->fd, s->out + s->out_from, s->out_size - s->out_from, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch_output(s, true);
			return true;
		}
		if (n < 0)
			return false;
		s->out_from += (size_t)n;
	}
	s->out_from = s->out_size = 0;
	watch_output(s, false);
	return true;
}

/* False: closed, or to be closed. */
static bool receive(struct stream *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_size, s->in_room - s->in_size, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	s->in_size += (size_t)n;
	size_t from = 0;
	while (from < s->in_size) {
		ssize_t taken = s->take(s->owner, s->in + from, s->in_size - from);
		if (s->fd < 0)
			return true; /* closed by its owner meanwhile */
		if (taken < 0)
			return false;
		if (taken == 0)
			break;
		from += (size_t)taken;
	}
	memmove(s->in, s->in + from, s->in_size - from);
	s->in_size -= from;
	return true;
}

static bool finish_connecting(struct stream *s)
{
	int code = 0;
	socklen_t size = sizeof code;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code)
		return false;
	s->connecting = false;
	if (s->connected)
		s->connected(s->owner);
	return true;
}

static int ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct stream *s = context;
	bool good = true;

	(void)source;
	(void)fd;
	if (s->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		good = finish_connecting(s);
	if (good && s->fd >= 0 && (events & EPOLLOUT))
		good = flush(s);
	if (good && s->fd >= 0 && !s->connecting && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		good = receive(s);
	if (!good && s->fd >= 0)
		gone(s);
	return 0;
}

int stream_open(struct stream *s, sd_event *loop, int fd, bool connecting)
{
	int on = 1;

	s->fd = fd;
	s->connecting = connecting;
	s->in_size = s->out_from = s->out_size = 0;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* an answer does not wait for the next */
	if (!s->in) {
		s->in_room = s->room ? s->room : STREAM_ROOM;
		s->in = malloc(s->in_room);
	}
	if (!s->in || sd_event_add_io(loop, &s->source, fd,
			      connecting ? (uint32_t)EPOLLOUT : (uint32_t)EPOLLIN, ready, s) < 0) {
		stream_close(s);
		return -1;
	}
	return 0;
}

void stream_close(struct stream *s)
{
	s->source = sd_event_source_disable_unref(s->source);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->in);
	free(s->out);
	s->in = s->out = NULL;
	s->in_size = s->in_room = s->out_from = s->out_size = s->out_room = 0;
}

bool stream_send(struct stream *s, const void *head, size_t head_size, const void *value, size_t size)
{
	if (s->fd < 0)
		return false;
	if (s->out_size + head_size + size > s->out_room) {
		size_t room = 2 * (s->out_size + head_size + size) + 4096;
		size_t most = s->out_max ? s->out_max : STREAM_OUT_MAX;
		uint8_t *out = s->out_size + head_size + size > most ? NULL : realloc(s->out, room);
		if (!out)
			return false;
		s->out = out;
		s->out_room = room;
	}
	memcpy(s->out + s->out_size, head, head_size);
	if (size)
		memcpy(s->out + s->out_size + head_size, value, size);
	bool idle = s->out_from == s->out_size;
	s->out_size += head_size + size;
	/* What fails now is seen by the loop as an error of the socket. */
	if (idle && !s->connecting)
		return flush(s);
	return true;
}
