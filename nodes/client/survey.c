/* Living subflows by sock_diag: TCP sockets whose upper layer protocol is MPTCP say their token and
 * identifiers there. */
#include "nodes/client/survey.h"
#include "lib/error.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

struct list {
	struct survey_subflow *items;
	size_t count, room;
};

struct ulp {
	uint32_t token, flags;
	uint8_t local_id;
};

static int take_mptcp(const struct nlattr *attribute, void *context)
{
	struct ulp *ulp = context;

	switch (mnl_attr_get_type(attribute)) {
	case MPTCP_SUBFLOW_ATTR_TOKEN_LOC:
		ulp->token = mnl_attr_get_u32(attribute);
		break;
	case MPTCP_SUBFLOW_ATTR_FLAGS:
		ulp->flags = mnl_attr_get_u32(attribute);
		break;
	case MPTCP_SUBFLOW_ATTR_ID_LOC:
		ulp->local_id = mnl_attr_get_u8(attribute);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_ulp(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == INET_ULP_INFO_MPTCP)
		mnl_attr_parse_nested(attribute, take_mptcp, context);
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == INET_DIAG_ULP_INFO)
		mnl_attr_parse_nested(attribute, take_ulp, context);
	return MNL_CB_OK;
}

/* An IPv4 address, or one inside an IPv6 socket (::ffff:a.b.c.d). */
static bool to_v4(uint8_t family, const uint32_t words[4], struct in_addr *address)
{
	bool mapped = family == AF_INET6 && !words[0] && !words[1] && words[2] == htonl(0xffff);

	address->s_addr = mapped ? words[3] : words[0];
	return family == AF_INET || mapped;
}

static int take_socket(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
	struct list *list = context;
	struct ulp ulp = {0};
	struct survey_subflow subflow;

	if (mnl_nlmsg_get_payload_len(message) < sizeof *diag)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof *diag, take_attribute, &ulp);
	subflow = (struct survey_subflow){.token = ulp.token,
		.local_id = ulp.local_id,
		.initial = ulp.flags & MPTCP_SUBFLOW_FLAG_MCAP_LOC,
		.local.port = ntohs(diag->id.idiag_sport),
		.remote.port = ntohs(diag->id.idiag_dport)};
	/* MCAP_LOC, JOIN_LOC: the SYN was ours. Without a token the connection has fallen back to TCP. */
	if (!ulp.token || !(ulp.flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_JOIN_LOC)) ||
		!(ulp.flags & MPTCP_SUBFLOW_FLAG_FULLY_ESTABLISHED) ||
		!to_v4(diag->idiag_family, diag->id.idiag_src, &subflow.local.address) ||
		!to_v4(diag->idiag_family, diag->id.idiag_dst, &subflow.remote.address))
		return MNL_CB_OK;
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->items = realloc(list->items, list->room * sizeof *list->items);
		if (!list->items)
			abort();
	}
	list->items[list->count++] = subflow;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *diag, uint8_t family, struct list *list)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[32768];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	int more = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = family;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = 1 << TCP_ESTABLISHED;
	/* What the upper layer protocol says comes only along with the socket's own figures. */
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	if (mnl_socket_sendto(diag, message, message->nlmsg_len) < 0)
		return -1;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(diag, bytes, sizeof bytes);
		if (size < 0)
			return -1;
		more = mnl_cb_run(
			bytes, (size_t)size, family, mnl_socket_get_portid(diag), take_socket, list);
	}
	return more;
}

int survey_take(struct survey_subflow **items, size_t *count, char **error)
{
	struct mnl_socket *diag = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	struct list list = {0};
	int result = -1;

	if (diag && mnl_socket_bind(diag, 0, MNL_SOCKET_AUTOPID) == 0 && dump(diag, AF_INET, &list) >= 0 &&
		dump(diag, AF_INET6, &list) >= 0)
		result = 0;
	if (result < 0) {
		error_set(error, "listing the living subflows (sock_diag): %s", strerror(errno));
		free(list.items);
		list = (struct list){0};
	}
	if (diag)
		mnl_socket_close(diag);
	*items = list.items;
	*count = list.count;
	return result;
}
