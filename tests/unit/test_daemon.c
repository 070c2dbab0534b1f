/* Daemons: a small one runs in a forked child, and is told by options, signals and its control socket what to
 * do. What it says is read through pipes; every wait has an end. */
#include "tests/unit/small_daemon.h"

static size_t lines(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* ---- tests ---- */

static void test_bad_options_are_one_line_and_status_2(void **state)
{
	static const struct {
		const char *words[4];
		const char *said;
	} cases[] = {
		{{"--nonsense"}, "--nonsense"},
		{{"--check", "--nonsense=3"}, "--nonsense=3"},
		{{"-x"}, "-x"},
		{{"--check=yes"}, "--check=yes"},
		{{"--log-level", "loud"}, "error, warning, info or debug, not loud"},
		{{"--log-level="}, "error, warning, info or debug, not "},
		{{"--ready-fd", "three"}, "open descriptor, not three"},
		{{"--ready-fd", "-1"}, "open descriptor, not -1"},
		{{"--ready-fd", "777"}, "open descriptor, not 777"},
		{{"--ready-fd", "99999999999"}, "open descriptor, not 99999999999"},
		{{"--check", "surplus"}, "takes no arguments, but got surplus"},
		{{"surplus", "--nonsense"}, "takes no arguments, but got surplus"},
		{{"--", "--help"}, "takes no arguments, but got --help"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct running r = start(ORDINARY, cases[i].words);
		assert_string_equal(read_until(r.ready, NULL), "");
		assert_string_equal(read_until(r.out, NULL), "");
		const char *said = read_until(r.err, NULL);
		assert_non_null(strstr(said, cases[i].said));
		assert_ptr_equal(strstr(said, "liquidnet-small: "), said);
		assert_non_null(strstr(said, "; see liquidnet-small --help\n"));
		assert_int_equal(lines(said), 1);
		assert_int_equal(end_of(&r), 2);
		forget(&r);
	}
}

/* The value of the last option is missing: nothing may follow it. */
static void test_a_missing_value_is_refused(void **state)
{
	char program[] = "liquidnet-small", option[] = "--config";
	char *argv[] = {program, option, NULL};
	int err[2];
	(void)state;
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(err[1], STDERR_FILENO);
		_exit(small_daemon(&ORDINARY, -1, 2, argv));
	}
	int status;
	close(err[1]);
	assert_string_equal(read_until(err[0], NULL),
		"liquidnet-small: no such option, or its value is missing: --config; see liquidnet-small --help\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	close(err[0]);
}

static void test_help_names_every_option(void **state)
{
	static const char *const named[] = {"liquidnet-small: does little\n", "--config FILE",
		"/etc/liquidnet/small.yaml", "--control SOCKET", "--ready-fd N", "--log-level LEVEL",
		"--check", "--help", "--version"};
	struct running r = start(ORDINARY, WORDS("--help"));
	(void)state;
	const char *said = read_until(r.out, NULL);
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		assert_non_null(strstr(said, named[i]));
	assert_string_equal(read_until(r.err, NULL), "");
	assert_string_equal(read_until(r.ready, NULL), "");
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

static void test_version(void **state)
{
	struct running r = start(ORDINARY, WORDS("--version"));
	(void)state;
	char expected[256];
	snprintf(expected, sizeof expected, "liquidnet-small %s\n", liquidnet_version);
	assert_string_equal(read_until(r.out, NULL), expected);
	assert_string_equal(read_until(r.err, NULL), "");
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

/* --check starts nothing: no READY, no socket. The configuration's path is the one given, or the default. */
static void test_check_starts_nothing(void **state)
{
	(void)state;
	struct running r = start(ORDINARY, WORDS("--check", "--control", socket_path));
	assert_string_equal(read_until(r.out, NULL), "/etc/liquidnet/small.yaml: good\n");
	assert_string_equal(read_until(r.ready, NULL), "");
	assert_int_equal(end_of(&r), 0);
	assert_int_equal(access(socket_path, F_OK), -1);
	forget(&r);
	r = start(ORDINARY, WORDS("--check", "--config=other.yaml"));
	assert_string_equal(read_until(r.out, NULL), "other.yaml: good\n");
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

/* The end of READY's descriptor comes while the daemon lives, even when a program it started does, too. */
static void test_ready_is_said_once_and_closed(void **state)
{
	(void)state;
	struct running r = start((struct behaviour){.starts_a_cat = true}, NO_WORDS);
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	assert_int_equal(process_wait(&r.process, 0), 0);
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

static void test_ready_on_standard_output_leaves_no_hole(void **state)
{
	json_t *answer = NULL;
	char *error = NULL;
	(void)state;
	struct running r = start((struct behaviour){.ready_on_out = true}, WORDS("--control", socket_path));
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	assert_int_equal(control_call(socket_path, "out", 10000, &answer, &error), 0);
	assert_true(json_is_true(json_object_get(answer, "null")));
	json_decref(answer);
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

static void test_ready_that_nobody_hears_is_a_warning(void **state)
{
	(void)state;
	struct running r = start((struct behaviour){.deaf = true}, NO_WORDS);
	read_until(r.err, "event=ready ");
	send_signal(&r, SIGTERM);
	read_until(r.err, "event=stopped status=0\n");
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

static void test_ready_is_told_to_a_service_manager(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[64] = "";
	(void)state;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, socket_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	struct running r = start((struct behaviour){.notify = socket_path}, NO_WORDS);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_NS / NS_PER_MS), 1);
	assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
	assert_string_equal(text, "READY=1");
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
	close(fd);
}

static void test_signals_that_end_it(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct running r = start(ORDINARY, WORDS("--control", socket_path));
		assert_string_equal(read_until(r.ready, NULL), "READY\n");
		assert_int_equal(access(socket_path, F_OK), 0);
		send_signal(&r, numbers[i]);
		assert_int_equal(end_of(&r), 0);
		assert_int_equal(access(socket_path, F_OK), -1);
		forget(&r);
	}
}

static void test_hangup_reloads(void **state)
{
	(void)state;
	struct running r = start((struct behaviour){.reloads = true}, WORDS("--config", "some.yaml"));
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	for (int i = 0; i < 2; i++) {
		send_signal(&r, SIGHUP);
		assert_string_equal(read_until(r.out, "\n"), "reload some.yaml\n");
	}
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

static void test_hangup_without_reload_goes_on(void **state)
{
	(void)state;
	struct running r = start(ORDINARY, WORDS("--control", socket_path));
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	send_signal(&r, SIGHUP);
	read_until(r.err, "event=reload-ignored");
	json_t *answer = NULL;
	assert_int_equal(control_call(socket_path, "end 7", 10000, &answer, NULL), 0);
	json_decref(answer);
	assert_int_equal(end_of(&r), 7);
	forget(&r);
}

/* Whoever was told READY may ask at once; a status that a handler gives is the daemon's. */
static void test_control_answers_after_ready(void **state)
{
	json_t *answer = NULL;
	char *error = NULL;
	(void)state;
	struct running r = start(ORDINARY, WORDS("--control", socket_path));
	read_until(r.ready, "READY\n");
	assert_int_equal(control_call(socket_path, "help", 10000, &answer, &error), 0);
	assert_int_equal(json_array_size(json_object_get(answer, "commands")), 2);
	json_decref(answer);
	assert_int_equal(control_call(socket_path, "sing", 10000, &answer, &error), -1);
	assert_string_equal(error, "no such command; `help` lists them");
	free(error);
	assert_int_equal(control_call(socket_path, "end 5", 10000, &answer, NULL), 0);
	json_decref(answer);
	assert_int_equal(end_of(&r), 5);
	forget(&r);
}

static void test_a_control_socket_that_cannot_be_is_status_2(void **state)
{
	char path[128], said[256];
	(void)state;
	snprintf(path, sizeof path, "%s/missing/socket", folder);
	struct running r = start(ORDINARY, WORDS("--control", path));
	assert_string_equal(read_until(r.ready, NULL), "");
	snprintf(said, sizeof said, "liquidnet-small: %s: No such file or directory\n", path);
	assert_string_equal(read_until(r.err, NULL), said);
	assert_int_equal(end_of(&r), 2);
	forget(&r);
}

/* What serve installs may be what the daemon at the socket has installed: it is not begun. */
static void test_a_second_daemon_at_a_socket_installs_nothing(void **state)
{
	json_t *answer = NULL;
	char said[256];
	(void)state;
	struct running first = start((struct behaviour){.whole = true}, WORDS("--control", socket_path));
	assert_string_equal(read_until(first.ready, NULL), "READY\n");
	assert_string_equal(read_until(first.out, "\n"), "installed\n");
	struct running second = start((struct behaviour){.whole = true}, WORDS("--control", socket_path));
	assert_string_equal(read_until(second.ready, NULL), "");
	assert_string_equal(read_until(second.out, NULL), "");
	snprintf(said, sizeof said,
		"liquidnet-small: %s: another daemon answers there; stop it or choose another --control\n",
		socket_path);
	assert_string_equal(read_until(second.err, NULL), said);
	assert_int_equal(end_of(&second), 2);
	forget(&second);
	assert_int_equal(control_call(socket_path, "end 3", 10000, &answer, NULL), 0);
	json_decref(answer);
	assert_int_equal(end_of(&first), 3);
	assert_int_equal(access(socket_path, F_OK), -1);
	forget(&first);
}

/* One a namespace, one an interface of it; the next after the first has gone. */
static void test_alone(void **state)
{
	char program[64], *error = NULL;
	(void)state;
	snprintf(program, sizeof program, "liquidnet-small-%d", (int)getpid());
	const struct daemon_description description = {.program = program};
	struct daemon daemons[4];
	for (size_t i = 0; i < 4; i++)
		daemons[i] = (struct daemon){.description = &description, .lock = -1};
	assert_int_equal(daemon_alone(&daemons[0], 0, &error), 0);
	assert_int_equal(daemon_alone(&daemons[1], 0, &error), -1);
	assert_non_null(strstr(error, " serves this network namespace; stop it first"));
	free(error);
	error = NULL;
	assert_int_equal(daemon_alone(&daemons[1], 1, &error), 0);
	assert_int_equal(daemon_alone(&daemons[2], 1, &error), -1);
	assert_non_null(strstr(error, " serves interface lo; stop it first"));
	free(error);
	error = NULL;
	assert_int_equal(daemon_alone(&daemons[2], 11, &error), 0);
	daemon_free(&daemons[1]);
	assert_int_equal(daemon_alone(&daemons[3], 1, &error), 0);
	for (size_t i = 0; i < 4; i++)
		daemon_free(&daemons[i]);
}

/* The level given decides what is said. */
static void test_log_level(void **state)
{
	(void)state;
	struct running r = start(ORDINARY, WORDS("--log-level", "warning"));
	assert_string_equal(read_until(r.ready, NULL), "READY\n");
	send_signal(&r, SIGHUP);
	send_signal(&r, SIGTERM);
	assert_string_equal(read_until(r.err, NULL), "");
	assert_int_equal(end_of(&r), 0);
	forget(&r);
	r = start(ORDINARY, WORDS("--log-level", "debug"));
	read_until(r.err, "level=info program=liquidnet-small event=ready pid=");
	send_signal(&r, SIGTERM);
	assert_int_equal(end_of(&r), 0);
	forget(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_options_are_one_line_and_status_2),
		TEST(test_a_missing_value_is_refused),
		TEST(test_help_names_every_option),
		TEST(test_version),
		TEST(test_check_starts_nothing),
		TEST(test_ready_is_said_once_and_closed),
		TEST(test_ready_on_standard_output_leaves_no_hole),
		TEST(test_ready_that_nobody_hears_is_a_warning),
		TEST(test_ready_is_told_to_a_service_manager),
		TEST(test_signals_that_end_it),
		TEST(test_hangup_reloads),
		TEST(test_hangup_without_reload_goes_on),
		TEST(test_control_answers_after_ready),
		TEST(test_a_control_socket_that_cannot_be_is_status_2),
		TEST(test_a_second_daemon_at_a_socket_installs_nothing),
		TEST(test_alone),
		TEST(test_log_level),
	};
	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
