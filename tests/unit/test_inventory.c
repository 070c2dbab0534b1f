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
		{"hosts:\n  a: {ssh: x, address: 127.0.0.1}\n" LIMITS,
			"`127.0.0.1` is no IPv4 address of a host"},
		{"hosts:\n  a: {ssh: x, address: here}\n" LIMITS, "`here` is no IPv4 address of a host"},
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
	assert_false(agent_may_set("/proc/sys/net/ipv6/conf/all/disable_ipv6"));
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_says), cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(what_an_agent_may), cmocka_unit_test(what_ping_says)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
