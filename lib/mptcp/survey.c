/* Living subflows by sock_diag: TCP sockets whose upper layer protocol is MPTCP say their token and
 * identifiers there. */
#include "lib/mptcp/survey.h"
#include "lib/base/error.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/mptcp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's numbers, which netinet/tcp.h has as well, but beside a tcp_info that is too old. */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE = 7, STATE_LISTEN = 10 };

struct list {
	bool accepted;
	struct survey_subflow *items;
	size_t count, room;
	uint32_t *tokens; /* of connections that a program holds; sorted when complete */
	size_t token_count, token_room;
};

struct ulp {
	uint32_t token, flags;
	uint8_t local_id;
	struct tcp_info tcp;
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
	struct ulp *ulp = context;
	size_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == INET_DIAG_ULP_INFO)
		mnl_attr_parse_nested(attribute, take_ulp, context);
	else if (mnl_attr_get_type(attribute) == INET_DIAG_INFO)
		memcpy(&ulp->tcp, mnl_attr_get_payload(attribute),
			size < sizeof ulp->tcp ? size : sizeof ulp->tcp);
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
		.initial = ulp.flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_MCAP_REM),
		.opened_here = ulp.flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_JOIN_LOC),
		.backup_ours = ulp.flags & MPTCP_SUBFLOW_FLAG_BKUP_LOC,
		.backup_theirs = ulp.flags & MPTCP_SUBFLOW_FLAG_BKUP_REM,
		.unacked = ulp.tcp.tcpi_unacked,
		.timeouts = ulp.tcp.tcpi_retransmits,
		.ssthresh = ulp.tcp.tcpi_snd_ssthresh,
		.window = ulp.tcp.tcpi_snd_cwnd,
		.bytes_acked = ulp.tcp.tcpi_bytes_acked,
		.bytes_received = ulp.tcp.tcpi_bytes_received,
		.local.port = ntohs(diag->id.idiag_sport),
		.remote.port = ntohs(diag->id.idiag_dport)};
	/* MCAP_LOC, JOIN_LOC: the SYN was ours. Without a token the connection has fallen back to TCP. */
	if (!ulp.token || subflow.opened_here == list->accepted ||
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

static int take_token(const struct nlattr *attribute, void *context)
{
	struct mptcp_info info = {0};
	size_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) != INET_DIAG_INFO)
		return MNL_CB_OK;
	memcpy(&info, mnl_attr_get_payload(attribute), size < sizeof info ? size : sizeof info);
	*(uint32_t *)context = info.mptcpi_token;
	return MNL_CB_OK;
}

static int take_connection(const struct nlmsghdr *message, void *context)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
	struct list *list = context;
	uint32_t token = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof *diag || !diag->idiag_inode)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof *diag, take_token, &token);
	if (!token)
		return MNL_CB_OK;
	if (list->token_count == list->token_room) {
		list->token_room = list->token_room ? 2 * list->token_room : 64;
		list->tokens = realloc(list->tokens, list->token_room * sizeof *list->tokens);
		if (!list->tokens)
			abort();
	}
	list->tokens[list->token_count++] = token;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *diag, uint8_t family, uint32_t protocol, uint32_t states, mnl_cb_t take,
	struct list *list)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[32768];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	uint32_t sequence = protocol + family;
	int more = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = sequence;
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof *request);
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = states;
	/* What the upper layer protocol says comes only along with the socket's own figures. */
	request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	/* MPTCP's number (262) does not fit into the header's byte. */
	mnl_attr_put_u32(message, INET_DIAG_REQ_PROTOCOL, protocol);
	if (mnl_socket_sendto(diag, message, message->nlmsg_len) < 0)
		return -1;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(diag, bytes, sizeof bytes);
		if (size < 0)
			return -1;
		more = mnl_cb_run(bytes, (size_t)size, sequence, mnl_socket_get_portid(diag), take, list);
	}
	return more;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void drop_orphans(struct list *list)
{
	size_t kept = 0;

	if (list->token_count)
		qsort(list->tokens, list->token_count, sizeof *list->tokens, by_number);
	for (size_t i = 0; i < list->count; i++)
		if (list->token_count && bsearch(&list->items[i].token, list->tokens, list->token_count,
						 sizeof *list->tokens, by_number))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static int dump_all(struct mnl_socket *diag, struct list *list)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const uint32_t open_states = ~(1u << STATE_CLOSE | 1u << STATE_LISTEN);

	for (size_t i = 0; i < sizeof families; i++)
		if (dump(diag, families[i], IPPROTO_MPTCP, open_states, take_connection, list) < 0 ||
			dump(diag, families[i], IPPROTO_TCP, 1 << STATE_ESTABLISHED, take_socket, list) < 0)
			return -1;
	drop_orphans(list);
	return 0;
}

int survey_take(bool accepted, struct survey_subflow **items, size_t *count, char **error)
{
	struct mnl_socket *diag = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	struct list list = {.accepted = accepted};
	int result = -1;

	if (diag && mnl_socket_bind(diag, 0, MNL_SOCKET_AUTOPID) == 0)
		result = dump_all(diag, &list);
	if (result < 0) {
		error_set(error, "listing the living subflows (sock_diag): %s", strerror(errno));
		free(list.items);
		list.items = NULL;
		list.count = 0;
	}
	free(list.tokens);
	if (diag)
		mnl_socket_close(diag);
	*items = list.items;
	*count = list.count;
	return result;
}
