/* Fetches: so many bytes from each server over each connection, at the same moment, again and again; how long each took. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/net/meet.h"
#include "nodes/grin/matrix/matrix.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 262144

struct fetch {
	int fd;
	uint64_t left;
	int64_t began;
};

static int64_t pause_until(int64_t when)
{
	struct timespec at = {when / NS_PER_S, when % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR && !stopped)
		;
	return when;
}

static int open_one(const struct options *o, struct fetch *f, unsigned server, char **error)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr = o->servers[server]};
	char text[INET_ADDRSTRLEN];

	f->fd = matrix_socket(o->tcp, error);
	if (f->fd < 0)
		return -1;
	if (connect(f->fd, (struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	return error_set(
		error, "%s: %s", inet_ntop(AF_INET, &to.sin_addr, text, sizeof text), strerror(errno));
}

static int ask_one(struct fetch *f, uint64_t size, char **error)
{
	unsigned char header[MATRIX_HEADER];

	matrix_write_header(header, size);
	f->left = size;
	if (send(f->fd, header, sizeof header, MSG_NOSIGNAL) != MATRIX_HEADER)
		return error_set(error, "asking: %s", strerror(errno));
	return 0;
}

static int take_some(struct fetch *f, char *chunk, char **error)
{
	ssize_t n = recv(f->fd, chunk, CHUNK, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return error_set(error, "a server ended a connection before its bytes were here: %s",
			n ? strerror(errno) : "it closed");
	if (n > 0 && (uint64_t)n > f->left)
		return error_set(error, "a server sent more than was asked for");
	f->left -= n > 0 ? (uint64_t)n : 0;
	return 0;
}

/* Until all have what they asked for; a time per fetch into the list. */
static int take_all(struct fetch *fetches, unsigned count, json_t *samples, char *chunk, char **error)
{
	struct pollfd *polls = calloc(count, sizeof *polls);
	unsigned open = count;
	int result = 0;

	if (!polls)
		abort();
	while (open && result == 0 && !stopped) {
		for (unsigned i = 0; i < count; i++)
			polls[i] =
				(struct pollfd){.fd = fetches[i].left ? fetches[i].fd : -1, .events = POLLIN};
		if (poll(polls, count, -1) < 0)
			continue;
		for (unsigned i = 0; i < count && result == 0; i++) {
			if (!polls[i].revents || !fetches[i].left)
				continue;
			result = take_some(&fetches[i], chunk, error);
			if (result == 0 && !fetches[i].left) {
				json_array_append_new(samples,
					json_real((double)(clock_now_ns() - fetches[i].began) / NS_PER_S));
				open--;
			}
		}
	}
	free(polls);
	return stopped && result == 0 ? error_set(error, "stopped") : result;
}

static void close_all(struct fetch *fetches, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fetches[i].fd >= 0)
			close(fetches[i].fd);
		fetches[i].fd = -1;
	}
}

static int one_round(const struct options *o, struct fetch *fetches, unsigned count, json_t *samples,
	char *chunk, char **error)
{
	int64_t began = clock_now_ns();
	int result = 0;

	for (unsigned i = 0; i < count && result == 0; i++) {
		fetches[i].began = began;
		if (fetches[i].fd < 0)
			result = open_one(o, &fetches[i], i % o->server_count, error);
	}
	for (unsigned i = 0; i < count && result == 0; i++)
		result = ask_one(&fetches[i], o->size, error);
	return result < 0 ? -1 : take_all(fetches, count, samples, chunk, error);
}

int matrix_fetch(const struct options *o, char **error)
{
	unsigned count = o->server_count * o->connections;
	struct fetch *fetches = calloc(count, sizeof *fetches);
	char *chunk = malloc(CHUNK);
	json_t *samples = json_array();
	int result = 0;

	if (!fetches || !chunk)
		abort();
	for (unsigned i = 0; i < count; i++)
		fetches[i].fd = -1;
	if (meet_others(o->meet, o->meeting, 0, &stopped, error) < 0)
		result = -1;
	if (o->persistent) {
		for (unsigned i = 0; i < count && result == 0; i++)
			result = open_one(o, &fetches[i], i % o->server_count, error);
		pause_until(clock_now_ns() + o->pause_ns);
	}
	int64_t began = clock_now_ns();
	for (unsigned round = 0; round < o->rounds && result == 0; round++) {
		if (round && o->pause_ns)
			pause_until(clock_now_ns() + o->pause_ns);
		result = one_round(o, fetches, count, samples, chunk, error);
		if (!o->persistent)
			close_all(fetches, count);
	}
	double seconds = (double)(clock_now_ns() - began) / NS_PER_S;
	close_all(fetches, count);
	free(fetches);
	free(chunk);
	if (result < 0) {
		json_decref(samples);
		return -1;
	}
	return matrix_print(json_pack("{s:o, s:f, s:f}", "seconds", samples, "all", seconds, "rate",
		(double)o->size * count * o->rounds * 8e-6 / seconds));
}
