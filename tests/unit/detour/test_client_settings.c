/* The client's configuration: its defaults, and every mistake by its line. */
#include "nodes/detour/client/settings.h"
#include "tests/unit/check.h"
#include <stdio.h>
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
		{"detours:\n  - {name: d, kind: nat, address: fd00::1}\n", "f:2:", "fd00::1"}, /* version 1 */
		{"detours:\n  - {name: d, kind: nat, address: [10.0.6.1, fd00::1]}\n", "f:2:", "fd00::1"},
		{"detours:\n  - {name: d, kind: nat, address: [fd00::1, 10.0.6.1]}\n", "f:2:", "fd00::1"},
		{"detours:\n  - {name: d, kind: nat, address: [10.0.6.1, 10.0.6.2]}\n", "f:2:", "10.0.6.2"},
		{"detours:\n  - {name: d, kind: nat, address: []}\n", "f:2:", "address"},
		{"detours:\n  - {name: d, kind: nat, address: '::'}\n", "f:2:", "::"},
		{"detours:\n  - {name: d, kind: nat, address: [[10.0.6.1]]}\n", "f:2:", "a list"},
		{"detours:\n  - {name: d, kind: nat}\n", "f:2:", "address"},
		{"prefetch: {destinations: ['2001:db8::1']}\n" NAT_LINES, "f:1:", "2001:db8::1"},
		{"detours:\n  - {name: d/e, kind: nat, address: 10.0.6.1}\n", "f:2:", "d/e"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, device: tun0}\n", "f:2:", "device"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, port: 70000}\n", "f:2:", "port"},
		{NAT_LINES "  - {name: detour, kind: nat, address: 10.0.6.2}\n", "f:3:", "detour"},
		{NAT_LINES "  - {name: other, kind: nat, address: 10.0.6.1}\n", "f:3:", "other"},
		{"same_path: 3\n", "f:1:", "limit"},
		{"same_path: 9\n", "f:1:", "same_path"},
		{"same_path: 0\n", "f:", "detours"},
		{"join_after_bytes: soon\n" NAT_LINES, "f:1:", "join_after_bytes"},
		{"join_after_bytes: -1\n" NAT_LINES, "f:1:", "join_after_bytes"},
		{"detours:\n  - {name: d, kind: direct}\n", "f:2:", "from"},
		{"detours:\n  - {name: d, kind: direct, from: 10.2.1.1, port: 1}\n", "f:2:", "port"},
		{"detours:\n  - {name: d, kind: direct, from: 10.2.1.1, device: a-much-too-long-name}\n",
			"f:2:", "device"},
		{"detours:\n  - {name: d, kind: direct, from: 10.2.1.1}\n  - {name: e, kind: direct, from: 10.2.1.1}\n",
			"f:3:", "d"},
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

/* Of version 2, whose key is known: one address of either family, or one of each. */
static void a_detour_may_have_an_address_of_each_family(void **unused)
{
	static const char text[] = "identity: %s\n"
				   "prefetch: {destinations: ['[2001:db8::1]:443', 10.0.3.1:80]}\n"
				   "detours:\n"
				   "  - {name: a, kind: nat, address: ['fd00::1', 10.0.6.1], key: %s}\n"
				   "  - {name: b, kind: nat, address: 'fd00::2', key: %s}\n"
				   "  - {name: c, kind: nat, address: ['fd00::%d', 10.0.6.3], key: %s}\n";
	char path[] = "/tmp/test_client_settings.XXXXXX", public[SEAL_KEY_TEXT], yaml[1024],
	     address[ADDRESS_TEXT];
	char *error = NULL;
	struct identity identity;
	(void)unused;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(identity_create(path, &identity, &error), 0);
	public_text(identity.public, public);
	snprintf(yaml, sizeof yaml, text, path, public, public, 3, public);
	struct settings *settings = settings_parse("f", yaml, &error);
	if (!settings)
		fail_msg("%s", error);
	assert_string_equal(address_text(&settings->detours[0].at.address, address), "fd00::1");
	assert_string_equal(address_text(&settings->detours[0].other, address), "10.0.6.1");
	assert_string_equal(address_text(&settings->detours[1].at.address, address), "fd00::2");
	assert_true(address_is_none(&settings->detours[1].other));
	assert_int_equal(settings->prefetch[0].port, 443);
	settings_free(settings);
	/* Two that share one place are one. */
	snprintf(yaml, sizeof yaml, text, path, public, public, 2, public);
	assert_null(settings_parse("f", yaml, &error));
	assert_non_null(strstr(error, "'b'"));
	free(error);
	unlink(path);
}

static void direct_ways_need_no_detour(void **unused)
{
	char *error = NULL;
	struct settings *settings = settings_parse("f",
		"limit: 3\nsame_path: 2\njoin_after_bytes: 64KB\ndetours:\n  - {name: second, kind: direct, from: 10.2.1.1, device: eth1}\n",
		&error);
	(void)unused;
	assert_non_null(settings);
	assert_int_equal(settings->paths.join_after_bytes, 64000);
	assert_int_equal(settings->count, 3);
	assert_int_equal(settings->configured, 3);
	assert_int_equal(settings->detours[0].kind, DETOUR_DIRECT);
	char address[ADDRESS_TEXT];
	assert_string_equal(address_text(&settings->detours[0].from, address), "10.2.1.1");
	assert_string_equal(settings->detours[0].device, "eth1");
	assert_int_equal(settings->detours[2].kind, DETOUR_DIRECT);
	assert_true(address_is_none(&settings->detours[2].from));
	assert_string_equal(settings->detours[2].name, "same-path-2");
	settings_free(settings);
	settings = settings_parse("f", "same_path: 1\n", &error);
	assert_non_null(settings);
	assert_int_equal(settings->paths.join_after_bytes, 0);
	settings_free(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct_ways_need_no_detour),
		cmocka_unit_test(a_configuration_has_the_documented_defaults),
		cmocka_unit_test(bad_configurations_are_refused_by_line),
		cmocka_unit_test(a_detour_may_have_an_address_of_each_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
