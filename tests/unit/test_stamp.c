/* Stamp: its statistics, its refusals, and packets over the loopback interface of a network namespace. */
#include "lib/net/stamp.h"
#include "tests/unit/check.h"

#include "lib/base/units.h"
#include "lib/net/netns.h"
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_summary(void **state)
{
	struct stamp stamps[200];

	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		stamps[i] = (struct stamp){1000000 * (i + 1), 1000000 * (i + 1) + 5000 + 1000 * (i / 2)};
	for (uint32_t i = 1; i < 200; i += 2)
		stamps[i].received_ns = 0;
	struct stamp_summary s = stamp_summarise(stamps, 200, 5000);
	assert_int_equal(s.count, 200);
	assert_int_equal(s.received, 100);
	assert_int_equal(s.late, 0);
	assert_true(s.min_us == 0 && s.median_us == 49 && s.p90_us == 89 && s.p99_us == 98 && s.max_us == 99);

	stamps[0].received_ns = stamps[4].received_ns + 1; /* after two that were sent later */
	assert_int_equal(stamp_summarise(stamps, 200, 0).late, 2);
	s = stamp_summarise(stamps + 1, 1, 0);
	assert_true(s.received == 0 && s.max_us == 0);
}

static int loopback(char **error, struct stamp_plan plan, struct stamp *stamps)
{
	plan.netns[0] = plan.netns[1] = netns_open("/proc/self/ns/net");
	assert_true(plan.netns[0] >= 0);
	int result = stamp_run(&plan, stamps, error);
	close(plan.netns[0]);
	return result;
}

static void check_loopback(const char *address, uint32_t bytes)
{
	enum { COUNT = 200 };
	struct stamp stamps[COUNT];
	char *error = NULL;

	if (loopback(&error,
		    (struct stamp_plan){.address = {address, address},
			    .count = COUNT,
			    .bytes = bytes,
			    .interval_ns = 100 * NS_PER_US,
			    .patience_ns = 5 * NS_PER_S},
		    stamps) < 0)
		fail_msg("%s", error);
	for (int i = 0; i < COUNT; i++) {
		assert_true(stamps[i].sent_ns > 0 && stamps[i].received_ns >= stamps[i].sent_ns);
		assert_true(i == 0 || stamps[i].sent_ns > stamps[i - 1].sent_ns);
	}
	assert_int_equal(stamp_summarise(stamps, COUNT, 0).received, COUNT);
}

static void test_loopback(void **state)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		assert_int_equal(errno, EPERM);
		skip();
	}
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	close(fd);
	check_loopback("127.0.0.1", STAMP_BYTES_MIN);
	check_loopback("127.0.0.1", 1514);
	if (access("/proc/sys/net/ipv6/conf/lo", F_OK) == 0)
		check_loopback("::1", STAMP_BYTES_MIN);
}

/* The sender's namespace has its loopback interface, the receiver's an address that is not of there. */
static void test_no_route(void **state)
{
	struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
	struct stamp stamp;
	char *error = NULL;

	(void)state;
	struct stamp_plan plan = {
		.address = {"127.0.0.1", "192.0.2.1"}, .count = 1, .bytes = 100, .patience_ns = NS_PER_MS};
	for (int end = 0; end < 2; end++) {
		if (unshare(CLONE_NEWNET) < 0) {
			assert_int_equal(errno, EPERM);
			skip();
		}
		plan.netns[end] = netns_open("/proc/self/ns/net");
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		interface.ifr_flags = IFF_UP;
		assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &interface), 0);
		memcpy(&interface.ifr_addr, &address, sizeof address);
		assert_true(end == 0 || ioctl(fd, SIOCSIFADDR, &interface) == 0);
		close(fd);
	}
	assert_int_equal(stamp_run(&plan, &stamp, &error), STAMP_NO_ROUTE);
	assert_non_null(error);
	free(error);
	close(plan.netns[0]);
	close(plan.netns[1]);
}

/* What an interface of the namespace has received, by its name in `context`; -1: there is none. */
static int received_by(void *context)
{
	struct ifaddrs *all;
	int packets = -1;
	if (getifaddrs(&all) < 0)
		return -1;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET && strcmp(i->ifa_name, context) == 0)
			packets = (int)((const struct rtnl_link_stats *)i->ifa_data)->rx_packets;
	freeifaddrs(all);
	return packets;
}

static void must(const char *format, ...)
{
	char command[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* Two links between two hosts, and a route of the sender that leads the second one's address over the first: the link is measured, not the
 * route. */
static void test_the_link_and_not_the_route(void **state)
{
	enum { COUNT = 50 };
	struct stamp stamps[COUNT];
	struct stamp_plan plan = {.address = {"10.9.2.1", "10.9.2.2"},
		.count = COUNT,
		.bytes = 100,
		.interval_ns = 100 * NS_PER_US,
		.patience_ns = NS_PER_S};
	char *error = NULL, first[] = "b1", second[] = "b2";

	(void)state;
	for (int end = 1; end >= 0; end--) {
		if (unshare(CLONE_NEWNET) < 0) {
			assert_int_equal(errno, EPERM);
			skip();
		}
		plan.netns[end] = netns_open("/proc/self/ns/net");
	}
	for (int link = 1; link <= 2; link++) {
		must("ip link add a%d type veth peer name b%d netns /proc/%d/fd/%d", link, link, getpid(),
			plan.netns[1]);
		must("ip addr add 10.9.%d.1/24 dev a%d && ip link set a%d up", link, link, link);
		must("nsenter --net=/proc/%d/fd/%d sh -c 'ip addr add 10.9.%d.2/24 dev b%d && ip link set b%d up'",
			getpid(), plan.netns[1], link, link, link);
	}
	must("ip route add 10.9.2.2/32 via 10.9.1.2");
	if (stamp_run(&plan, stamps, &error) < 0)
		fail_msg("%s", error);
	assert_int_equal(stamp_summarise(stamps, COUNT, 0).received, COUNT);
	assert_true(netns_call(plan.netns[1], received_by, second) >= COUNT);
	assert_in_range(netns_call(plan.netns[1], received_by, first), 0, COUNT - 1);
	close(plan.netns[0]);
	close(plan.netns[1]);
}

static void check_refusal(struct stamp_plan plan, const char *reason)
{
	struct stamp stamp;
	char *error = NULL;

	plan.interval_ns = plan.patience_ns = NS_PER_MS;
	assert_int_equal(loopback(&error, plan, &stamp), -1);
	if (!error || !strstr(error, reason))
		fail_msg("`%s` instead of `%s`", error ? error : "", reason);
	free(error);
}

static void test_refusals(void **state)
{
	(void)state;
	check_refusal((struct stamp_plan){.address = {"127.0.0.1", "127.0.0.1"}, .bytes = 1514}, "0 packets");
	check_refusal((struct stamp_plan){.address = {"127.0.0.1", "127.0.0.1"}, .count = 1, .bytes = 64},
		"64 bytes");
	check_refusal((struct stamp_plan){.address = {"localhost", "127.0.0.1"}, .count = 1, .bytes = 100},
		"`localhost` is no numeric");
	check_refusal((struct stamp_plan){.address = {"127.0.0.1", "192.0.2.1"}, .count = 1, .bytes = 100},
		"address 192.0.2.1: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_the_link_and_not_the_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
