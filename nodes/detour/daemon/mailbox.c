/* Mailboxes, by recvmmsg and sendmmsg. */
#include "nodes/detour/daemon/mailbox.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (4 << 20) /* of the kernel: a burst waits here instead of being lost */

struct slot {
	uint8_t bytes[SEAL_SIZE + 1]; /* a longer one need not be read to its end */
	struct sockaddr_storage from;
	struct iovec data;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct timespec))];
	} control;
};

struct mailbox {
	int fd;
	bool v4;
	sd_event_source *source;
	void (*arrived)(
		void *context, struct mailbox *mailbox, const struct desk_letter *letters, size_t count);
	void *context;
	struct slot in[MAILBOX_BATCH], out[MAILBOX_BATCH];
	struct mmsghdr headers[MAILBOX_BATCH];
};

static void prepare(struct mailbox *mailbox)
{
	for (int i = 0; i < MAILBOX_BATCH; i++) {
		struct slot *slot = &mailbox->in[i];
		slot->data = (struct iovec){slot->bytes, sizeof slot->bytes};
		mailbox->headers[i].msg_hdr = (struct msghdr){.msg_name = &slot->from,
			.msg_namelen = sizeof slot->from,
			.msg_iov = &slot->data,
			.msg_iovlen = 1,
			.msg_control = &slot->control,
			.msg_controllen = sizeof slot->control};
	}
}

static struct address address_asked(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof v4);
			return address_of_v4(v4.ipi_spec_dst);
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof v6);
			return address_of_v6(&v6.ipi6_addr);
		}
	}
	return ADDRESS_NONE;
}

/* When the kernel had it; 0: it does not say. */
static int64_t arrival(struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		struct timespec t;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof t);
		return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
	}
	return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct mailbox *mailbox = context;
	struct desk_letter letters[MAILBOX_BATCH];
	(void)source, (void)revents;
	prepare(mailbox);
	int got = recvmmsg(fd, mailbox->headers, MAILBOX_BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (got <= 0)
		return 0;
	for (int i = 0; i < got; i++) {
		struct slot *slot = &mailbox->in[i];
		letters[i] = (struct desk_letter){place_of_sockaddr((struct sockaddr *)&slot->from),
			address_asked(&mailbox->headers[i].msg_hdr), slot->bytes, mailbox->headers[i].msg_len,
			arrival(&mailbox->headers[i].msg_hdr)};
	}
	mailbox->arrived(mailbox->context, mailbox, letters, (size_t)got);
	return 0;
}

static void set_source(struct msghdr *header, struct slot *slot, const struct address *from)
{
	bool v4 = address_is_v4(from);
	struct in_pktinfo info4 = {.ipi_spec_dst = address_v4(from)};
	struct in6_pktinfo info6 = {0};
	if (address_is_none(from))
		return;
	memset(&slot->control, 0, sizeof slot->control);
	header->msg_control = &slot->control;
	header->msg_controllen = v4 ? CMSG_SPACE(sizeof info4) : CMSG_SPACE(sizeof info6);
	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = v4 ? CMSG_LEN(sizeof info4) : CMSG_LEN(sizeof info6);
	memcpy(&info6.ipi6_addr, from, sizeof info6.ipi6_addr);
	memcpy(CMSG_DATA(c), v4 ? (void *)&info4 : (void *)&info6, v4 ? sizeof info4 : sizeof info6);
}

size_t mailbox_send(struct mailbox *mailbox, const struct mailbox_answer *answers, size_t count)
{
	size_t done = 0;
	for (size_t i = 0; i < count; i++) {
		struct slot *slot = &mailbox->out[i];
		struct msghdr *header = &mailbox->headers[i].msg_hdr;
		slot->data = (struct iovec){(void *)answers[i].bytes, answers[i].size};
		*header = (struct msghdr){.msg_name = &slot->from,
			.msg_namelen = place_sockaddr(&answers[i].to->from, &slot->from),
			.msg_iov = &slot->data,
			.msg_iovlen = 1};
		set_source(header, slot, &answers[i].to->to);
	}
	/* A send that fails is of one datagram (no route to it): the others go on. */
	for (size_t at = 0; at < count;) {
		int sent = sendmmsg(mailbox->fd, mailbox->headers + at, (unsigned)(count - at),
			MSG_DONTWAIT | MSG_NOSIGNAL);
		done += sent > 0 ? (size_t)sent : 0;
		at += sent > 0 ? (size_t)sent : 1;
	}
	return done;
}

static int open_socket(struct mailbox *mailbox, const struct place *at)
{
	int on = 1, bytes = BUFFER;
	struct sockaddr_storage local;
	mailbox->v4 = address_is_v4(&at->address);
	socklen_t length = place_sockaddr(at, &local);
	mailbox->fd = socket(mailbox->v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (mailbox->fd < 0)
		return -1;
	if (!mailbox->v4 && setsockopt(mailbox->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -1;
	if (setsockopt(mailbox->fd, mailbox->v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    mailbox->v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof on) < 0)
		return -1;
	if (setsockopt(mailbox->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
		return -1;
	if (setsockopt(mailbox->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(mailbox->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	return bind(mailbox->fd, (struct sockaddr *)&local, length);
}

struct mailbox *mailbox_open(sd_event *loop, const struct place *at,
	void (*arrived)(
		void *context, struct mailbox *mailbox, const struct desk_letter *letters, size_t count),
	void *context, char **error)
{
	char text[PLACE_TEXT];
	struct mailbox *mailbox = calloc(1, sizeof *mailbox);
	if (!mailbox) {
		error_set(error, "out of memory");
		errno = ENOMEM;
		return NULL;
	}
	mailbox->arrived = arrived;
	mailbox->context = context;
	if (open_socket(mailbox, at) == 0) {
		int result =
			sd_event_add_io(loop, &mailbox->source, mailbox->fd, EPOLLIN, on_readable, mailbox);
		if (result >= 0)
			return mailbox;
		errno = -result;
	}
	int reason = errno;
	error_set(error, "%s: cannot listen for requests: %s; is another detour running?",
		place_text(at, text), strerror(reason));
	mailbox_close(mailbox);
	errno = reason;
	return NULL;
}

void mailbox_close(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	sd_event_source_disable_unref(mailbox->source);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	free(mailbox);
}
