/* Socket diagnosis: a dump a family. It costs the sockets of the table that the states name: the kernel keeps listeners
 * apart from connections. inet_diag never marks a dump as interrupted (NLM_F_DUMP_INTR). */
#include "lib/net/sockdiag.h"

#include "lib/base/error.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES 32768 /* the most that the kernel puts into one */

struct sockdiag {
	struct mnl_socket *socket;
	uint32_t sequence;
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
};

struct walk {
	sockdiag_take *take;
	void *context;
};

struct sockdiag *sockdiag_open(char **error)
{
	struct sockdiag *diag = calloc(1, sizeof *diag);
	if (!diag) {
		error_set(error, "sock_diag: out of memory");
		return NULL;
	}
	diag->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!diag->socket || mnl_socket_bind(diag->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error_set(error, "sock_diag: cannot open it: %s; the kernel needs CONFIG_INET_DIAG",
			strerror(errno));
		sockdiag_close(diag);
		return NULL;
	}
	return diag;
}

void sockdiag_close(struct sockdiag *diag)
{
	if (!diag)
		return;
	if (diag->socket)
		mnl_socket_close(diag->socket);
	free(diag);
}

static int ask(struct sockdiag *diag, uint8_t family, uint32_t protocol, uint32_t states, unsigned extension)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[256] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++diag->sequence;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = states;
	request->idiag_ext = (uint8_t)(extension ? 1U << (extension - 1) : 0);
	/* MPTCP's number (262) does not fit into the header's byte. */
	mnl_attr_put_u32(message, INET_DIAG_REQ_PROTOCOL, protocol);
	return mnl_socket_sendto(diag->socket, message, message->nlmsg_len) < 0 ? -1 : 0;
}

static int take_message(const struct nlmsghdr *message, void *context)
{
	const struct walk *walk = context;
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) >= sizeof *socket)
		walk->take(walk->context, socket, message);
	return MNL_CB_OK;
}

/* NLMSG_ERROR and NLMSG_DONE: both begin with a number, below 0 when something failed. libmnl reads that of the first
 * only, but a dump that fails ends as every dump does. */
static int take_end(const struct nlmsghdr *message, void *context)
{
	(void)context;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(int))
		return MNL_CB_STOP;
	int code = *(const int *)mnl_nlmsg_get_payload(message);
	errno = code < 0 ? -code : 0;
	return code < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int read_answers(struct sockdiag *diag, struct walk *walk)
{
	mnl_cb_t ends[NLMSG_DONE + 1] = {[NLMSG_ERROR] = take_end, [NLMSG_DONE] = take_end};
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(diag->socket, diag->answer, sizeof diag->answer);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -1;
		more = mnl_cb_run2(diag->answer, (size_t)size, diag->sequence,
			mnl_socket_get_portid(diag->socket), take_message, walk, ends, NLMSG_DONE + 1);
	}
	return more;
}

int sockdiag_walk(struct sockdiag *diag, uint32_t protocol, uint32_t states, unsigned extension,
	sockdiag_take *take, void *context, char **error)
{
	struct walk walk = {take, context};

	if (ask(diag, AF_INET, protocol, states, extension) < 0 || read_answers(diag, &walk) < 0)
		return error_set(error, "sock_diag: cannot list sockets of protocol %u: %s%s", protocol,
			strerror(errno),
			errno == ENOENT ? "; its kernel module is missing (tcp_diag, mptcp_diag)" : "");
	/* A kernel without IPv6 has none there. */
	if ((ask(diag, AF_INET6, protocol, states, extension) < 0 || read_answers(diag, &walk) < 0) &&
		errno != ENOENT && errno != EAFNOSUPPORT)
		return error_set(error, "sock_diag: cannot list IPv6 sockets: %s", strerror(errno));
	return 0;
}
