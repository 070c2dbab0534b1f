/* Processes: real programs (a shell, mostly) that end, fail, hang, write much, ignore signals.
 * No test waits for time to pass but for the few milliseconds of a deadline that is to be missed. */
#include "lib/base/clock.h"
#include "tests/unit/process_run.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SOON (clock_now_ns() + 20 * NS_PER_S)

/* ---- start ---- */

static void a_missing_program_is_an_error(void **state)
{
	const char *const missing[] = {"liquidnet-no-such-program", NULL}, *const path[] = {"/no/such", NULL};
	struct process_options options = program(missing);
	struct process process;
	int before = descriptors();
	(void)state;
	assert_int_equal(process_start(&process, &options, &error), -1);
	assert_string_equal(error,
		"program `liquidnet-no-such-program` is not installed; `liquidnet doctor` says what to do");
	assert_int_equal(process.pid, 0);
	assert_int_equal(process.pidfd, -1);
	options.argv = path;
	assert_int_equal(process_run(&options, false, 20000, &output, &error), -1);
	assert_string_equal(error, "program `/no/such` is not installed; `liquidnet doctor` says what to do");
	assert_null(output);
	assert_int_equal(descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left to reap */
	assert_int_equal(errno, ECHILD);
}

static void what_cannot_be_executed_is_an_error(void **state)
{
	char path[] = "/tmp/test-process-XXXXXX", expected[128];
	const char *const argv[] = {path, NULL};
	struct process_options options = program(argv);
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(process_run(&options, false, 20000, NULL, &error), -1);
	snprintf(expected, sizeof expected, "%s: Permission denied", path);
	assert_string_equal(error, expected);
	unlink(path);
}

static void a_missing_directory_is_an_error(void **state)
{
	struct process_options options = program(SHELL("true"));
	(void)state;
	options.directory = "/no/such/folder";
	assert_int_equal(process_run(&options, false, 20000, NULL, &error), -1);
	assert_string_equal(error, "sh: directory: No such file or directory");
}

static void errors_may_be_unwanted(void **state)
{
	const char *const missing[] = {"liquidnet-no-such-program", NULL};
	struct process_options options = program(missing);
	(void)state;
	assert_int_equal(process_run(&options, false, 20000, NULL, NULL), -1);
}

static void directory_and_environment(void **state)
{
	struct process_options options =
		program(SHELL("pwd; echo $LIQUIDNET_TEST $OTHER; echo ${PATH:+path}"));
	(void)state;
	options.directory = "/usr";
	options.env = (const char *const[]){"LIQUIDNET_TEST=one two", "OTHER=3", NULL};
	assert_int_equal(process_run(&options, false, 20000, &output, &error), 0);
	assert_string_equal(output, "/usr\none two 3\npath\n");
	assert_null(getenv("LIQUIDNET_TEST"));
}

/* Signals that the parent blocks or ignores are as usual in the child: it could not be stopped else. */
static void signals_are_as_usual(void **state)
{
	sigset_t set, old;
	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	void (*pipe_was)(int) = signal(SIGPIPE, SIG_IGN);
	/* No shell: one of them unblocks everything for itself. */
	struct process_options options =
		program((const char *const[]){"grep", "-E", "SigBlk|SigIgn", "/proc/self/status", NULL});
	assert_int_equal(process_run(&options, false, 20000, &output, &error), 0);
	signal(SIGPIPE, pipe_was);
	sigprocmask(SIG_SETMASK, &old, NULL);
	unsigned long long blocked = 1, ignored = 1;
	assert_int_equal(sscanf(output, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_true(blocked == 0);
	assert_false(ignored >> (SIGPIPE - 1) & 1);
}

/* The first mount of cgroup2, or "". */
static void find_cgroup2(char *path, size_t size)
{
	char line[1024], place[512], kind[64];
	FILE *in = fopen("/proc/self/mounts", "re");
	*path = 0;
	while (in && !*path && fgets(line, sizeof line, in))
		if (sscanf(line, "%*s %511s %63s", place, kind) == 2 && strcmp(kind, "cgroup2") == 0)
			snprintf(path, size, "%s", place);
	if (in)
		fclose(in);
}

static void a_program_is_born_in_a_cgroup(void **state)
{
	char place[512], folder[600], expected[64];
	struct process_options options = program(SHELL("sed -n 's/^0:://p' /proc/self/cgroup"));
	(void)state;
	find_cgroup2(place, sizeof place);
	snprintf(expected, sizeof expected, "/liquidnet-test-process-%d\n", (int)getpid());
	snprintf(folder, sizeof folder, "%s/liquidnet-test-process-%d", place, (int)getpid());
	if (!*place || mkdir(folder, 0755) < 0) {
		print_message("no cgroup2 that may be written\n");
		skip();
	}
	options.cgroup = folder;
	int status = process_run(&options, false, 20000, &output, &error);
	rmdir(folder);
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, expected));
	options.cgroup = "/no/such/cgroup";
	assert_int_equal(process_run(&options, false, 20000, NULL, &error), -1);
	assert_non_null(strstr(error, "No such file or directory"));
}

/* ---- descriptors ---- */

static void standard_input_is_empty(void **state)
{
	(void)state;
	assert_int_equal(run("cat; readlink /proc/self/fd/0"), 0);
	assert_string_equal(output, "/dev/null\n");
}

static void standard_input_is_what_was_given(void **state)
{
	struct process_options options = program(SHELL("cat"));
	int in[2];
	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "words", 5), 5);
	close(in[1]);
	options.stdin_fd = in[0];
	assert_int_equal(process_run(&options, false, 20000, &output, &error), 0);
	assert_string_equal(output, "words");
	close(in[0]);
}

/* Only the one descriptor named is kept, under its number; all else of ours is closed. */
static void one_more_descriptor_is_kept(void **state)
{
	char script[128];
	int kept[2], other[2];
	(void)state;
	assert_int_equal(pipe2(kept, O_CLOEXEC), 0);
	assert_int_equal(pipe2(other, O_CLOEXEC), 0);
	snprintf(script, sizeof script, "echo kept >/proc/self/fd/%d; [ ! -e /proc/self/fd/%d ]", kept[1],
		other[1]);
	struct process_options options = program(SHELL(script));
	options.keep_fd = kept[1];
	assert_int_equal(process_run(&options, true, 20000, &output, &error), 0);
	close(kept[1]);
	char text[16] = "";
	assert_int_equal(read(kept[0], text, sizeof text), 5);
	assert_string_equal(text, "kept\n");
	assert_int_equal(fcntl(kept[0], F_GETFD), FD_CLOEXEC);
	close(kept[0]);
	close(other[0]);
	close(other[1]);
}

/* Output to where error stands and the other way round, both of them below 3 in the parent. */
static void output_and_error_may_be_exchanged(void **state)
{
	int out[2], err[2];
	struct process process;
	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	int saved_out = fcntl(1, F_DUPFD_CLOEXEC, 10), saved_err = fcntl(2, F_DUPFD_CLOEXEC, 10);
	fflush(NULL);
	dup2(out[1], 1);
	dup2(err[1], 2);
	struct process_options options = program(SHELL("echo of-out; echo of-err >&2"));
	options.stdout_fd = 2;
	options.stderr_fd = 1;
	int started = process_start(&process, &options, &error);
	int ended = started == 0 ? process_wait(&process, SOON) : 0;
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	char text[16] = "";
	assert_int_equal(started, 0);
	assert_int_equal(ended, 1);
	assert_int_equal(read(out[0], text, sizeof text), 7);
	assert_memory_equal(text, "of-err\n", 7);
	assert_int_equal(read(err[0], text, sizeof text), 7);
	assert_memory_equal(text, "of-out\n", 7);
	for (int i = 0; i < 2; i++) {
		close(out[i]);
		close(err[i]);
	}
}

/* ---- end ---- */

static void exit_statuses(void **state)
{
	int before = descriptors();
	(void)state;
	assert_int_equal(run("exit 0"), 0);
	assert_int_equal(run("exit 1"), 1);
	assert_int_equal(run("exit 255"), 255);
	assert_int_equal(run("exit 127"), 127); /* a shell's; not mistaken for our own */
	assert_null(error);
	assert_int_equal(descriptors(), before);
}

static void a_signal_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(run("echo before; kill -KILL $$"), -1);
	assert_string_equal(error, "sh: ended with signal 9 (Killed)");
	assert_null(output);
}

static void status_texts(void **state)
{
	char buffer[64];
	struct process process;
	struct process_options options = program(SHELL("kill -TERM $$"));
	(void)state;
	assert_int_equal(process_start(&process, &options, &error), 0);
	assert_int_equal(process_wait(&process, INT64_MAX), 1);
	assert_string_equal(process_status_text(process.status, buffer), "signal 15 (Terminated)");
	assert_int_equal(process.pid, 0);
	assert_int_equal(process.pidfd, -1);
	options.argv = SHELL("exit 3");
	assert_int_equal(process_start(&process, &options, &error), 0);
	assert_int_equal(process_wait(&process, SOON), 1);
	assert_string_equal(process_status_text(process.status, buffer), "exit status 3");
	/* One that has ended is waited for at once, and not stopped again. */
	assert_int_equal(process_wait(&process, 0), 1);
	process_stop(&process, 1000);
	assert_int_equal(WEXITSTATUS(process.status), 3);
}

static void a_deadline_passes(void **state)
{
	struct process process;
	struct process_options options = program((const char *const[]){"sleep", "1000", NULL});
	(void)state;
	assert_int_equal(process_start(&process, &options, &error), 0);
	int64_t began = clock_now_ns();
	assert_int_equal(process_wait(&process, 0), 0);
	assert_int_equal(process_wait(&process, began + 20 * NS_PER_MS), 0);
	assert_true(clock_now_ns() >= began + 20 * NS_PER_MS);
	assert_int_equal(kill(process.pid, 0), 0); /* and it lives on */
	process_stop(&process, 10000);
	assert_true(WIFSIGNALED(process.status));
	assert_int_equal(WTERMSIG(process.status), SIGTERM);
	assert_int_equal(process.pid, 0);
	assert_int_equal(process.pidfd, -1);
}

static void one_that_does_not_end_in_time_is_killed(void **state)
{
	struct process_options options = program(SHELL("echo begun; exec sleep 1000"));
	int before = descriptors();
	(void)state;
	assert_int_equal(process_run(&options, false, 100, &output, &error), -1);
	assert_string_equal(error, "sh: did not end in time (limit 100 ms)");
	assert_null(output);
	/* Nor may it hide by closing its output, or by writing without end. */
	options.argv = SHELL("exec >&- 2>&-; exec sleep 1000");
	assert_int_equal(process_run(&options, true, 100, &output, &error), -1);
	assert_string_equal(error, "sh: did not end in time (limit 100 ms)");
	options.argv = SHELL("while :; do echo x; done");
	assert_int_equal(process_run(&options, true, 100, &output, &error), -1);
	assert_string_equal(error, "sh: did not end in time (limit 100 ms)");
	assert_int_equal(descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- stop ---- */

/* Starts a script whose first line of output is awaited. */
static struct process started(const char *script, int *out)
{
	struct process process;
	struct process_options options = program(SHELL(script));
	int fds[2];
	char byte;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	options.stdout_fd = fds[1];
	assert_int_equal(process_start(&process, &options, &error), 0);
	close(fds[1]);
	do
		assert_int_equal(read(fds[0], &byte, 1), 1);
	while (byte != '\n');
	*out = fds[0];
	return process;
}

static void a_polite_one_has_time_to_go(void **state)
{
	int out;
	char text[16] = "";
	(void)state;
	struct process process =
		started("trap 'echo bye; exit 7' TERM; echo; while :; do sleep 0.01; done", &out);
	process_stop(&process, 20000);
	assert_true(WIFEXITED(process.status));
	assert_int_equal(WEXITSTATUS(process.status), 7);
	assert_int_equal(read(out, text, sizeof text), 4);
	assert_string_equal(text, "bye\n");
	close(out);
}

static void a_stubborn_one_is_killed(void **state)
{
	int out;
	(void)state;
	struct process process = started("trap '' TERM; echo; while :; do sleep 0.01; done", &out);
	int64_t began = clock_now_ns();
	process_stop(&process, 50);
	assert_true(clock_now_ns() - began >= 50 * NS_PER_MS);
	assert_true(WIFSIGNALED(process.status));
	assert_int_equal(WTERMSIG(process.status), SIGKILL);
	close(out);
}

/* A stopped one (SIGSTOP) does not hear SIGTERM. */
static void a_frozen_one_is_killed(void **state)
{
	struct process process;
	struct process_options options = program((const char *const[]){"sleep", "1000", NULL});
	(void)state;
	assert_int_equal(process_start(&process, &options, &error), 0);
	assert_int_equal(kill(process.pid, SIGSTOP), 0);
	siginfo_t stopped;
	assert_int_equal(waitid(P_PID, (id_t)process.pid, &stopped, WSTOPPED), 0);
	process_stop(&process, 20);
	assert_true(WIFSIGNALED(process.status));
	assert_int_equal(WTERMSIG(process.status), SIGKILL);
}

static void nothing_is_stopped_when_nothing_runs(void **state)
{
	struct process process = PROCESS_NONE;
	(void)state;
	process_stop(&process, 1000);
	assert_int_equal(process_wait(&process, 0), 1);
}

static void it_dies_with_its_parent(void **state)
{
	struct process_options options = program((const char *const[]){"sleep", "1000", NULL});
	int told[2], held[2];
	(void)state;
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(held, O_CLOEXEC), 0);
	options.die_with_parent = true;
	options.keep_fd = held[1]; /* open as long as the program lives */
	pid_t middle = fork();
	assert_true(middle >= 0);
	if (middle == 0) {
		struct process process;
		int result = process_start(&process, &options, NULL);
		_exit(write(told[1], &result, sizeof result) < 0);
	}
	int result = -1;
	close(held[1]);
	close(told[1]);
	assert_int_equal(read(told[0], &result, sizeof result), sizeof result);
	assert_int_equal(result, 0);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	struct pollfd p = {.fd = held[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_true(p.revents & POLLHUP);
	close(held[0]);
	close(told[0]);
}

/* ---- output ---- */

static void output_is_collected(void **state)
{
	struct process_options options = program(SHELL("echo out; echo err >&2; printf last"));
	(void)state;
	assert_int_equal(process_run(&options, true, 20000, &output, &error), 0);
	assert_string_equal(output, "out\nerr\nlast");
	assert_int_equal(run("true"), 0);
	assert_string_equal(output, "");
	assert_int_equal(run("echo kept though it failed; exit 4"), 4);
	assert_string_equal(output, "kept though it failed\n");
	options.argv = SHELL("echo unwanted");
	assert_int_equal(process_run(&options, false, 20000, NULL, &error), 0);
}

/* More than a pipe holds, and more than the buffer's first sizes. */
static void a_text_is_fed(void **state)
{
	(void)state;
	free(output);
	output = NULL;
	assert_int_equal(process_feed(SHELL("tr a-z A-Z"), -1, "one\ntwo\n", &output, &error), 0);
	assert_string_equal(output, "ONE\nTWO\n");
	free(output);
	output = NULL;
	assert_int_equal(process_feed(SHELL("cat; exit 7"), -1, "first\nsecond", &output, &error), 7);
	assert_string_equal(error, "sh: first");
	assert_null(output);
	free(error);
	error = NULL;
	assert_int_equal(process_feed(SHELL("exit 3"), -1, "", NULL, &error), 3);
	assert_string_equal(error, "sh: exit status 3, without a word");
	assert_int_equal(process_feed((const char *const[]){"/no/such", NULL}, -1, "", NULL, NULL), -1);
}

static void much_output_is_collected(void **state)
{
	(void)state;
	assert_int_equal(run("seq 200000"), 0);
	assert_int_equal(strlen(output), 1288895);
	assert_memory_equal(output, "1\n2\n3\n", 6);
	assert_string_equal(output + 1288895 - 14, "199999\n200000\n");
}

static void too_much_output_is_an_error(void **state)
{
	struct process_options options = program((const char *const[]){"cat", "/dev/zero", NULL});
	(void)state;
	assert_int_equal(process_run(&options, false, 60000, &output, &error), -1);
	assert_string_equal(error, "cat: wrote more than 64 MiB (limit 60000 ms)");
}

/* A program that leaves another one behind (with our pipe open) has ended all the same. */
static void what_is_left_behind_holds_nobody_up(void **state)
{
	(void)state;
	int64_t began = clock_now_ns();
	assert_int_equal(run("echo before; sleep 15 & echo $!"), 0);
	assert_true(clock_now_ns() - began < 10 * NS_PER_S);
	int left = 0;
	assert_int_equal(sscanf(output, "before\n%d", &left), 1);
	assert_true(left > 1);
	assert_int_equal(kill(left, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_missing_program_is_an_error),
		TEST(what_cannot_be_executed_is_an_error),
		TEST(a_missing_directory_is_an_error),
		TEST(errors_may_be_unwanted),
		TEST(directory_and_environment),
		TEST(signals_are_as_usual),
		TEST(a_program_is_born_in_a_cgroup),
		TEST(standard_input_is_empty),
		TEST(standard_input_is_what_was_given),
		TEST(one_more_descriptor_is_kept),
		TEST(output_and_error_may_be_exchanged),
		TEST(exit_statuses),
		TEST(a_signal_is_an_error),
		TEST(status_texts),
		TEST(a_deadline_passes),
		TEST(one_that_does_not_end_in_time_is_killed),
		TEST(a_polite_one_has_time_to_go),
		TEST(a_stubborn_one_is_killed),
		TEST(a_frozen_one_is_killed),
		TEST(nothing_is_stopped_when_nothing_runs),
		TEST(it_dies_with_its_parent),
		TEST(output_is_collected),
		TEST(a_text_is_fed),
		TEST(much_output_is_collected),
		TEST(too_much_output_is_an_error),
		TEST(what_is_left_behind_holds_nobody_up),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
