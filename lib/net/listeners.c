/* Listeners, by a dump of NETLINK_SOCK_DIAG, one a family. It costs the listeners, not the
 * connections: the kernel keeps them in a table of their own. MPTCP listeners are TCP listeners here, too. */
#include "lib/net/listeners.h"

#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

struct listeners {
	struct mnl_socket *socket;
	unsigned sequence;
};

struct listeners *listeners_open(char **error)
{
	struct listeners *listeners = calloc(1, sizeof *listeners);
	if (!listeners) {
		error_set(error, "sock_diag: out of memory");
		return NULL;
	}
	listeners->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!listeners->socket || mnl_socket_bind(listeners->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error_set(error, "sock_diag: cannot open it: %s; the kernel needs CONFIG_INET_DIAG",
			strerror(errno));
		listeners_close(listeners);
		return NULL;
	}
	return listeners;
}

void listeners_close(struct listeners *listeners)
{
	if (!listeners)
		return;
	if (listeners->socket)
		mnl_socket_close(listeners->socket);
	free(listeners);
}

struct reader {
	void (*add)(void *context, uint16_t port);
	void *context;
};

static int on_socket(const struct nlmsghdr *header, void *context)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	const struct reader *reader = context;
	if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY && message->idiag_state == TCP_LISTEN)
		reader->add(reader->context, ntohs(message->id.idiag_sport));
	return MNL_CB_OK;
}

static int read_family(struct listeners *listeners, uint8_t family, struct reader *reader)
{
	char request[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct inet_diag_req_v2))] = {0};
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++listeners->sequence;
	struct inet_diag_req_v2 *wanted = mnl_nlmsg_put_extra_header(header, sizeof *wanted);
	wanted->sdiag_family = family;
	wanted->sdiag_protocol = IPPROTO_TCP;
	wanted->idiag_states = 1u << TCP_LISTEN;
	if (mnl_socket_sendto(listeners->socket, header, header->nlmsg_len) < 0)
		return -1;
	char answer[32768];
	int result = MNL_CB_OK;
	while (result > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(listeners->socket, answer, sizeof answer);
		if (got < 0)
			return -1;
		result = mnl_cb_run(answer, (size_t)got, header->nlmsg_seq,
			mnl_socket_get_portid(listeners->socket), on_socket, reader);
		/* EINTR: sockets came or went during the dump; what it has is still what was there. */
		if (result < 0 && errno == EINTR)
			result = MNL_CB_OK;
	}
	return result;
}

int listeners_read(
	struct listeners *listeners, void (*add)(void *context, uint16_t port), void *context, char **error)
{
	struct reader reader = {add, context};
	if (read_family(listeners, AF_INET, &reader) < 0)
		return error_set(error, "sock_diag: cannot list listening sockets: %s", strerror(errno));
	/* A kernel without IPv6 has none there. */
	if (read_family(listeners, AF_INET6, &reader) < 0 && errno != ENOENT && errno != EAFNOSUPPORT)
		return error_set(error, "sock_diag: cannot list listening IPv6 sockets: %s", strerror(errno));
	return 0;
}
