/* Login and forwarding: what an agent on a host learns of how it was reached, and of routes that it must not lose. */
#include "harness/hosts/forward.h"
#include "harness/hosts/login.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_connection(void **state)
{
	(void)state;
	struct login login;
	assert_true(login_parse("203.0.113.5 50022 192.0.2.9 22", &login));
	assert_string_equal(login.from, "203.0.113.5");
	assert_false(login.ipv6);
	assert_int_equal(login.from_port, 50022);
	assert_int_equal(login.to_port, 22);
	assert_true(login_parse("2001:DB8:0:0::5 50022 2001:db8::9 2222", &login));
	assert_string_equal(login.from, "2001:db8::5");
	assert_true(login.ipv6);
	assert_int_equal(login.to_port, 2222);
	assert_true(login_parse("fe80::1%eth0 50022 fe80::2%eth0 22", &login));
	assert_string_equal(login.from, "fe80::1");
	/* sshd's own writing of an IPv4 address that came over an IPv6 socket, and the other one */
	assert_true(login_parse("::ffff:203.0.113.5 50022 ::ffff:192.0.2.9 22", &login));
	assert_string_equal(login.from, "203.0.113.5");
	assert_false(login.ipv6);
}

static void no_connection(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "203.0.113.5", "203.0.113.5 50022 192.0.2.9",
		"203.0.113.5 0 192.0.2.9 22", "203.0.113.5 65536 192.0.2.9 22", "203.0.113.5 -1 192.0.2.9 22",
		"here 50022 there 22", "203.0.113.5;drop 50022 192.0.2.9 22", ":: 50022 192.0.2.9 22",
		"203.0.113.5 50022 192.0.2.9 x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct login login;
		if (login_parse(bad[i], &login))
			fail_msg("`%s` is taken for a connection from %s", bad[i], login.from);
	}
}

#define OF(text) login_of_environment(text, sizeof(text) - 1, &login)

static void an_environment(void **state)
{
	(void)state;
	struct login login;
	assert_true(OF("HOME=/root\0SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22\0LANG=C\0"));
	assert_string_equal(login.from, "192.0.2.1");
	/* the last one, without its zero */
	assert_true(OF("\0\0SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22"));
	assert_false(OF(""));
	assert_false(OF("HOME=/root\0"));
	assert_false(OF("SSH_CONNECTION=\0"));
	assert_false(OF("SSH_CONNECTION\0"));
	assert_false(OF("MY_SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22\0"));
	assert_false(OF("SSH_CONNECTION_X=192.0.2.1 1 192.0.2.2 22\0"));
	char *much = malloc(1000);
	memset(much, ' ', 1000);
	memcpy(much, "SSH_CONNECTION=", 15);
	assert_false(login_of_environment(much, 1000, &login));
	free(much);
}

/* sudo's command has lost the variable; sudo itself has it. */
static void a_parent_knows(void **state)
{
	(void)state;
	struct login login;
	setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22", 1);
	assert_true(login_find(&login));
	assert_string_equal(login.from, "192.0.2.1");
	/* Here a shell with the variable starts us again without it. */
	char command[4200], self[4096] = "";
	FILE *in = fopen("/proc/self/cmdline", "r");
	assert_non_null(in);
	assert_true(fread(self, 1, sizeof self - 1, in) > 0);
	fclose(in);
	snprintf(command, sizeof command, "env -u SSH_CONNECTION '%s' as-a-child; exit $?", self);
	assert_int_equal(system(command), 0);
	unsetenv("SSH_CONNECTION");
}

#define ZERO "00000000000000000000000000000000"
#define ROUTER "fe800000000000000000000000000001"
#define LINE(destination, flags, device)                                                                     \
	destination " 00 " ZERO " 00 " ROUTER " 00000400 00000001 00000000 " flags "    " device "\n"

static void advertised_routes(void **state)
{
	(void)state;
	char interface[IF_NAMESIZE];
	static const char routes[] =
		"fd000000000000000000000000000000 40 " ZERO " 00 " ZERO
		" 00000100 00000001 00000000 00000001     eth0\n" LINE(ZERO, "00000003", "eth0")
			LINE(ZERO, "00450003", "enp1s0") LINE(ZERO, "00450003", "wlan0")
				LINE(ZERO, "00200200", "lo");
	const char *at = forward_advertised(routes, interface);
	assert_non_null(at);
	assert_string_equal(interface, "enp1s0");
	at = forward_advertised(at, interface);
	assert_non_null(at);
	assert_string_equal(interface, "wlan0");
	assert_null(forward_advertised(at, interface));
	assert_null(forward_advertised("", interface));
	assert_null(forward_advertised("nothing\n\n of the kind", interface));
}

int main(int argc, char **argv)
{
	struct login login;
	if (argc > 1 && strcmp(argv[1], "as-a-child") == 0)
		return login_find(&login) && strcmp(login.from, "192.0.2.1") == 0 ? 0 : 1;
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_connection), cmocka_unit_test(no_connection),
		cmocka_unit_test(an_environment), cmocka_unit_test(a_parent_knows),
		cmocka_unit_test(advertised_routes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
