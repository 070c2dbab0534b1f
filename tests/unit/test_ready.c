/* Ready: each rule met, missed by the deadline, and cut short by the program's end. */
#include "harness/trial/ready.h"
#include "lib/base/clock.h"
#include "lib/net/netns.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON (clock_now_ns() + 10 * NS_PER_S)
#define AT_ONCE (clock_now_ns() + 30 * NS_PER_MS)

static struct process process;
static char output[64], *error;
static int orders; /* what is written here is the program's standard input */

static int set_up(void **state)
{
	(void)state;
	process = PROCESS_NONE;
	orders = -1;
	error = NULL;
	strcpy(output, "/tmp/test-ready-XXXXXX");
	int fd = mkstemp(output);
	return fd < 0 || close(fd) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	process_stop(&process, 0);
	if (orders >= 0)
		close(orders);
	free(error);
	return unlink(output);
}

/* Starts a shell script whose output is the file and to whom `keep` stays open. */
static void start(const char *script, int keep)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct process_options options = PROCESS_OPTIONS;
	int in[2];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	options.argv = argv;
	options.stdin_fd = in[0];
	options.stdout_fd = open(output, O_WRONLY | O_APPEND | O_CLOEXEC);
	options.keep_fd = keep;
	assert_true(options.stdout_fd >= 0);
	assert_int_equal(process_start(&process, &options, &error), 0);
	close(in[0]);
	close(options.stdout_fd);
	orders = in[1];
}

static void order(const char *line)
{
	assert_int_equal(write(orders, line, strlen(line)), (ssize_t)strlen(line));
}

static void check_error(const char *text)
{
	assert_non_null(error);
	assert_non_null(strstr(error, "serverd"));
	assert_non_null(strstr(error, text));
}

/* The end of a pipe that the script knows as $1 of its text; our own copy of it goes. */
static int start_with_pipe(const char *format)
{
	int ready[2];
	char script[256];
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	snprintf(script, sizeof script, format, ready[1]);
	start(script, ready[1]);
	close(ready[1]);
	return ready[0];
}

static const struct program by_word = {.name = "serverd", .ready = READY_DESCRIPTOR};

static void test_a_word_on_the_descriptor(void **state)
{
	(void)state;
	int fd = start_with_pipe("read line; echo READY >&%d; read line");
	assert_int_equal(ready_await(&by_word, &process, fd, NULL, NULL, NULL, AT_ONCE, &error), -1);
	check_error("not ready in time");
	order("go\n");
	assert_int_equal(ready_await(&by_word, &process, fd, NULL, NULL, NULL, SOON, &error), 0);
	close(fd);
}

static void test_no_word_but_the_end(void **state)
{
	(void)state;
	int fd = start_with_pipe("exit 3 >&%d");
	assert_int_equal(ready_await(&by_word, &process, fd, NULL, NULL, NULL, SOON, &error), -1);
	check_error("ended before it was ready, with exit status 3");
	close(fd);
}

/* Its last line is its reason: the log's, or what is left of it. */
static void test_the_end_says_what_the_log_says_last(void **state)
{
	(void)state;
	char folder[] = "/tmp/test-ready-log-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/serverd.log", folder);
	FILE *log = fopen(path, "we");
	assert_non_null(log);
	for (int i = 0; i < 1000; i++)
		fprintf(log, "line %d\n", i);
	fprintf(log, "a.yaml: no \"key\"\x1b[2J\r\n\n");
	fclose(log);
	int fd = start_with_pipe("exit 2 >&%d");
	assert_int_equal(ready_await(&by_word, &process, fd, NULL, NULL, folder, SOON, &error), -1);
	assert_string_equal(error,
		"serverd ended before it was ready, with exit status 2: a.yaml: no 'key''[2J (log: serverd.log)");
	close(fd);
	unlink(path);
	rmdir(folder);
	/* Without a folder, or without a log in it, nothing is said; whatever was in the text before. */
	char said[PROGRAM_SAID];
	memset(said, 'x', sizeof said);
	program_said(&by_word, NULL, said);
	assert_string_equal(said, "");
	memset(said, 'x', sizeof said);
	program_said(&by_word, folder, said);
	assert_string_equal(said, "");
}

/* A program that lives must not be said to have ended. */
static void test_a_descriptor_that_is_closed_without_a_word(void **state)
{
	(void)state;
	int fd = start_with_pipe("exec %d>&-; read line");
	assert_int_equal(ready_await(&by_word, &process, fd, NULL, NULL, NULL, SOON, &error), -1);
	check_error("closed");
	assert_null(strstr(error, "ended"));
	close(fd);
}

static const struct program by_output = {.name = "serverd", .ready = READY_OUTPUT, .ready_text = "is up"};

static void test_a_line_of_its_output(void **state)
{
	(void)state;
	start("echo starting; read line; printf 'all is '; read line; echo up; read line", -1);
	assert_int_equal(ready_await(&by_output, &process, -1, NULL, output, NULL, AT_ONCE, &error), -1);
	check_error("not ready in time");
	order("a\n");
	assert_int_equal(ready_await(&by_output, &process, -1, NULL, output, NULL, AT_ONCE, &error), -1);
	order("b\n");
	assert_int_equal(ready_await(&by_output, &process, -1, NULL, output, NULL, SOON, &error), 0);
	assert_int_equal(
		ready_await(&by_output, &process, -1, NULL, output, NULL, SOON, &error), 0); /* long since */
}

static void test_its_output_is_read_to_its_end(void **state)
{
	(void)state;
	start("echo it is up", -1);
	assert_int_equal(ready_await(&by_output, &process, -1, NULL, output, NULL, SOON, &error), 0);
}

static void test_no_such_line_but_the_end(void **state)
{
	(void)state;
	start("echo it is down; exit 4", -1);
	assert_int_equal(ready_await(&by_output, &process, -1, NULL, output, NULL, SOON, &error), -1);
	check_error("exit status 4");
}

static int listener(int family, int *port)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	*port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
					: ((struct sockaddr_in6 *)&address)->sin6_port);
	return fd;
}

static void listens(int family)
{
	struct program program = {.name = "serverd", .ready = READY_LISTEN};
	if (geteuid() != 0)
		skip(); /* entering a namespace, even one's own */
	int fd = listener(family, &program.ready_port);
	if (fd < 0 && family == AF_INET6)
		skip(); /* a machine without IPv6 */
	struct place here;
	assert_true(fd >= 0 && place_open_namespace(&here, "here", getpid(), &error) == 0);
	start("read line", -1);
	/* Bound is not listening. */
	assert_int_equal(ready_await(&program, &process, -1, &here, NULL, NULL, AT_ONCE, &error), -1);
	check_error("not ready in time");
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(ready_await(&program, &process, -1, &here, NULL, NULL, SOON, &error), 0);
	close(fd);
	order("end\n");
	assert_int_equal(ready_await(&program, &process, -1, &here, NULL, NULL, SOON, &error), -1);
	check_error("exit status 0");
	place_close(&here);
}

static void test_a_port_that_listens(void **state)
{
	(void)state;
	listens(AF_INET);
}

static void test_a_port_that_listens_for_ipv6(void **state)
{
	(void)state;
	listens(AF_INET6);
}

static void test_no_rule_is_ready_at_once(void **state)
{
	const struct program program = {.name = "serverd", .ready = READY_NONE};
	(void)state;
	start("read line", -1);
	assert_int_equal(ready_await(&program, &process, -1, NULL, NULL, NULL, 0, &error), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_word_on_the_descriptor),
		TEST(no_word_but_the_end),
		TEST(the_end_says_what_the_log_says_last),
		TEST(a_descriptor_that_is_closed_without_a_word),
		TEST(a_line_of_its_output),
		TEST(its_output_is_read_to_its_end),
		TEST(no_such_line_but_the_end),
		TEST(a_port_that_listens),
		TEST(a_port_that_listens_for_ipv6),
		TEST(no_rule_is_ready_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
