/* Channels: a list of sockets; the one that was silent for longest gives way when there are very many. */
#include "nodes/detour/client/channels.h"
#include "lib/detour/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNELS_MOST 512
#define BATCH 64

struct channel {
	struct channels *all;
	unsigned detour;
	struct address local;
	int fd;
	sd_event_source *source;
	struct channel *next; /* in the order of use, latest first */
};

struct channels {
	sd_event *loop;
	void (*arrived)(
		void *context, unsigned detour, const struct address *local, const void *bytes, size_t size);
	void (*settled)(void *context);
	void *context;
	struct channel *first;
	unsigned count;
};

struct channels *channels_new(sd_event *loop,
	void (*arrived)(
		void *context, unsigned detour, const struct address *local, const void *bytes, size_t size),
	void (*settled)(void *context), void *context)
{
	struct channels *channels = calloc(1, sizeof *channels);

	if (!channels)
		abort();
	channels->loop = loop;
	channels->arrived = arrived;
	channels->settled = settled;
	channels->context = context;
	return channels;
}

static void close_channel(struct channel **link)
{
	struct channel *channel = *link;

	*link = channel->next;
	channel->all->count--;
	sd_event_source_disable_unref(channel->source);
	close(channel->fd);
	free(channel);
}

void channels_drop(struct channels *channels, unsigned detour)
{
	for (struct channel **at = &channels->first; *at;)
		if ((*at)->detour == detour)
			close_channel(at);
		else
			at = &(*at)->next;
}

void channels_free(struct channels *channels)
{
	if (!channels)
		return;
	while (channels->first)
		close_channel(&channels->first);
	free(channels);
}

/* One byte more than a message has: a longer one is seen to be longer. An error (no such port at the detour) is read, and
 * is like a loss. */
static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct channel *channel = context;
	struct channels *all = channel->all;
	/* What is told may drop the channel. */
	unsigned detour = channel->detour;
	struct address local = channel->local;
	uint8_t bytes[BATCH][SEAL_SIZE + 1];
	struct iovec data[BATCH];
	struct mmsghdr headers[BATCH] = {0};
	(void)source;
	(void)events;

	for (int i = 0; i < BATCH; i++) {
		data[i] = (struct iovec){bytes[i], sizeof bytes[i]};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &data[i], .msg_iovlen = 1};
	}
	int got = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		all->arrived(all->context, detour, &local, bytes[i], headers[i].msg_len);
	if (got > 0)
		all->settled(all->context);
	return 0;
}

static int open_socket(const struct place *at, const struct address *local)
{
	struct sockaddr_storage to, from;
	struct place bound = {.address = *local};
	socklen_t length = place_sockaddr(at, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if ((address_is_none(local) ||
		    bind(fd, (struct sockaddr *)&from, place_sockaddr(&bound, &from)) == 0) &&
		connect(fd, (struct sockaddr *)&to, length) == 0)
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static struct channel *open_channel(
	struct channels *channels, unsigned detour, const struct place *at, const struct address *local)
{
	int fd = open_socket(at, local);

	if (fd < 0)
		return NULL;
	struct channel *channel = calloc(1, sizeof *channel);
	if (!channel)
		abort();
	*channel = (struct channel){.all = channels, .detour = detour, .local = *local, .fd = fd};
	int result = sd_event_add_io(channels->loop, &channel->source, fd, EPOLLIN, on_readable, channel);
	if (result < 0) {
		close(fd);
		free(channel);
		errno = -result;
		return NULL;
	}
	if (channels->count == CHANNELS_MOST) {
		struct channel **last = &channels->first;
		while ((*last)->next)
			last = &(*last)->next;
		close_channel(last);
	}
	channels->count++;
	return channel;
}

bool channels_send(struct channels *channels, unsigned detour, const struct place *at,
	const struct address *local, const void *bytes, size_t size)
{
	struct channel **link = &channels->first, *channel;

	while (*link && !((*link)->detour == detour && address_equal(&(*link)->local, local)))
		link = &(*link)->next;
	channel = *link;
	if (channel)
		*link = channel->next;
	else if (!(channel = open_channel(channels, detour, at, local)))
		return false;
	channel->next = channels->first;
	channels->first = channel;
	/* An error of an earlier datagram is told to the next one, which then goes unsent: it is tried again, once. */
	for (int i = 0; i < 2; i++)
		if (send(channel->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
			return true;
	return false;
}
