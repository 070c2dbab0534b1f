/* A node of a traffic matrix: takes its flows and sends its own, a thread each, for as long as all do. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/net/meet.h"
#include "nodes/grin/matrix/matrix.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

struct sender {
	const struct options *options;
	unsigned destination;
	int64_t until;
	pthread_t thread;
	int fd;
	uint64_t sent;
	char *error;
};

static struct in_addr address_of(const struct options *o, unsigned node)
{
	return (struct in_addr){.s_addr = htonl(ntohl(o->base.s_addr) + node)};
}

static int say_header(int fd, uint64_t wanted)
{
	unsigned char header[MATRIX_HEADER];

	matrix_write_header(header, wanted);
	return send(fd, header, sizeof header, MSG_NOSIGNAL) == MATRIX_HEADER ? 0 : -1;
}

static void *send_all(void *context)
{
	static const char zeros[CHUNK];
	struct sender *s = context;
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(s->options->port),
		.sin_addr = address_of(s->options, s->destination)};

	if (connect(s->fd, (struct sockaddr *)&to, sizeof to) < 0 || say_header(s->fd, 0) < 0) {
		error_set(&s->error, "server %u: %s", s->destination + 1, strerror(errno));
		return NULL;
	}
	/* What is left in a send is cut off at the end by its time limit. */
	for (int64_t left; (left = s->until - clock_now_ns()) > 0 && !stopped;) {
		struct timeval limit = {left / NS_PER_S, left % NS_PER_S / NS_PER_US + 1};
		setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		ssize_t n = send(s->fd, zeros, CHUNK, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			error_set(&s->error, "server %u: %s", s->destination + 1, strerror(errno));
			return NULL;
		}
		s->sent += n > 0 ? (uint64_t)n : 0;
	}
	return NULL;
}

static int matrix(const struct options *o, struct traffic_flow **flows, char **error)
{
	if (!o->list)
		return traffic_draw(&o->traffic, flows, error);
	*flows = calloc(o->list_count, sizeof **flows);
	if (!*flows)
		abort();
	memcpy(*flows, o->list, o->list_count * sizeof **flows);
	return (int)o->list_count;
}

struct node {
	struct sender *senders;
	unsigned sending, receiving;
};

static int start_senders(struct node *node, char **error)
{
	for (unsigned i = 0; i < node->sending; i++) {
		struct sender *s = &node->senders[i];
		s->fd = matrix_socket(s->options->tcp, error);
		if (s->fd < 0)
			return -1;
	}
	for (unsigned i = 0; i < node->sending; i++)
		if (pthread_create(&node->senders[i].thread, NULL, send_all, &node->senders[i]) != 0)
			abort();
	return 0;
}

static int join_senders(struct node *node, uint64_t *sent, char **error)
{
	int result = 0;

	for (unsigned i = 0; i < node->sending; i++) {
		struct sender *s = &node->senders[i];
		pthread_join(s->thread, NULL);
		close(s->fd);
		*sent += s->sent;
		if (s->error && result == 0)
			result = error_set(error, "%s", s->error);
		free(s->error);
	}
	return result;
}

static void serve_until(struct server *server, int64_t when)
{
	for (int64_t left; (left = when - clock_now_ns()) > 0 && !stopped;)
		server_step(server, left, -1);
}

/* Until all that came has ended, or a while after the end. */
static void serve_out(struct server *server, int64_t until)
{
	while (server_sinks_open(server) && clock_now_ns() < until && !stopped)
		server_step(server, until - clock_now_ns(), -1);
}

static json_t *rates(const struct server_count *counts, size_t count, double seconds, double *sum)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		double rate = (double)counts[i].bytes * 8e-6 / seconds;
		char from[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &counts[i].peer, from, sizeof from);
		json_array_append_new(list, json_pack("{s:s, s:f}", "from", from, "rate", rate));
		*sum += rate;
	}
	return list;
}

static int report(struct node *node, struct server *server, const struct options *o,
	const struct server_count *counts, size_t count, uint64_t sent)
{
	double sum = 0;
	json_t *list = rates(counts, count, (double)(o->until_ns - o->from_ns) / NS_PER_S, &sum);
	json_t *receivers = json_array();

	if (node->receiving)
		json_array_append_new(receivers, json_real(sum));
	return matrix_print(json_pack("{s:f, s:i, s:i, s:i, s:o, s:o, s:I, s:I}", "rate", sum, "receives",
		node->receiving > 0, "expected", (int)node->receiving, "came", (int)server_sinks(server),
		"flows", list, "receivers", receivers, "sent", (json_int_t)sent, "strangers",
		(json_int_t)server_strangers(server)));
}

int matrix_run(const struct options *o, char **error)
{
	struct traffic_flow *flows = NULL;
	struct server_count *counts = NULL;
	struct node node = {0};
	uint64_t sent = 0;
	int count = matrix(o, &flows, error), listener = count < 0 ? -1 : matrix_listen(o, error);

	if (listener < 0) {
		free(flows);
		return -1;
	}
	struct server *server = server_new(listener);
	node.senders = calloc((size_t)count + 1, sizeof *node.senders);
	if (!node.senders)
		abort();
	for (int i = 0; i < count; i++) {
		node.receiving += flows[i].destination == o->node;
		if (flows[i].source == o->node)
			node.senders[node.sending++] =
				(struct sender){.options = o, .destination = flows[i].destination, .fd = -1};
	}
	free(flows);
	int64_t begin = matrix_say_ready(o->ready_fd, error) < 0
				? -1
				: meet_others(o->meet, o->meeting, 0, &stopped, error);
	for (unsigned i = 0; i < node.sending; i++)
		node.senders[i].until = begin + o->duration_ns;
	int result = begin < 0 ? -1 : start_senders(&node, error);
	if (result == 0) {
		serve_until(server, begin + o->from_ns);
		server_take(server, &counts);
		free(counts);
		serve_until(server, begin + o->until_ns);
		size_t taken = server_take(server, &counts);
		result = join_senders(&node, &sent, error);
		serve_out(server, begin + o->duration_ns + 5 * NS_PER_S);
		if (result == 0)
			result = report(&node, server, o, counts, taken, sent);
		free(counts);
	}
	free(node.senders);
	server_free(server);
	return result;
}

int matrix_serve(const struct options *o, char **error)
{
	int listener = matrix_listen(o, error);

	if (listener < 0)
		return -1;
	struct server *server = server_new(listener);
	int result = matrix_say_ready(o->ready_fd, error);
	while (result == 0 && !stopped)
		server_step(server, -1, -1);
	if (result == 0)
		result = matrix_print(json_pack("{s:I}", "strangers", (json_int_t)server_strangers(server)));
	server_free(server);
	return result;
}
