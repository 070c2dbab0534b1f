/* The host's listeners, one question each. */
#include "nodes/detour/kernel/host_ports.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

struct host_ports {
	struct mnl_socket *socket;
	unsigned sequence;
};

struct host_ports *host_ports_open(char **error)
{
	struct host_ports *ports = calloc(1, sizeof *ports);
	const struct timeval patience = {.tv_sec = 2};
	if (!ports) {
		error_set(error, "sock_diag: out of memory");
		return NULL;
	}
	ports->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (ports->socket && mnl_socket_bind(ports->socket, 0, MNL_SOCKET_AUTOPID) == 0) {
		setsockopt(mnl_socket_get_fd(ports->socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
			sizeof patience);
		return ports;
	}
	error_set(error, "sock_diag: cannot open it: %s; the kernel needs CONFIG_INET_DIAG", strerror(errno));
	host_ports_close(ports);
	return NULL;
}

void host_ports_close(struct host_ports *ports)
{
	if (!ports)
		return;
	if (ports->socket)
		mnl_socket_close(ports->socket);
	free(ports);
}

static void put_address(__be32 to[4], const struct address *address)
{
	bool v4 = address_is_v4(address);
	memcpy(to, address->bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
}

/* The client's port in the question is none that a connection of its could have: the listener is what is found. */
bool host_ports_listens(
	struct host_ports *ports, const struct address *client, const struct address *own, uint16_t port)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[4096];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++ports->sequence;
	struct inet_diag_req_v2 *question = mnl_nlmsg_put_extra_header(message, sizeof *question);
	question->sdiag_family = address_is_v4(own) ? AF_INET : AF_INET6;
	question->sdiag_protocol = IPPROTO_TCP;
	question->idiag_states = 1u << TCP_LISTEN;
	question->id.idiag_sport = htons(port);
	question->id.idiag_cookie[0] = question->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	put_address(question->id.idiag_src, own);
	put_address(question->id.idiag_dst, client);
	if (mnl_socket_sendto(ports->socket, message, message->nlmsg_len) < 0)
		return true;
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(ports->socket, bytes, sizeof bytes);
		if (size < (ssize_t)sizeof *message)
			return true;
		message = (struct nlmsghdr *)bytes;
		if (message->nlmsg_seq == ports->sequence)
			break; /* not the late answer to an earlier question */
	}
	if (message->nlmsg_type != NLMSG_ERROR)
		return true;
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error != -ENOENT;
}
