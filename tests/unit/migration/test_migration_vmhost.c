/* What a host of a moving machine hears: QEMU's monitor, the machine's messages, and its configuration. */
#include "nodes/migration/message.h"
#include "nodes/migration/vmhost/config.h"
#include "nodes/migration/vmhost/qmp.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct heard {
	char text[512];
	unsigned ended;
};

static void add(struct heard *heard, const char *what, const char *more)
{
	size_t length = strlen(heard->text);
	snprintf(heard->text + length, sizeof heard->text - length, "%s=%s ", what, more);
}

static void on_event(void *context, const char *name, json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));
	add(context, name, status ? status : "-");
}

static void on_end(void *context)
{
	((struct heard *)context)->ended++;
}

static void on_answer(void *context, json_t *result, const char *reason)
{
	const char *status = json_string_value(json_object_get(result, "status"));
	add(context, result ? "answer" : "refusal", result ? status ? status : "-" : reason);
}

/* Answers come in order, events between them, lines in any pieces. */
static void the_monitor_is_understood(void **state)
{
	(void)state;
	static const char said[] =
		"{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}}\r\n"
		"{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\r\n"
		"{\"return\": {\"status\": \"one\"}}\r\n"
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\r\n{\"event\": \"RESUME\"}\r\n";
	static const char expected[] = "MIGRATION=active answer=one refusal=no RESUME=- ";
	for (size_t piece = 1; piece < sizeof said; piece += 7) {
		struct heard heard = {.text = ""};
		const struct qmp_handlers handlers = {on_event, on_end, &heard};
		struct qmp *qmp = qmp_open(NULL, -1, &handlers);
		qmp_send(qmp, "query-migrate", NULL, on_answer, &heard);
		qmp_send(qmp, "migrate", json_pack("{s:s}", "uri", "x"), on_answer, &heard);
		for (size_t at = 0; at < sizeof said - 1; at += piece) {
			size_t left = sizeof said - 1 - at;
			assert_int_equal(qmp_feed(qmp, said + at, left < piece ? left : piece), 0);
		}
		assert_string_equal(heard.text, expected);
		/* Who waits when it ends is told. */
		qmp_send(qmp, "query-migrate", NULL, on_answer, &heard);
		qmp_close(qmp);
		assert_non_null(strstr(heard.text, "refusal=QEMU has ended"));
	}
}

static void what_is_no_monitor_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"hello\n", "[]\n", "{\"return\": \n", "\x01\x02\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct heard heard = {.text = ""};
		const struct qmp_handlers handlers = {on_event, on_end, &heard};
		struct qmp *qmp = qmp_open(NULL, -1, &handlers);
		assert_int_equal(qmp_feed(qmp, bad[i], strlen(bad[i])), -1);
		qmp_close(qmp);
	}
}

/* A command goes out as a line. */
static void a_command_is_a_line(void **state)
{
	(void)state;
	struct heard heard = {.text = ""};
	const struct qmp_handlers handlers = {on_event, on_end, &heard};
	char line[256];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct qmp *qmp = qmp_open(NULL, pair[0], &handlers);
	qmp_send(qmp, "migrate", json_pack("{s:s}", "uri", "tcp:10.0.9.2:4444"), NULL, NULL);
	ssize_t size = read(pair[1], line, sizeof line - 1);
	assert_true(size > 0);
	line[size] = 0;
	assert_string_equal(line,
		"{\"execute\":\"qmp_capabilities\"}\n"
		"{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:10.0.9.2:4444\"}}\n");
	qmp_close(qmp);
	close(pair[1]);
}

static void messages_are_read(void **state)
{
	(void)state;
	struct message m = message_read("place b=eth0,10.0.3.1/24,10.0.3.254", 35);
	assert_int_equal(m.kind, MESSAGE_PLACE);
	assert_string_equal(m.place.interface, "eth0");
	m = message_read("taken b", 7);
	assert_true(m.kind == MESSAGE_TAKEN && strcmp(m.place.name, "b") == 0);
	assert_int_equal(message_read("where", 5).kind, MESSAGE_WHERE);
	static const char *const bad[] = {"", "wher", "where ", "place", "place b", "taken ", "taken b c",
		"TAKEN b", "place b=eth0,10.0.3.1/24"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(message_read(bad[i], strlen(bad[i])).kind, MESSAGE_NONE);
	assert_int_equal(message_read("where\0", 6).kind, MESSAGE_NONE);
	char endless[1000];
	memset(endless, 'a', sizeof endless);
	assert_int_equal(message_read(endless, sizeof endless).kind, MESSAGE_NONE);
}

static struct vmhost_config *load(const char *folder, const char *text, char **error)
{
	char path[256];
	snprintf(path, sizeof path, "%s/vmhost.yaml", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return vmhost_config_load(path, error);
}

static void configurations_are_checked(void **state)
{
	(void)state;
	char folder[] = "/tmp/test-vmhost-XXXXXX", path[256], *error = NULL;
	assert_non_null(mkdtemp(folder));
	setenv("LIQUIDNET_GUEST", folder, 1);
#define GOOD "place: a=eth0,10.0.2.1/24,10.0.2.254\nlisten: 10.0.9.1\nfolder: /run/x\n"
	assert_null(load(folder, GOOD, &error));
	assert_non_null(strstr(error, "make migration-guest"));
	free(error);
	error = NULL;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, i ? "initrd" : "vmlinuz");
		fclose(fopen(path, "w"));
	}
	struct vmhost_config *config = load(folder, GOOD "hosts: {b: 10.0.9.2}\nmemory: 64MiB\n", &error);
	assert_non_null(config);
	assert_string_equal(config->place.name, "a");
	assert_true(config->memory == 64 << 20 && config->port == 4444 && config->host_count == 1);
	assert_non_null(vmhost_config_host(config, "b"));
	assert_null(vmhost_config_host(config, "a"));
	vmhost_config_free(config);
	static const char *const bad[] = {"", "listen: 10.0.9.1\nfolder: /run/x\n", GOOD "memory: 1MiB\n",
		GOOD "hosts: {b: there}\n", GOOD "hosts: [b]\n", GOOD "speed: 1\n",
		GOOD "tap: a-name-that-is-too-long\n", GOOD "mac: \"52:54:00:00:00:01,id=x\"\n",
		GOOD "port: 0\n", GOOD "options: x\n", "place: nowhere\nlisten: 10.0.9.1\nfolder: /run/x\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (load(folder, bad[i], &error))
			fail_msg("`%s` was accepted", bad[i]);
		assert_non_null(strstr(error, "vmhost.yaml:"));
		assert_null(strchr(error, '\n'));
		free(error);
		error = NULL;
	}
	const char *const files[] = {"vmlinuz", "initrd", "vmhost.yaml"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monitor_is_understood),
		cmocka_unit_test(what_is_no_monitor_is_refused),
		cmocka_unit_test(a_command_is_a_line),
		cmocka_unit_test(messages_are_read),
		cmocka_unit_test(configurations_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
