/* Datagrams in and out; see the header. Payload is neither made nor looked at: what travels is how much. */
#include "nodes/ndp/host/sockets.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (16 << 20) /* windows of many flows that come at once, as the kernel counts them */
#define BATCH 64          /* datagrams of one path before others */

static int open_one(const struct in_addr *address, uint16_t port, char **error)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int whole = IP_PMTUDISC_DO, buffer = BUFFER;
	char text[INET_ADDRSTRLEN] = "any";

	if (address) {
		own.sin_addr = *address;
		inet_ntop(AF_INET, address, text, sizeof text);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole) < 0) {
		error_set(error, "UDP socket %s port %u: %s", text, port, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	/* More than net.core.rmem_max takes a privilege; without it the kernel's limit it is. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return fd;
}

int sockets_open(struct sockets *s, const struct addresses *own, uint16_t port, char **error)
{
	uint32_t count = own->count ? own->count : 1;

	*s = (struct sockets){.now_ns = clock_now_ns()};
	for (uint32_t i = 0; i < count; i++) {
		struct sockaddr_in first;
		socklen_t length = sizeof first;
		s->fds[i] = open_one(own->count ? &own->list[i] : NULL, port, error);
		if (s->fds[i] < 0) {
			sockets_close(s);
			return -1;
		}
		s->count++;
		if (port == 0 && getsockname(s->fds[0], (struct sockaddr *)&first, &length) == 0)
			port = ntohs(first.sin_port);
	}
	return 0;
}

void sockets_close(struct sockets *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		close(s->fds[i]);
	s->count = 0;
}

void sockets_send(
	struct sockets *s, uint32_t path, const struct sockaddr_in *to, const struct ndp_message *message)
{
	static const uint8_t nothing[UINT16_MAX];
	uint8_t header[NDP_WIRE_SIZE];
	struct iovec pieces[] = {{header, sizeof header}, {(void *)nothing, message->length}};
	struct msghdr datagram = {.msg_name = (void *)to,
		.msg_namelen = sizeof *to,
		.msg_iov = pieces,
		.msg_iovlen = message->type == NDP_DATA ? 2 : 1};

	ndp_encode(message, header);
	if (sendmsg(s->fds[path], &datagram, MSG_DONTWAIT) < 0)
		s->unsent++;
}

/* One datagram of a path: its header alone is copied. False: none is there. */
static bool receive(struct sockets *s, uint32_t path, sockets_handler *handler, void *context)
{
	uint8_t header[NDP_WIRE_SIZE];
	struct ndp_message message;
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	ssize_t size =
		recvfrom(s->fds[path], header, sizeof header, MSG_TRUNC, (struct sockaddr *)&from, &length);

	if (size < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	enum ndp_fault fault = ndp_decode(header, (size_t)size, &message);
	if (fault == NDP_GOOD)
		handler(context, path, &from, &message, s->now_ns);
	else
		s->faults[fault]++;
	return true;
}

int64_t sockets_now(const struct sockets *s)
{
	return s->now_ns;
}

int sockets_wait(struct sockets *s, int64_t until_ns, sockets_handler *handler, void *context)
{
	struct pollfd polls[ADDRESSES_MAX];
	int64_t left = until_ns == INT64_MAX ? 0 : until_ns - s->now_ns;
	struct timespec timeout = {left > 0 ? left / NS_PER_S : 0, left > 0 ? left % NS_PER_S : 0};

	for (uint32_t i = 0; i < s->count; i++)
		polls[i] = (struct pollfd){.fd = s->fds[i], .events = POLLIN};
	int ready = ppoll(polls, s->count, until_ns == INT64_MAX ? NULL : &timeout, NULL);
	s->now_ns = clock_now_ns();
	if (ready < 0)
		return -1;
	for (uint32_t i = 0; i < s->count && ready > 0; i++)
		for (int k = 0; polls[i].revents && k < BATCH && receive(s, i, handler, context); k++)
			;
	return 0;
}
