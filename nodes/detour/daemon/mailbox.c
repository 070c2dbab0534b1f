/* Mailboxes, by recvmmsg and sendmmsg. */
#include "nodes/detour/daemon/mailbox.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <netinet/udp.h>
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

static void put_control(
	struct msghdr *header, struct slot *slot, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (struct cmsghdr *)(slot->control.space + header->msg_controllen);
	header->msg_control = &slot->control;
	header->msg_controllen += CMSG_SPACE(size);
	memset(c, 0, CMSG_SPACE(size));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
}

static void set_source(struct msghdr *header, struct slot *slot, const struct address *from)
{
	struct in_pktinfo info4 = {.ipi_spec_dst = address_v4(from)};
	struct in6_pktinfo info6 = {0};
	if (address_is_none(from))
		return;
	memcpy(&info6.ipi6_addr, from, sizeof info6.ipi6_addr);
	if (address_is_v4(from))
		put_control(header, slot, IPPROTO_IP, IP_PKTINFO, &info4, sizeof info4);
	else
		put_control(header, slot, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof info6);
}

static bool go_together(const struct mailbox_answer *a, const struct mailbox_answer *b)
{
	return a->size == b->size && place_equal(&a->to->from, &b->to->from) &&
	       address_equal(&a->to->to, &b->to->to);
}

/* Answers of one size to one asker go through the kernel as one, which makes them datagrams at the end (UDP_SEGMENT, Linux 4.18). */
static void set_header(struct mailbox *mailbox, unsigned at, const struct mailbox_answer *answers,
	struct iovec *parts, size_t count)
{
	struct slot *slot = &mailbox->out[at];
	struct msghdr *header = &mailbox->headers[at].msg_hdr;
	uint16_t size = (uint16_t)answers->size;
	for (size_t i = 0; i < count; i++)
		parts[i] = (struct iovec){(void *)answers[i].bytes, answers[i].size};
	*header = (struct msghdr){.msg_name = &slot->from,
		.msg_namelen = place_sockaddr(&answers->to->from, &slot->from),
		.msg_iov = parts,
		.msg_iovlen = count};
	set_source(header, slot, &answers->to->to);
	if (count > 1)
		put_control(header, slot, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
}

/* One by one: what the kernel would not take together (a device without checksums, IPsec). The first header has been used by then. */
static size_t send_each(struct mailbox *mailbox, const struct mailbox_answer *answers, size_t count)
{
	struct iovec part;
	size_t done = 0;
	for (size_t i = 0; i < count; i++) {
		set_header(mailbox, 0, &answers[i], &part, 1);
		done += sendmsg(mailbox->fd, &mailbox->headers[0].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	}
	return done;
}

size_t mailbox_send(struct mailbox *mailbox, const struct mailbox_answer *answers, size_t count)
{
	struct iovec parts[MAILBOX_BATCH];
	size_t first[MAILBOX_BATCH + 1], done = 0;
	unsigned headers = 0;
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count && go_together(&answers[i], &answers[next]);)
			next++;
		first[headers] = i;
		set_header(mailbox, headers++, &answers[i], &parts[i], next - i);
	}
	first[headers] = count;
	/* A send that fails is of one asker (no route to it): the others go on. */
	for (unsigned at = 0; at < headers;) {
		int sent = sendmmsg(
			mailbox->fd, mailbox->headers + at, headers - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			done += first[at + (unsigned)sent] - first[at];
			at += (unsigned)sent;
			continue;
		}
		size_t some = first[at + 1] - first[at];
		if (some > 1)
			done += send_each(mailbox, answers + first[at], some);
		at++;
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
