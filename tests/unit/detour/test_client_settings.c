/* The client's configuration: its defaults, and every mistake by its line. */
#include "nodes/detour/client/settings.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#define SEC 1000000000LL

#define NAT_LINES "detours:\n  - {name: detour, kind: nat, address: 10.0.6.1}\n"
#define VPN_LINE(extra)                                                                                      \
	"  - {name: tunnel, kind: vpn, address: 10.0.6.1, certificate: /dev/null, key: /dev/null, peer: "    \
	"/dev/null, "                                                                                        \
	"encryption: none" extra "}\n"

static void a_configuration_has_the_documented_defaults(void **unused)
{
	char *error = NULL;
	struct settings *settings = settings_parse("f", NAT_LINES VPN_LINE(""), &error);
	(void)unused;
	assert_non_null(settings);
	assert_int_equal(settings->paths.limit, 2);
	assert_int_equal(settings->count, 2);
	assert_int_equal(settings->detours[0].at.port, 45672);
	assert_int_equal(settings->detours[0].deadline_ns, 5 * SEC);
	assert_int_equal(settings->detours[1].at.port, 1194);
	assert_string_equal(settings->detours[1].device, "tun0");
	assert_int_equal(settings->detours[1].encryption, OPENVPN_PLAIN);
	assert_string_equal(settings->directory, "/run/liquidnet/client");
	assert_false(settings->manage_sysctl);
	settings_free(settings);
}

static void bad_configurations_are_refused_by_line(void **unused)
{
	static const struct {
		const char *text, *line, *word;
	} bad[] = {
		{"limit: 2\n", "f:", "detours"},
		{"limit: 9\n" NAT_LINES, "f:1:", "limit"},
		{"limits: 2\n" NAT_LINES, "f:1:", "limits"},
		{"directory: run\n" NAT_LINES, "f:1:", "directory"},
		{"retry_first: 4s\nretry_last: 1s\n" NAT_LINES, "f:2:", "retry_last"},
		{"detours: []\n", "f:1:", "detours"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, key: abc}\n", "f:2:", "identity"},
		{"collective: {list: l, key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}\n",
			"f:1:", "identity"},
		{"prefetch: {destinations: [here]}\n" NAT_LINES, "f:1:", "here"},
		{"detours:\n  - {name: d, kind: gre, address: 10.0.6.1}\n", "f:2:", "gre"},
		{"detours:\n  - {name: d, kind: nat, address: fd00::1}\n", "f:2:", "fd00::1"},
		{"detours:\n  - {name: d/e, kind: nat, address: 10.0.6.1}\n", "f:2:", "d/e"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, device: tun0}\n", "f:2:", "device"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, port: 70000}\n", "f:2:", "port"},
		{NAT_LINES "  - {name: detour, kind: nat, address: 10.0.6.2}\n", "f:3:", "detour"},
		{NAT_LINES "  - {name: other, kind: nat, address: 10.0.6.1}\n", "f:3:", "other"},
		{"detours:\n" VPN_LINE(", table: 254"), "f:2:", "254"},
		{"detours:\n" VPN_LINE(", device: a-much-too-long-name"), "f:2:", "a-much-too-long-name"},
		{"detours:\n  - {name: t, kind: vpn, address: 10.0.6.1, certificate: /nonexistent, key: /dev/null, peer: /dev/null, encryption: none}\n",
			"f:2:", "/nonexistent"},
		{"detours:\n  - {name: t, kind: vpn, address: 10.0.6.1, certificate: /dev/null, key: /dev/null, peer: /dev/null, encryption: rot13}\n",
			"f:2:", "rot13"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_null(settings_parse("f", bad[i].text, &error));
		assert_non_null(error);
		assert_true(strncmp(error, bad[i].line, strlen(bad[i].line)) == 0);
		assert_non_null(strstr(error, bad[i].word));
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_has_the_documented_defaults),
		cmocka_unit_test(bad_configurations_are_refused_by_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
