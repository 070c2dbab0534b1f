/* The host's listeners, one question each. */
#include "nodes/detour/kernel/host_ports.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TOGETHER 64
#define QUESTION (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct inet_diag_req_v2)))
#define ANSWER 512 /* of the longest one less is looked at */

struct host_ports {
	struct mnl_socket *socket;
	uint32_t sequence;
	/* What is known: [first, first + count) of these addresses; a bit a port that has no listener. */
	struct address client, own;
	unsigned first, count;
	uint64_t free;
	unsigned expected; /* questions */
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
static void put_question(uint8_t *bytes, const struct host_ports *ports, unsigned port, uint32_t sequence)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = sequence;
	struct inet_diag_req_v2 *question = mnl_nlmsg_put_extra_header(message, sizeof *question);
	question->sdiag_family = address_is_v4(&ports->own) ? AF_INET : AF_INET6;
	question->sdiag_protocol = IPPROTO_TCP;
	question->idiag_states = 1u << TCP_LISTEN;
	question->id.idiag_sport = htons((uint16_t)port);
	question->id.idiag_cookie[0] = question->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	put_address(question->id.idiag_src, &ports->own);
	put_address(question->id.idiag_dst, &ports->client);
}

/* "None" is an error with a name; whatever else is said counts as a listener. */
static bool says_none(const struct nlmsghdr *message, size_t size)
{
	return size >= NLMSG_HDRLEN + sizeof(struct nlmsgerr) && message->nlmsg_type == NLMSG_ERROR &&
	       ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error == -ENOENT;
}

/* Reads until each question of this time has its answer. */
static void read_answers(struct host_ports *ports, uint32_t sequence)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[TOGETHER][ANSWER];
	struct mmsghdr headers[TOGETHER] = {0};
	struct iovec parts[TOGETHER];
	for (unsigned i = 0; i < ports->count; i++) {
		parts[i] = (struct iovec){bytes[i], ANSWER};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (unsigned missing = ports->count; missing > 0;) {
		int got = recvmmsg(mnl_socket_get_fd(ports->socket), headers, missing, MSG_WAITFORONE, NULL);
		if (got <= 0)
			return;
		for (int i = 0; i < got; i++) {
			const struct nlmsghdr *message = (const struct nlmsghdr *)bytes[i];
			uint32_t place = message->nlmsg_seq - sequence;
			if (headers[i].msg_len < NLMSG_HDRLEN)
				return;
			if (place >= ports->count)
				continue; /* the late answer to an earlier question */
			missing--;
			if (says_none(message, headers[i].msg_len))
				ports->free |= UINT64_C(1) << place;
		}
	}
}

static void ask(struct host_ports *ports, unsigned port, unsigned count)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[TOGETHER * QUESTION];
	uint32_t sequence = ports->sequence + 1;
	ports->first = port;
	ports->count = count;
	ports->free = 0;
	ports->sequence += count;
	for (unsigned i = 0; i < count; i++)
		put_question(bytes + i * QUESTION, ports, port + i, sequence + i);
	if (mnl_socket_sendto(ports->socket, bytes, count * QUESTION) >= 0)
		read_answers(ports, sequence);
}

bool host_ports_listens(
	struct host_ports *ports, const struct address *client, const struct address *own, uint16_t port)
{
	bool known = port >= ports->first && port < ports->first + ports->count &&
		     address_equal(&ports->client, client) && address_equal(&ports->own, own);
	if (!known) {
		unsigned most = 65536u - port < TOGETHER ? 65536u - port : TOGETHER;
		unsigned count = ports->expected < most ? ports->expected : most;
		ports->client = *client;
		ports->own = *own;
		ports->expected -= count;
		ask(ports, port, count ? count : 1);
	}
	return !(ports->free >> (port - ports->first) & 1);
}

void host_ports_expect(struct host_ports *ports, unsigned count)
{
	ports->count = 0;
	ports->expected = count;
}
