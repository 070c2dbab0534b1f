#include "nodes/trevi/daemon/client_internal.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void lost(struct connection *c, const char *why)
{
	struct client *client = c->client;

	c->lost = true;
	c->raw = NULL;
	for (uint32_t i = client->done; i < client->job_count; i++)
		for (unsigned k = 0; client->jobs[i].active && k < client->jobs[i].part_count; k++) {
			struct part *part = &client->jobs[i].parts[k];
			if (part->connection == c &&
				(part->state == PART_ASKED || part->state == PART_RUNNING))
				part_failed(&client->jobs[i], part, why);
		}
	client_work(client);
}

static void closed(void *owner)
{
	lost(owner, "the connection was lost");
}

static ssize_t take_raw(struct connection *c, const uint8_t *bytes, size_t size)
{
	struct job *job = c->raw;
	uint32_t missing = job->length - c->raw_got, taken = size < missing ? (uint32_t)size : missing;

	memcpy(job->bytes + c->raw_got, bytes, taken);
	c->raw_got += taken;
	if (c->raw_got == job->length) {
		c->raw = NULL;
		job_fetched(job);
		client_work(c->client);
	}
	return taken;
}

static ssize_t take(void *owner, const uint8_t *bytes, size_t size)
{
	struct connection *c = owner;
	struct wire_frame frame;

	if (c->raw)
		return take_raw(c, bytes, size);
	ssize_t length = wire_read_frame(bytes, size, &frame);
	if (length == 0)
		return 0;
	if (length < 0 || !job_frame(c, &frame)) {
		c->client->count.malformed++;
		log_warning("connection-closed", "reason=malformed-frame");
		return -1;
	}
	client_work(c->client);
	return length;
}

struct connection *client_connect(struct client *client, struct place at)
{
	int protocol = client->settings->by == BY_MPTCP ? IPPROTO_MPTCP : IPPROTO_TCP;
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr = address_v4(&at.address), .sin_port = htons(at.port)};

	for (struct connection *c = client->connections; c; c = c->next)
		if (!c->lost && place_equal(&c->at, &at))
			return c;
	struct connection *c = calloc(1, sizeof *c);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (!c)
		abort();
	/* The handshake's last packet is what we say first: many connections begin at once, and what is too much for a queue waits for TCP to say it again. */
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int));
	c->client = client;
	c->at = at;
	c->stream = (struct stream){.fd = -1,
		.owner = c,
		.take = take,
		.closed = closed,
		.out_max = WIRE_TRACT_MAX + (4u << 20),
		.room = 1u << 20};
	if (fd < 0 || (connect(fd, (struct sockaddr *)&name, sizeof name) < 0 && errno != EINPROGRESS)) {
		if (fd >= 0)
			close(fd);
		c->lost = true;
	} else if (stream_open(&c->stream, client->loop, fd, true) < 0)
		c->lost = true;
	c->next = client->connections;
	client->connections = c;
	return c;
}

int64_t connection_rtt(const struct connection *c)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (c->lost || getsockopt(c->stream.fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return 0;
	return (int64_t)info.tcpi_rtt * NS_PER_US;
}

/* What waits comes first, in the same packet. */
static void say(struct connection *c, const uint8_t *frame, size_t length, const uint8_t *bytes, size_t size)
{
	uint8_t head[STOPS * WIRE_STOP_SIZE + WIRE_FRAME_MAX];
	size_t before = c->stop_count * WIRE_STOP_SIZE;

	memcpy(head, c->stops, before);
	if (length)
		memcpy(head + before, frame, length);
	c->stop_count = 0;
	if (!c->lost && !stream_send(&c->stream, head, before + length, bytes, size))
		shutdown(c->stream.fd, SHUT_RDWR); /* the loop sees it */
}

void connection_say(struct connection *c, const struct wire_frame *frame, const uint8_t *bytes, size_t size)
{
	uint8_t head[WIRE_FRAME_MAX];

	say(c, head, wire_write_frame(frame, head), bytes, size);
}

void connection_stop(struct connection *c, uint64_t session)
{
	uint8_t head[WIRE_FRAME_MAX];

	if (c->stop_count == STOPS)
		say(c, NULL, 0, NULL, 0);
	if (c->stop_count == 0)
		c->stop_ns = clock_now_ns();
	wire_write_frame(&(struct wire_frame){.type = WIRE_STOP, .session = session}, head);
	memcpy(c->stops[c->stop_count++], head, WIRE_STOP_SIZE);
}

#define STOP_NS (5 * NS_PER_MS)

int64_t connection_work(struct connection *c, int64_t now_ns)
{
	if (c->stop_count == 0)
		return INT64_MAX;
	if (now_ns - c->stop_ns < STOP_NS)
		return c->stop_ns + STOP_NS;
	say(c, NULL, 0, NULL, 0);
	return INT64_MAX;
}

void client_disconnect(struct client *client)
{
	while (client->connections) {
		struct connection *c = client->connections;
		client->connections = c->next;
		if (c->stream.fd >= 0)
			stream_close(&c->stream);
		free(c);
	}
}
