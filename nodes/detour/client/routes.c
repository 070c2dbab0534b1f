/* Rules and routes of tunnels by rtnetlink. */
#include "nodes/detour/client/routes.h"
#include "lib/base/error.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Before the main table (32766), after rules that administrators usually write. */
#define RULE_PRIORITY 31000
#define BYTES 32768
#define LAST_METRIC 4278198272u /* of the route to nowhere: after any other */

struct rule {
	struct in_addr from;
	uint32_t table, priority;
	uint8_t protocol, length;
};

struct rules {
	struct rule *items;
	size_t count;
};

static struct mnl_socket *open_socket(char **error)
{
	struct mnl_socket *opened = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (opened && mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID) == 0)
		return opened;
	error_set(error, "opening rtnetlink: %s", strerror(errno));
	if (opened)
		mnl_socket_close(opened);
	return NULL;
}

/* Sends and reads until the end of the answer. 0, or -1 with errno. */
static int transact(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t data, void *context)
{
	static const uint32_t sequence = 1; /* one socket a transaction chain; answers come in order */
	_Alignas(struct nlmsghdr) uint8_t bytes[BYTES];
	int more = MNL_CB_OK;

	message->nlmsg_seq = sequence;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(socket, bytes, sizeof bytes);
		if (size < 0)
			return -1;
		more = mnl_cb_run(
			bytes, (size_t)size, sequence, mnl_socket_get_portid(socket), data, context);
	}
	return more;
}

/* ---- rules ---- */

static struct nlmsghdr *rule_message(void *bytes, uint16_t type, uint16_t flags, const struct rule *rule)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
	header->family = AF_INET;
	if (!rule)
		return message;
	header->action = FR_ACT_TO_TBL;
	header->src_len = rule->length;
	if (rule->length)
		mnl_attr_put(message, FRA_SRC, sizeof rule->from, &rule->from);
	mnl_attr_put_u32(message, FRA_TABLE, rule->table);
	mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(message, FRA_PROTOCOL, rule->protocol);
	return message;
}

static int take_rule_attribute(const struct nlattr *attribute, void *context)
{
	struct rule *rule = context;

	switch (mnl_attr_get_type(attribute)) {
	case FRA_SRC:
		memcpy(&rule->from, mnl_attr_get_payload(attribute), sizeof rule->from);
		break;
	case FRA_TABLE:
		rule->table = mnl_attr_get_u32(attribute);
		break;
	case FRA_PRIORITY:
		rule->priority = mnl_attr_get_u32(attribute);
		break;
	case FRA_PROTOCOL:
		rule->protocol = mnl_attr_get_u8(attribute);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_rule(const struct nlmsghdr *message, void *context)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	struct rules *rules = context;
	struct rule rule = {.length = header->src_len, .table = header->table};

	mnl_attr_parse(message, sizeof *header, take_rule_attribute, &rule);
	if (rule.protocol != ROUTES_PROTOCOL || header->family != AF_INET)
		return MNL_CB_OK;
	rules->items = realloc(rules->items, (rules->count + 1) * sizeof *rules->items);
	if (!rules->items)
		abort();
	rules->items[rules->count++] = rule;
	return MNL_CB_OK;
}

/* ---- routes ---- */

/* if_index 0: to nowhere (RTM_NEWROUTE), or whatever is there (RTM_DELROUTE). */
static int change_route(
	struct mnl_socket *socket, uint16_t type, uint16_t flags, uint32_t table, int if_index)
{
	bool nowhere = type == RTM_NEWROUTE && !if_index;
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
	route->rtm_family = AF_INET;
	route->rtm_protocol = ROUTES_PROTOCOL;
	route->rtm_scope = nowhere                ? RT_SCOPE_UNIVERSE
			   : type == RTM_NEWROUTE ? RT_SCOPE_LINK
						  : RT_SCOPE_NOWHERE;
	route->rtm_type = nowhere ? RTN_UNREACHABLE : type == RTM_NEWROUTE ? RTN_UNICAST : RTN_UNSPEC;
	mnl_attr_put_u32(message, RTA_TABLE, table);
	if (nowhere)
		mnl_attr_put_u32(message, RTA_PRIORITY, LAST_METRIC);
	if (if_index)
		mnl_attr_put_u32(message, RTA_OIF, (uint32_t)if_index);
	return transact(socket, message, NULL, NULL);
}

static int remove_table(struct mnl_socket *socket, uint32_t table, char **error)
{
	/* One at a time, until none is left: ESRCH, or ENOENT for a table that never was. */
	for (int i = 0; i < 8; i++)
		if (change_route(socket, RTM_DELROUTE, 0, table, 0) < 0)
			break;
	if (errno == ESRCH || errno == ENOENT)
		return 0;
	return error_set(error, "removing the route of table %u: %s", table, strerror(errno));
}

static int remove_rule(struct mnl_socket *socket, const struct rule *rule, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];

	if (transact(socket, rule_message(bytes, RTM_DELRULE, NLM_F_ACK, rule), NULL, NULL) == 0 ||
		errno == ENOENT)
		return 0;
	return error_set(error, "removing the rule to table %u: %s", rule->table, strerror(errno));
}

static int remove_all(struct mnl_socket *socket, uint32_t table, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct rules rules = {0};
	int result = 0;

	if (transact(socket, rule_message(bytes, RTM_GETRULE, NLM_F_DUMP, NULL), take_rule, &rules) < 0)
		result = error_set(error, "listing the routing rules: %s", strerror(errno));
	for (size_t i = 0; i < rules.count && result == 0; i++)
		if (!table || rules.items[i].table == table)
			result = remove_rule(socket, &rules.items[i], error) < 0
					 ? -1
					 : remove_table(socket, rules.items[i].table, error);
	free(rules.items);
	return result;
}

int routes_remove(uint32_t table, char **error)
{
	struct mnl_socket *socket = open_socket(error);
	int result = socket ? remove_all(socket, table, error) : -1;

	if (socket)
		mnl_socket_close(socket);
	return result;
}

int routes_install(struct in_addr from, int if_index, uint32_t table, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct rule rule = {.from = from,
		.length = 32,
		.table = table,
		.priority = RULE_PRIORITY,
		.protocol = ROUTES_PROTOCOL};
	struct mnl_socket *socket = open_socket(error);
	int result = -1;

	if (!socket)
		return -1;
	if (remove_all(socket, table, error) < 0)
		goto done;
	if (change_route(socket, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, table, 0) < 0 ||
		change_route(socket, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, table, if_index) < 0) {
		error_set(error, "adding the default route of table %u: %s", table, strerror(errno));
		goto done;
	}
	struct nlmsghdr *message =
		rule_message(bytes, RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &rule);
	if (transact(socket, message, NULL, NULL) < 0)
		error_set(error, "adding the rule to table %u: %s", table, strerror(errno));
	else
		result = 0;
done:
	mnl_socket_close(socket);
	return result;
}

/* ---- what is there ---- */

struct found {
	uint32_t table;
	int if_index;
	bool route;
};

static int take_route_attribute(const struct nlattr *attribute, void *context)
{
	struct found *route = context;

	if (mnl_attr_get_type(attribute) == RTA_TABLE)
		route->table = mnl_attr_get_u32(attribute);
	else if (mnl_attr_get_type(attribute) == RTA_OIF)
		route->if_index = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	struct found *wanted = context, route = {.table = head->rtm_table};

	mnl_attr_parse(message, sizeof *head, take_route_attribute, &route);
	if (head->rtm_family == AF_INET && head->rtm_dst_len == 0 && head->rtm_type == RTN_UNICAST &&
		!(head->rtm_flags & RTNH_F_DEAD) && route.table == wanted->table &&
		route.if_index == wanted->if_index)
		wanted->route = true;
	return MNL_CB_OK;
}

static bool has_rule(struct mnl_socket *socket, struct in_addr from, uint32_t table)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct rules rules = {0};
	bool found = false;

	if (transact(socket, rule_message(bytes, RTM_GETRULE, NLM_F_DUMP, NULL), take_rule, &rules) < 0)
		return false;
	for (size_t i = 0; i < rules.count; i++)
		found |= rules.items[i].table == table && rules.items[i].from.s_addr == from.s_addr;
	free(rules.items);
	return found;
}

bool routes_are_there(struct in_addr from, int if_index, uint32_t table)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct mnl_socket *socket = open_socket(NULL);
	struct found wanted = {.table = table, .if_index = if_index};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

	if (!socket)
		return false;
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
	route->rtm_family = AF_INET;
	bool found = transact(socket, message, take_route, &wanted) >= 0 && wanted.route &&
		     has_rule(socket, from, table);
	mnl_socket_close(socket);
	return found;
}
