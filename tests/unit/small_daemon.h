/* A small daemon in a forked child, for tests of what all daemons share: started in different ways, told by options, signals and its
 * control socket what to do. */
#ifndef LIQUIDNET_SMALL_DAEMON_H
#define LIQUIDNET_SMALL_DAEMON_H

#include "lib/base/clock.h"
#include "lib/base/daemon.h"
#include "lib/base/process.h"
#include "lib/base/version.h"
#include "tests/unit/check.h"
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
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
	static const struct daemon_description description = {.program = "liquidnet-small",
		.summary = "does little",
		.default_config = "/etc/liquidnet/small.yaml"};
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
