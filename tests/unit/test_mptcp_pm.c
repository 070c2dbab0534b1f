/* Decoding of the path manager's events, from messages built here byte by byte as the kernel builds them (and
 * from what it would never send), the texts of refusals, and an overrun on a real netlink socket. */
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mptcp/pm.c"

#define FAMILY 30

struct seen {
	unsigned count, overruns, before; /* events before the overrun was told */
	struct mptcp_pm_event last;
};

static void see(void *context, const struct mptcp_pm_event *event)
{
	struct seen *seen = context;
	seen->count++;
	seen->last = *event;
}

static void see_overrun(void *context)
{
	struct seen *seen = context;
	seen->overruns++;
	seen->before = seen->count;
}

static struct nlmsghdr *event_message(void *buffer, uint8_t command)
{
	struct nlmsghdr *message = start_message(buffer, FAMILY, command, 1);
	message->nlmsg_flags = 0;
	return message;
}

static void put_four_tuple(struct nlmsghdr *message)
{
	mnl_attr_put_u16(message, MPTCP_ATTR_FAMILY, AF_INET);
	mnl_attr_put_u32(message, MPTCP_ATTR_SADDR4, htonl(0x0a000101));
	mnl_attr_put_u32(message, MPTCP_ATTR_DADDR4, htonl(0x0a000301));
	mnl_attr_put_u16(message, MPTCP_ATTR_SPORT, htons(40000));
	mnl_attr_put_u16(message, MPTCP_ATTR_DPORT, htons(5201));
}

static size_t decode(const struct nlmsghdr *message, struct seen *seen)
{
	return mptcp_pm_decode(message, message->nlmsg_len, FAMILY, see, seen);
}

static void an_established_connection(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 2);
	struct seen seen = {0};
	(void)unused;
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 0xc1de9c7e);
	put_four_tuple(message);
	mnl_attr_put_u8(message, MPTCP_ATTR_SERVER_SIDE, 1);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.type, MPTCP_PM_EVENT_ESTABLISHED);
	assert_int_equal(seen.last.token, 0xc1de9c7e);
	assert_int_equal(address_family(&seen.last.local.address), AF_INET);
	assert_int_equal(ntohl(address_v4(&seen.last.local.address).s_addr), 0x0a000101);
	assert_int_equal(ntohl(address_v4(&seen.last.remote.address).s_addr), 0x0a000301);
	assert_int_equal(seen.last.local.port, 40000); /* network order on the wire, host order here */
	assert_int_equal(seen.last.remote.port, 5201);
	assert_true(seen.last.server_side);
}

static void a_closed_subflow(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 11);
	struct seen seen = {0};
	(void)unused;
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	mnl_attr_put_u8(message, MPTCP_ATTR_LOC_ID, 3);
	mnl_attr_put_u8(message, MPTCP_ATTR_REM_ID, 4);
	put_four_tuple(message);
	mnl_attr_put_u8(message, MPTCP_ATTR_BACKUP, 1);
	mnl_attr_put_u32(message, MPTCP_ATTR_IF_IDX, 9);
	mnl_attr_put_u8(message, MPTCP_ATTR_ERROR, 111);
	mnl_attr_put_u32(message, MPTCP_ATTR_RESET_REASON, MPTCP_RST_EPROHIBIT);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.last.type, MPTCP_PM_EVENT_SUB_CLOSED);
	assert_int_equal(seen.last.local_id, 3);
	assert_int_equal(seen.last.remote_id, 4);
	assert_int_equal(seen.last.error, 111);
	assert_int_equal(seen.last.if_index, 9);
	assert_int_equal(seen.last.reset_reason, MPTCP_RST_EPROHIBIT);
	assert_true(seen.last.backup);
	assert_false(seen.last.server_side);
}

static void an_ipv6_subflow(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 10);
	struct in6_addr local, remote;
	struct seen seen = {0};
	(void)unused;
	inet_pton(AF_INET6, "fd00:1::1", &local);
	inet_pton(AF_INET6, "fd00:3::1", &remote);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	mnl_attr_put(message, MPTCP_ATTR_SADDR6, sizeof local, &local);
	mnl_attr_put(message, MPTCP_ATTR_DADDR6, sizeof remote, &remote);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(address_family(&seen.last.local.address), AF_INET6);
	assert_memory_equal(&seen.last.local.address, &local, sizeof local);
	assert_memory_equal(&seen.last.remote.address, &remote, sizeof remote);
	/* A dual-stack socket's IPv4 connection is one of IPv4. */
	message = event_message(buffer, 10);
	inet_pton(AF_INET6, "::ffff:10.0.1.1", &local);
	inet_pton(AF_INET6, "::ffff:10.0.3.1", &remote);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	mnl_attr_put(message, MPTCP_ATTR_SADDR6, sizeof local, &local);
	mnl_attr_put(message, MPTCP_ATTR_DADDR6, sizeof remote, &remote);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(address_family(&seen.last.local.address), AF_INET);
	assert_int_equal(ntohl(address_v4(&seen.last.remote.address).s_addr), 0x0a000301);
}

static void a_closed_connection_and_a_listener_carry_less(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 3);
	struct seen seen = {0};
	(void)unused;
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.last.type, MPTCP_PM_EVENT_CLOSED);
	/* 15 and 16 are not in the headers of Linux 6.1. */
	message = event_message(buffer, 15);
	mnl_attr_put_u16(message, MPTCP_ATTR_FAMILY, AF_INET);
	mnl_attr_put_u16(message, MPTCP_ATTR_SPORT, htons(5201));
	mnl_attr_put_u32(message, MPTCP_ATTR_SADDR4, 0);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.last.type, MPTCP_PM_EVENT_LISTENER_CREATED);
	assert_int_equal(seen.last.local.port, 5201);
	assert_int_equal(seen.count, 2);
	message = event_message(buffer, 15);
	mnl_attr_put(message, MPTCP_ATTR_SADDR6, sizeof in6addr_any, &in6addr_any);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.count, 3);
}

static void several_events_in_one_datagram(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[1024];
	struct nlmsghdr *message = event_message(buffer, 3);
	struct seen seen = {0};
	(void)unused;
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 1);
	size_t first = MNL_ALIGN(message->nlmsg_len);
	message = event_message(buffer + first, 3);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 2);
	assert_int_equal(mptcp_pm_decode(buffer, first + message->nlmsg_len, FAMILY, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.last.token, 2);
}

static void attributes_of_tomorrow_are_passed_over(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 2);
	struct seen seen = {0};
	(void)unused;
	mnl_attr_put(message, 200, 5, "later");
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	put_four_tuple(message);
	assert_int_equal(decode(message, &seen), 0);
	assert_int_equal(seen.count, 1);
}

static void what_is_no_event_is_counted(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message;
	struct seen seen = {0};
	(void)unused;
	/* Another family. */
	message = event_message(buffer, 3);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 1);
	message->nlmsg_type = FAMILY + 1;
	assert_int_equal(decode(message, &seen), 1);
	/* An event that we do not know. */
	message = event_message(buffer, 99);
	assert_int_equal(decode(message, &seen), 1);
	/* A token of two bytes. */
	message = event_message(buffer, 3);
	mnl_attr_put_u16(message, MPTCP_ATTR_TOKEN, 1);
	assert_int_equal(decode(message, &seen), 1);
	/* A port of four bytes. */
	message = event_message(buffer, 2);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 1);
	put_four_tuple(message);
	mnl_attr_put_u32(message, MPTCP_ATTR_SPORT, 1);
	assert_int_equal(decode(message, &seen), 1);
	/* A connection without addresses. */
	message = event_message(buffer, 2);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 1);
	assert_int_equal(decode(message, &seen), 1);
	/* Shorter than its header says, and shorter than a header. */
	message = event_message(buffer, 3);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 1);
	assert_int_equal(mptcp_pm_decode(buffer, message->nlmsg_len - 4, FAMILY, see, &seen), 1);
	assert_int_equal(mptcp_pm_decode(buffer, 7, FAMILY, see, &seen), 1);
	assert_int_equal(mptcp_pm_decode(buffer, 0, FAMILY, see, &seen), 0);
	assert_int_equal(seen.count, 0);
}

static void a_refusal_has_the_kernel_s_text(void **unused)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[512] = {0};
	struct nlmsghdr *answer = mnl_nlmsg_put_header(buffer);
	(void)unused;
	answer->nlmsg_type = NLMSG_ERROR;
	answer->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	struct nlmsgerr *failure = mnl_nlmsg_put_extra_header(answer, sizeof *failure);
	failure->error = -EINVAL;
	mnl_attr_put_strz(answer, NLMSGERR_ATTR_MSG, "userspace PM not selected");
	assert_string_equal(extended_text(answer), "userspace PM not selected");
	answer->nlmsg_flags = NLM_F_CAPPED;
	assert_null(extended_text(answer));
	/* With the question's payload in front of the text. */
	answer = mnl_nlmsg_put_header(buffer);
	answer->nlmsg_flags = NLM_F_ACK_TLVS;
	failure = mnl_nlmsg_put_extra_header(answer, sizeof *failure);
	failure->msg.nlmsg_len = MNL_NLMSG_HDRLEN + 24;
	mnl_nlmsg_put_extra_header(answer, 24);
	mnl_attr_put_strz(answer, NLMSGERR_ATTR_MSG, "bad token");
	assert_string_equal(extended_text(answer), "bad token");
}

/* The event channel's reader on a netlink socket that user space may multicast to, with a receive buffer that
 * is too small. */
static void an_overrun_is_told_once_and_reading_goes_on(void **unused)
{
	struct mnl_socket *reader = mnl_socket_open2(NETLINK_USERSOCK, SOCK_CLOEXEC);
	struct mnl_socket *writer = mnl_socket_open2(NETLINK_USERSOCK, SOCK_CLOEXEC);
	struct sockaddr_nl everybody = {.nl_family = AF_NETLINK, .nl_groups = 1 << 30};
	_Alignas(struct nlmsghdr) uint8_t buffer[512];
	struct nlmsghdr *message = event_message(buffer, 3);
	struct seen seen = {0};
	struct mptcp_pm pm = {.family_id = FAMILY, .handlers = {see, see_overrun, &seen}};
	int small = 1;
	(void)unused;

	assert_non_null(reader);
	assert_non_null(writer);
	assert_int_equal(mnl_socket_bind(reader, 1 << 30, MNL_SOCKET_AUTOPID), 0);
	assert_int_equal(mnl_socket_bind(writer, 0, MNL_SOCKET_AUTOPID), 0);
	assert_int_equal(
		setsockopt(mnl_socket_get_fd(reader), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	mnl_attr_put_u32(message, MPTCP_ATTR_TOKEN, 7);
	for (int i = 0; i < 100; i++)
		sendto(mnl_socket_get_fd(writer), message, message->nlmsg_len, MSG_DONTWAIT,
			(struct sockaddr *)&everybody, sizeof everybody);
	assert_int_equal(on_readable(NULL, mnl_socket_get_fd(reader), EPOLLIN, &pm), 0);
	assert_int_equal(seen.overruns, 1);
	assert_true(seen.count > 0 && seen.count < 100);
	assert_int_equal(seen.before, seen.count); /* told last: what comes later is newer */
	assert_false(pm.lost);
	assert_int_equal(pm.undecoded, 0);
	mnl_socket_close(reader);
	mnl_socket_close(writer);
}

static void names(void **unused)
{
	(void)unused;
	assert_string_equal(mptcp_pm_event_name(MPTCP_PM_EVENT_SUB_CLOSED), "SUB_CLOSED");
	assert_string_equal(mptcp_pm_event_name(MPTCP_PM_EVENT_LISTENER_CLOSED), "LISTENER_CLOSED");
	assert_string_equal(mptcp_pm_event_name(4), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_established_connection),
		cmocka_unit_test(a_closed_subflow),
		cmocka_unit_test(an_ipv6_subflow),
		cmocka_unit_test(a_closed_connection_and_a_listener_carry_less),
		cmocka_unit_test(several_events_in_one_datagram),
		cmocka_unit_test(attributes_of_tomorrow_are_passed_over),
		cmocka_unit_test(what_is_no_event_is_counted),
		cmocka_unit_test(a_refusal_has_the_kernel_s_text),
		cmocka_unit_test(an_overrun_is_told_once_and_reading_goes_on),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
