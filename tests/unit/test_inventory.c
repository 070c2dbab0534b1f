/* Inventory: what it says, and what is wrong with it, by file and line. */
#include "harness/hosts/agent.h"
#include "harness/hosts/inventory.h"
#include "harness/hosts/ping.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#define HOSTS                                                                                                \
	"hosts:\n  client: {ssh: client, address: 10.1.0.1}\n  server: {ssh: \"root@server.example.net:2222\", address: 10.2.0.1}\n"
#define LIMITS "limits: {rate: 500Mbit/s, bytes: 300GB, until: 120min}\n"

static struct inventory *parse(const char *text, char **error)
{
	return inventory_parse("hosts.yaml", text, strlen(text), error);
}

static void what_it_says(void **state)
{
	(void)state;
	char *error = NULL;
	struct inventory *v = parse(HOSTS LIMITS "ports: [5201/tcp, 45672/udp]\nspace: 64MB\n", &error);
	assert_non_null(v);
	assert_int_equal(v->count, 2);
	assert_string_equal(v->hosts[1].user_and_name, "root@server.example.net");
	assert_string_equal(v->hosts[1].port, "2222");
	assert_string_equal(v->hosts[0].port, "");
	assert_string_equal(v->hosts[0].program, "liquidnet");
	assert_int_equal(v->rate_bps, 500000000);
	assert_true(
		v->bytes == 300000000000ULL && v->until_ns == 7200LL * 1000000000 && v->space == 64000000);
	assert_int_equal(v->ports_count, 2);
	assert_string_equal(v->ports[1].protocol, "udp");
	assert_int_equal(v->ports[1].number, 45672);
	assert_int_equal(inventory_host(v, "server"), 1);
	assert_int_equal(inventory_host(v, "nobody"), -1);
	assert_string_equal(v->hosts[1].address, "10.2.0.1");
	assert_false(v->ipv6);
	inventory_free(v);
}

/* However it is written, an address has one text: the wire's is compared with it. */
static void hosts_of_ipv6(void **state)
{
	(void)state;
	char *error = NULL;
	struct inventory *v = parse("hosts:\n  a: {ssh: x, address: \"2001:DB8:0:0::0:1\"}\n"
				    "  b: {ssh: y, address: \"fd00:1::2\"}\n" LIMITS,
		&error);
	assert_non_null(v);
	assert_true(v->ipv6);
	assert_string_equal(v->hosts[0].address, "2001:db8::1");
	assert_string_equal(v->hosts[1].address, "fd00:1::2");
	struct topology_end ends[2] = {
		{.node = 0, .interface = "i", .address = "10.0.0.1", .address6 = "fd00::9"},
		{.node = 2, .interface = "k", .address = "10.0.0.2", .address6 = "fd00::8"}};
	struct topology_link link = {.name = "l", .ends = {ends[0], ends[1]}};
	const char *nodes[] = {"a", "b", "router"}, *interfaces[] = {"eth0", "eth1"};
	struct topology topology = {
		.nodes = nodes, .nodes_count = 3, .links = &link, .links_count = 1, .name = "t"};
	inventory_apply(v, NULL, &topology);
	assert_string_equal(link.ends[0].address, "");
	assert_string_equal(link.ends[0].address6, "2001:db8::1");
	assert_string_equal(link.ends[0].interface, "i");
	assert_string_equal(link.ends[1].address, "");
	assert_string_equal(link.ends[1].address6, "");
	inventory_apply(v, interfaces, &topology);
	assert_string_equal(link.ends[0].interface, "eth0");
	inventory_free(v);
}

static void what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{HOSTS, "hosts.yaml:1: there are no `limits`"},
		{LIMITS, "hosts.yaml:1: there is no `hosts`"},
		{HOSTS "limits: {rate: 1Mbit/s, bytes: 1GB}\n", "hosts.yaml:4: `limits` do not say `until`"},
		{HOSTS LIMITS "port: [1/tcp]\n", "hosts.yaml:5: "},
		{HOSTS LIMITS "ports: [5201]\n", "`5201` is no port"},
		{HOSTS LIMITS "ports: [70000/tcp]\n", "`70000/tcp` is no port"},
		{HOSTS LIMITS "ssh: {config: /nowhere/config}\n", "/nowhere/config cannot be read"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1}\n" LIMITS, "fewer than two hosts"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1}\n  b: {ssh: x, address: 10.0.0.2}\n" LIMITS,
			"hosts.yaml:3: a and b are the same host"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1}\n  b: {ssh: y, address: 10.0.0.1}\n" LIMITS,
			"a and b are the same host"},
		{"hosts:\n  a: {ssh: -oProxyCommand=x, address: 10.0.0.1}\n" LIMITS, "is no login"},
		{"hosts:\n  a: {ssh: \"x;reboot\", address: 10.0.0.1}\n" LIMITS, "is no login"},
		{"hosts:\n  a: {ssh: \"x:0\", address: 10.0.0.1}\n" LIMITS, "is no login"},
		{"hosts:\n  a: {ssh: x, address: 127.0.0.1}\n" LIMITS, "`127.0.0.1` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: here}\n" LIMITS, "`here` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: 224.0.0.1}\n" LIMITS, "is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"::\"}\n" LIMITS, "`::` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"::1\"}\n" LIMITS, "`::1` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"::ffff:127.0.0.1\"}\n" LIMITS, "is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"fe80::1\"}\n" LIMITS, "`fe80::1` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"fe80::1%eth0\"}\n" LIMITS, "is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"ff02::1\"}\n" LIMITS, "`ff02::1` is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: \"2001:db8::1/64\"}\n" LIMITS, "is no address of a host"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1}\n  b: {ssh: y, address: \"2001:db8::1\"}\n" LIMITS,
			"hosts.yaml:3: `2001:db8::1` is of IPv6, and the address of a is of IPv4; write addresses of one family"},
		{"hosts:\n  a: {ssh: x, address: \"2001:db8::1\"}\n  b: {ssh: y, address: \"2001:DB8:0::1\"}\n" LIMITS,
			"a and b are the same host"},
		{"hosts:\n  a: {ssh: x}\n" LIMITS, "address"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1, liquidnet: \"/bin/x y\"}\n" LIMITS,
			"cannot be the path of a program"},
		{"hosts:\n  a: {ssh: x, address: 10.0.0.1, password: y}\n" LIMITS, "password"},
		{"hosts: 3\n" LIMITS, "hosts.yaml:1"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		struct inventory *v = parse(bad[i].text, &error);
		if (v || !error || !strstr(error, bad[i].says) || strchr(error, '\n'))
			fail_msg("%zu: [%s], not [%s]", i, error ? error : "(accepted)", bad[i].says);
		free(error);
	}
}

/* Nothing that could cut a host off, nothing outside of the kernel's network settings. */
static void what_an_agent_may(void **state)
{
	(void)state;
	assert_true(agent_may_set("/proc/sys/net/mptcp/pm_type"));
	assert_true(agent_may_set("/proc/sys/net/ipv4/tcp_wmem"));
	assert_true(agent_may_set("/proc/sys/net/ipv4/ip_forward"));
	assert_true(agent_may_set("/proc/sys/net/ipv6/conf/all/forwarding"));
	assert_false(agent_may_set("/proc/sys/net/ipv6/conf/all/disable_ipv6"));
	assert_false(agent_may_set("/proc/sys/net/ipv6/conf/all/accept_ra"));
	assert_false(agent_may_set("/proc/sys/net/ipv6/conf/eth0/forwarding"));
	assert_false(agent_may_set("/proc/sys/kernel/core_pattern"));
	assert_false(agent_may_set("/proc/sys/net/mptcp/../../kernel/core_pattern"));
	assert_false(agent_may_set("/etc/shadow"));
	assert_true(agent_may_read("/proc/net/netstat"));
	assert_true(agent_may_read("/proc/sys/net/mptcp/pm_type"));
	assert_false(agent_may_read("/proc/net/../1/environ"));
	assert_false(agent_may_read("/etc/shadow"));
}

static void what_ping_says(void **state)
{
	(void)state;
	json_t *times = ping_times("PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\n"
				   "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms\n"
				   "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.050 ms (DUP!)\n"
				   "64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=61 ms\n"
				   "From 10.0.0.9 icmp_seq=3 Destination Host Unreachable\n\n"
				   "rtt min/avg/max/mdev = 0.045/0.1/0.2/0.01 ms, time=4 ms");
	assert_int_equal(json_array_size(times), 2);
	assert_true(json_real_value(json_array_get(times, 0)) == 0.045);
	assert_true(json_real_value(json_array_get(times, 1)) == 61);
	json_decref(times);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_says), cmocka_unit_test(hosts_of_ipv6),
		cmocka_unit_test(what_is_wrong), cmocka_unit_test(what_an_agent_may),
		cmocka_unit_test(what_ping_says)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
