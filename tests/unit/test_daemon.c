/* Daemons: a small one runs in a forked child, and is told by options, signals and its control socket what to
 * do. What it says is read through pipes; every wait has an end. */
#include "lib/base/clock.h"
#include "lib/base/daemon.h"
#include "lib/base/process.h"
#include "lib/base/version.h"
#include "tests/unit/check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define PATIENCE_NS (20 * NS_PER_S)
#define ARGUMENTS_MAX 12

/* The small daemon's ways to differ. */
struct behaviour {
	bool reloads;       /* SIGHUP prints a line */
	bool starts_a_cat;  /* a program that outlives READY is started before it */
	bool ready_on_out;  /* --ready-fd 1: the pipe of READY is standard output */
	bool deaf;          /* the reading end of READY is closed */
	bool whole;         /* by daemon_main; says `installed` before daemon_run */
	const char *notify; /* NOTIFY_SOCKET */
};

struct running {
	struct process process;
	int out, err, ready; /* reading ends */
	int hold;            /* writing end of the standard input of the cat */
};

static char folder[64], socket_path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-daemon-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(socket_path, sizeof socket_path, "%s/socket", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(socket_path);
	return rmdir(folder);
}

/* ---- the small daemon ---- */

static void handle_end(void *context, struct control_request *request, int count, char **words)
{
	struct daemon *daemon = context;
	(void)count;
	sd_event_exit(daemon->loop, atoi(words[0]));
	control_answer(request, json_object());
}

/* Whether standard output is still a descriptor, for READY on it. */
static void handle_out(void *context, struct control_request *request, int count, char **words)
{
	struct stat out, null;
	(void)context;
	(void)count;
	(void)words;
	bool is_null = fstat(STDOUT_FILENO, &out) == 0 && stat("/dev/null", &null) == 0 &&
		       out.st_rdev == null.st_rdev && S_ISCHR(out.st_mode);
	control_answer(request, json_pack("{s:b}", "null", is_null));
}

static void reload(void *context)
{
	struct daemon *daemon = context;
	printf("reload %s\n", daemon->config_path);
	fflush(stdout);
}

static const struct control_command commands[] = {{"end", "STATUS", "ends with a status", 1, 1, handle_end},
	{"out", "", "what standard output is", 0, 0, handle_out}, {0}};

static void *load(const char *path, char **error)
{
	(void)error;
	return strdup(path);
}

static int serve(struct daemon *daemon, char **error)
{
	(void)error;
	printf("installed\n");
	fflush(stdout);
	return daemon_run(daemon, commands, daemon);
}

static int small_daemon(const struct behaviour *behaviour, int hold, int argc, char **argv)
{
	static const struct daemon_description description = {
		"liquidnet-small", "does little", "/etc/liquidnet/small.yaml"};
	static const struct daemon_parts parts = {load, free, serve};
	if (behaviour->whole)
		return daemon_main(&description, &parts, argc, argv);
	const char *const cat[] = {"cat", NULL};
	struct process_options options = PROCESS_OPTIONS;
	struct process process = PROCESS_NONE;
	struct daemon daemon;
	int status = daemon_init(&daemon, &description, argc, argv);
	if (status >= 0)
		return status;
	if (daemon.check_only) {
		printf("%s: good\n", daemon.config_path);
		daemon_free(&daemon);
		return 0;
	}
	daemon.reload = behaviour->reloads ? reload : NULL;
	options.argv = cat;
	options.stdin_fd = hold;
	if (behaviour->starts_a_cat && process_start(&process, &options, NULL) < 0)
		return 99;
	status = daemon_run(&daemon, commands, &daemon);
	daemon_free(&daemon);
	process_stop(&process, 1000);
	return status;
}

/* ---- its parent ---- */

static void child(const struct behaviour *behaviour, const int out[2], const int err[2], const int ready[2],
	const int hold[2], const char *const *words)
{
	char *argv[ARGUMENTS_MAX + 3] = {(char *)"liquidnet-small"}, number[16];
	int argc = 1;
	for (; words[argc - 1] && argc < ARGUMENTS_MAX; argc++)
		argv[argc] = (char *)words[argc - 1];
	/* A test that fails leaves no daemon behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Descriptors only as a real daemon has them: no reading end of its own pipes. */
	if (dup2(behaviour->ready_on_out ? ready[1] : out[1], STDOUT_FILENO) < 0 ||
		dup2(err[1], STDERR_FILENO) < 0)
		_exit(98);
	close(out[0]);
	close(out[1]);
	close(err[0]);
	close(err[1]);
	close(ready[0]);
	close(hold[1]);
	if (behaviour->ready_on_out)
		close(ready[1]);
	snprintf(number, sizeof number, "%d", behaviour->ready_on_out ? STDOUT_FILENO : ready[1]);
	argv[argc++] = (char *)"--ready-fd";
	argv[argc++] = number;
	/* Without close-on-exec, as a shell hands it over. */
	fcntl(ready[1], F_SETFD, 0);
	if (behaviour->notify)
		setenv("NOTIFY_SOCKET", behaviour->notify, 1);
	else
		unsetenv("NOTIFY_SOCKET");
	int status = small_daemon(behaviour, hold[0], argc, argv);
	fflush(NULL);
	_exit(status);
}

/* Starts the small daemon with the words (NULL-ended) and --ready-fd. */
static struct running start(struct behaviour behaviour, const char *const *words)
{
	int out[2], err[2], ready[2], hold[2];
	struct running running = {.process = PROCESS_NONE};
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	if (behaviour.deaf) {
		close(ready[0]);
		ready[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(&behaviour, out, err, ready, hold, words);
	running.process.pid = pid;
	running.process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(running.process.pidfd >= 0);
	close(out[1]);
	close(err[1]);
	close(ready[1]);
	close(hold[0]);
	running.out = out[0];
	running.err = err[0];
	running.ready = ready[0];
	running.hold = hold[1];
	return running;
}

/* Reads from a pipe until `wanted` stands in it (NULL: until its end). In a static buffer; the test fails
 * when that does not come. */
static const char *read_until(int fd, const char *wanted)
{
	static char text[8192];
	size_t used = 0;
	int64_t deadline = clock_now_ns() + PATIENCE_NS;
	for (;;) {
		text[used] = 0;
		if (wanted && strstr(text, wanted))
			return text;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (deadline - clock_now_ns()) / NS_PER_MS;
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			fail_msg("only `%s` came, not `%s`", text, wanted ? wanted : "the end");
		ssize_t n = read(fd, text + used, sizeof text - used - 1);
		assert_true(n >= 0);
		if (n == 0 && !wanted)
			return text;
		if (n == 0)
			fail_msg("only `%s` came, not `%s`", text, wanted);
		used += (size_t)n;
	}
}

/* Waits for the end; returns the exit status. */
static int end_of(struct running *running)
{
	int ended = process_wait(&running->process, clock_now_ns() + PATIENCE_NS);
	if (ended != 1)
		process_stop(&running->process, 0);
	assert_int_equal(ended, 1);
	assert_true(WIFEXITED(running->process.status));
	return WEXITSTATUS(running->process.status);
}

static void forget(struct running *running)
{
	close(running->out);
	close(running->err);
	close(running->ready);
	close(running->hold);
}

static void send_signal(const struct running *running, int number)
{
	assert_int_equal(kill(running->process.pid, number), 0);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_WORDS ((const char *const[]){NULL})
#define ORDINARY ((struct behaviour){0})

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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

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
