#include "nodes/trevi/daemon/datagrams.h"

#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define BUFFER (4 << 20)
#define GROUPS 64

struct datagrams {
	int fd;
	uint16_t port;
	struct in_addr at;
	sd_event_source *source;
	datagrams_take *take;
	void (*batch)(void *context);
	void *context;
	uint64_t malformed, unsent;
	struct {
		struct in_addr address;
		unsigned uses;
	} groups[GROUPS];
	uint8_t out[WIRE_SYMBOL_MAX];
	uint8_t in[BATCH][WIRE_SYMBOL_MAX + 1]; /* one byte more than any has */
};

static int ready(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct datagrams *d = context;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_in from[BATCH];

	(void)source;
	(void)events;
	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){d->in[i], sizeof d->in[i]};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
			.msg_namelen = sizeof from[i],
			.msg_iov = &vectors[i],
			.msg_iovlen = 1};
	}
	int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		struct wire_datagram datagram;
		if (wire_read_datagram(d->in[i], messages[i].msg_len, &datagram))
			d->take(d->context, &datagram,
				(struct place){address_of_v4(from[i].sin_addr), ntohs(from[i].sin_port)});
		else
			d->malformed++;
	}
	if (count > 0 && d->batch)
		d->batch(d->context);
	return 0;
}

static int set_up(struct datagrams *d, sd_event *loop, struct place at, unsigned ttl, char **error)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_port = htons(at.port)}; /* any address: a group's datagrams come too */
	socklen_t size = sizeof name;
	int buffer = BUFFER, hops = (int)ttl;

	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return error_set(error, "UDP socket: %s", strerror(errno));
	/* What the machine allows; symbols that find no room are lost as on any link. */
	setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	if (setsockopt(d->fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) < 0 ||
		bind(d->fd, (struct sockaddr *)&name, sizeof name) < 0 ||
		getsockname(d->fd, (struct sockaddr *)&name, &size) < 0 ||
		sd_event_add_io(loop, &d->source, d->fd, EPOLLIN, ready, d) < 0)
		return error_set(error, "UDP port %u: %s", at.port, strerror(errno));
	d->port = ntohs(name.sin_port);
	return 0;
}

struct datagrams *datagrams_open(sd_event *loop, struct place at, unsigned ttl, datagrams_take *take,
	void (*batch)(void *context), void *context, char **error)
{
	struct datagrams *d = calloc(1, sizeof *d);

	if (!d)
		return error_set(error, "no memory"), NULL;
	d->at = address_v4(&at.address);
	d->take = take;
	d->batch = batch;
	d->context = context;
	if (set_up(d, loop, at, ttl, error) == 0)
		return d;
	datagrams_close(d);
	return NULL;
}

void datagrams_close(struct datagrams *d)
{
	if (!d)
		return;
	sd_event_source_disable_unref(d->source);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

uint16_t datagrams_port(const struct datagrams *d)
{
	return d->port;
}

static bool membership(struct datagrams *d, struct in_addr group, int option)
{
	struct ip_mreqn request = {group, d->at, 0};

	return setsockopt(d->fd, IPPROTO_IP, option, &request, sizeof request) == 0;
}

bool datagrams_join(struct datagrams *d, struct in_addr group)
{
	int place = -1;

	for (int i = 0; i < GROUPS; i++) {
		if (d->groups[i].uses && d->groups[i].address.s_addr == group.s_addr) {
			d->groups[i].uses++;
			return true;
		}
		if (!d->groups[i].uses && place < 0)
			place = i;
	}
	if (place < 0) {
		errno = ENOSPC;
		return false;
	}
	if (!membership(d, group, IP_ADD_MEMBERSHIP))
		return false;
	d->groups[place].address = group;
	d->groups[place].uses = 1;
	return true;
}

bool datagrams_leave(struct datagrams *d, struct in_addr group)
{
	for (int i = 0; i < GROUPS; i++)
		if (d->groups[i].uses && d->groups[i].address.s_addr == group.s_addr)
			return --d->groups[i].uses || membership(d, group, IP_DROP_MEMBERSHIP);
	return false;
}

static bool put(struct datagrams *d, struct place to, size_t size)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr = address_v4(&to.address), .sin_port = htons(to.port)};

	if (sendto(d->fd, d->out, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name, sizeof name) ==
		(ssize_t)size)
		return true;
	d->unsent++;
	return false;
}

bool datagrams_ask(struct datagrams *d, struct place to, uint64_t session, uint32_t label, uint32_t count)
{
	struct wire_datagram ask = {
		.type = WIRE_ASK, .session = session, .label = label, .count = (uint16_t)count};

	return put(d, to, wire_write_datagram(&ask, d->out));
}

uint8_t *datagrams_payload(struct datagrams *d)
{
	return d->out + WIRE_HEAD;
}

bool datagrams_bring(struct datagrams *d, struct place to, uint64_t session, uint32_t label, size_t size)
{
	struct wire_datagram bring = {.type = WIRE_BRING, .session = session, .label = label};

	wire_write_datagram(&bring, d->out);
	return put(d, to, WIRE_HEAD + size);
}

uint64_t datagrams_malformed(const struct datagrams *d)
{
	return d->malformed;
}

uint64_t datagrams_unsent(const struct datagrams *d)
{
	return d->unsent;
}
