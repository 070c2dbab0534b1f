/* Living subflows by sock_diag: TCP sockets whose upper layer protocol is MPTCP say their token and
 * identifiers there. */
#include "lib/mptcp/survey.h"

#include "lib/base/error.h"
#include "lib/net/sockdiag.h"
#include <libmnl/libmnl.h>
#include <linux/mptcp.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>

struct list {
	bool accepted, no_memory;
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

static struct place to_place(uint8_t family, const uint32_t words[4], uint16_t port)
{
	struct in6_addr v6;

	memcpy(&v6, words, sizeof v6);
	return (struct place){
		family == AF_INET ? address_of_v4((struct in_addr){words[0]}) : address_of_v6(&v6),
		ntohs(port)};
}

/* Room for one more item of `size` bytes in *items. */
static bool make_room(struct list *list, void **items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return true;
	size_t larger = *room ? 2 * *room : 64;
	void *grown = reallocarray(*items, larger, size);
	if (!grown) {
		list->no_memory = true;
		return false;
	}
	*items = grown;
	*room = larger;
	return true;
}

static void take_socket(void *context, const struct inet_diag_msg *diag, const struct nlmsghdr *message)
{
	struct list *list = context;
	struct ulp ulp = {0};
	struct survey_subflow subflow;

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
		.busy_us = ulp.tcp.tcpi_busy_time,
		.rtt_us = ulp.tcp.tcpi_rtt,
		.least_rtt_us = ulp.tcp.tcpi_min_rtt,
		.local = to_place(diag->idiag_family, diag->id.idiag_src, diag->id.idiag_sport),
		.remote = to_place(diag->idiag_family, diag->id.idiag_dst, diag->id.idiag_dport)};
	/* MCAP_LOC, JOIN_LOC: the SYN was ours. Without a token the connection has fallen back to TCP. */
	if (!ulp.token || subflow.opened_here == list->accepted ||
		!(ulp.flags & MPTCP_SUBFLOW_FLAG_FULLY_ESTABLISHED))
		return;
	if (make_room(list, (void **)&list->items, list->count, &list->room, sizeof *list->items))
		list->items[list->count++] = subflow;
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

/* Without an inode no program holds it. */
static void take_connection(void *context, const struct inet_diag_msg *diag, const struct nlmsghdr *message)
{
	struct list *list = context;
	uint32_t token = 0;

	if (diag->idiag_inode)
		mnl_attr_parse(message, sizeof *diag, take_token, &token);
	if (token && make_room(list, (void **)&list->tokens, list->token_count, &list->token_room,
			     sizeof *list->tokens))
		list->tokens[list->token_count++] = token;
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

/* Connections come first: a subflow of one that is made meanwhile is an orphan, and in the next survey. */
static int walk(struct sockdiag *diag, struct list *list, char **error)
{
	/* What the upper layer protocol says comes only along with the socket's own figures. */
	if (sockdiag_walk(diag, IPPROTO_MPTCP, ~(SOCKDIAG_CLOSE | SOCKDIAG_LISTEN), INET_DIAG_INFO,
		    take_connection, list, error) < 0 ||
		sockdiag_walk(diag, IPPROTO_TCP, SOCKDIAG_ESTABLISHED, INET_DIAG_INFO, take_socket, list,
			error) < 0)
		return -1;
	if (list->no_memory)
		return error_set(error, "out of memory");
	drop_orphans(list);
	return 0;
}

int survey_take(bool accepted, struct survey_subflow **items, size_t *count, char **error)
{
	struct sockdiag *diag = sockdiag_open(error);
	struct list list = {.accepted = accepted};
	int result = diag ? walk(diag, &list, error) : -1;

	if (result < 0) {
		error_prefix(error, "listing the living subflows");
		free(list.items);
		list.items = NULL;
		list.count = 0;
	}
	free(list.tokens);
	sockdiag_close(diag);
	*items = list.items;
	*count = list.count;
	return result;
}
