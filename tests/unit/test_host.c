/* Host: what a run changed is put back however it ends. Each test plays in a child with a network namespace,
 * mounts and a /run of its own; a run is a process of that child, killed like a real one. Needs root. */
#include "harness/machine/host.c"
#include "harness/machine/journal.c"
#include "tests/unit/check.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>

#define KEY "net.ipv4.tcp_orphan_retries" /* of each network namespace its own */
#define PATIENCE_MS 20000                 /* with the guardian */
#define STUBBORN_S 60                     /* longer than patience */

/* cmocka cannot jump out of another process: there a failed check ends it. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__LINE__, #condition))

static void check_failed(int line, const char *condition)
{
	dprintf(STDOUT_FILENO, "# tests/unit/test_host.c:%d: not so: %s\n", line, condition);
	_exit(1);
}

struct owner { /* a run */
	pid_t pid, guardian;
	int pidfd, guardian_fd; /* pidfds */
	int order_fd;           /* a byte makes it end in order */
	pid_t told, quiet; /* sandboxes: one that the guardian was told of, one that is only in the cgroup (0:
			      no cgroup2) */
	char cgroup[PATH_MAX];
};

static void get(const char *key, char *value, size_t size)
{
	CHECK(sysctl_read(key, value, size, NULL) == 0);
}

static bool is(const char *key, const char *wanted)
{
	char value[256];
	get(key, value, sizeof value);
	return strcmp(value, wanted) == 0;
}

static size_t journals(void)
{
	size_t count = 0;
	DIR *folder = opendir(JOURNAL_FOLDER);
	struct dirent *one;
	while (folder && (one = readdir(folder)))
		count += strncmp(one->d_name, "journal-", 8) == 0;
	if (folder)
		closedir(folder);
	return count;
}

/* True when the process of a pidfd ended while there was patience. */
static bool ends(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return poll(&p, 1, PATIENCE_MS) == 1;
}

static int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd >= 0);
	return fd;
}

/* A process that only a SIGKILL ends (or, where a test fails, its alarm), in a session of its own; in a
 * cgroup when cgroup_fd is one. */
static pid_t stubborn(int cgroup_fd)
{
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	if (cgroup_fd >= 0) {
		arguments.flags = CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)cgroup_fd;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	CHECK(pid >= 0);
	if (pid > 0)
		return pid;
	sigset_t all;
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigprocmask(SIG_SETMASK, &all, NULL);
	alarm(STUBBORN_S);
	setsid();
	syscall(SYS_close_range, 0, ~0U, 0);
	for (;;)
		pause();
}

/* A run's life: changes KEY, starts two sandboxes, says so, waits for the order to end. */
static void live(const char *value, int say_fd, int order_fd)
{
	struct owner self = {0};
	char *error = NULL, byte;
	struct host *host = host_open(&error);
	CHECK(host);
	CHECK(host_sysctl(host, KEY, value, &error) == 0);
	int cgroup = host_cgroup(host, "sandbox");
	int closed[2];
	CHECK(pipe2(closed, O_CLOEXEC) == 0);
	self.told = stubborn(-1);
	host_sandbox_started(host, self.told);
	self.quiet = cgroup < 0 ? 0 : stubborn(cgroup);
	/* Both have closed what they inherited, the cgroup's lock included, when the last copy of this pipe's
	 * end is gone. */
	close(closed[1]);
	CHECK(read(closed[0], &byte, 1) == 0);
	self.guardian = host->guardian;
	strcpy(self.cgroup, host->cgroup);
	CHECK(write(say_fd, &self, sizeof self) == sizeof self);
	CHECK(read(order_fd, &byte, 1) == 1);
	host_close(host);
	_exit(0);
}

static struct owner start_owner(const char *value)
{
	int say[2], order[2];
	struct owner owner;
	CHECK(pipe2(say, O_CLOEXEC) == 0 && pipe2(order, O_CLOEXEC) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG,
			SIGKILL); /* a test that fails leaves no run behind; its guardian clears up */
		setpgid(0, 0);
		close(say[0]);
		close(order[1]);
		live(value, say[1], order[0]);
	}
	close(say[1]);
	close(order[0]);
	CHECK(read(say[0], &owner, sizeof owner) == sizeof owner);
	close(say[0]);
	owner.pid = pid;
	owner.order_fd = order[1];
	owner.pidfd = pidfd_of(pid);
	owner.guardian_fd = pidfd_of(owner.guardian);
	return owner;
}

/* Returns how it ended, as waitpid does. */
static int reap(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void kill_group(const struct owner *owner)
{
	CHECK(kill(-owner->pid, SIGKILL) == 0);
	reap(owner->pid);
}

static void end_in_order(const struct owner *owner)
{
	int status = 1;
	CHECK(write(owner->order_fd, "q", 1) == 1);
	CHECK(ends(owner->pidfd));
	CHECK(waitpid(owner->pid, &status, 0) == owner->pid && status == 0);
}

/* The sandboxes are orphans by now, hence ours: their ends can be awaited. */
static void check_sandboxes_end(const struct owner *owner)
{
	const pid_t sandboxes[] = {owner->told, owner->quiet};
	for (int i = 0; i < 2; i++) {
		if (!sandboxes[i])
			continue;
		int fd = pidfd_of(sandboxes[i]);
		CHECK(ends(fd));
		reap(sandboxes[i]);
		close(fd);
	}
}

/* Runs a test in a child with everything of its own. */
static void apart(void (*test)(void))
{
	if (geteuid() != 0)
		skip();
	int status;
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(30);
		CHECK(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
		CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		CHECK(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0);
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
		CHECK(sysctl_write(KEY, "1", NULL) == 0);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void normal_end(void)
{
	struct owner a = start_owner("7");
	CHECK(is(KEY, "7"));
	CHECK(journals() == 1);
	CHECK(!*a.cgroup || access(a.cgroup, F_OK) == 0);
	end_in_order(&a);
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
	CHECK(ends(a.guardian_fd));
	CHECK(!*a.cgroup || access(a.cgroup, F_OK) < 0);
	check_sandboxes_end(&a);
}

static void killed(void)
{
	struct owner a = start_owner("7");
	CHECK(is(KEY, "7"));
	/* The terminal's and the manager's signals come before the kill: the guardian takes none. */
	CHECK(kill(a.guardian, SIGTERM) == 0 && kill(a.guardian, SIGINT) == 0 &&
		kill(a.guardian, SIGHUP) == 0);
	CHECK(getsid(a.guardian) == a.guardian);
	kill_group(&a);
	CHECK(ends(a.guardian_fd));
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
	CHECK(!*a.cgroup || access(a.cgroup, F_OK) < 0);
	check_sandboxes_end(&a);
	reap(a.guardian);
}

/* A copy of the harness's end of the socket that lives on must not keep the guardian waiting. */
static void killed_with_a_copy(void)
{
	int say[2];
	pid_t copy, guardian;
	CHECK(pipe2(say, O_CLOEXEC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct host *host = host_open(NULL);
		CHECK(host && host_sysctl(host, KEY, "7", NULL) == 0);
		copy = fork();
		if (copy == 0) {
			alarm(30);
			for (;;)
				pause();
		}
		CHECK(write(say[1], &copy, sizeof copy) == sizeof copy);
		CHECK(write(say[1], &host->guardian, sizeof host->guardian) == sizeof host->guardian);
		for (;;)
			pause();
	}
	CHECK(read(say[0], &copy, sizeof copy) == sizeof copy &&
		read(say[0], &guardian, sizeof guardian) == sizeof guardian);
	int guardian_fd = pidfd_of(guardian);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(ends(guardian_fd));
	CHECK(is(KEY, "1"));
	CHECK(kill(copy, SIGKILL) == 0);
}

static void guardian_is_lean(void)
{
	char path[64], text[256];
	struct owner a = start_owner("7");
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)a.guardian);
	FILE *in = fopen(path, "re");
	/* As much of the name as the arguments had room for: never what the run was called. */
	CHECK(in && fgets(text, sizeof text, in) && *text && strncmp(text, GUARDIAN, strlen(text)) == 0);
	fclose(in);
	snprintf(path, sizeof path, "/proc/%d/comm", (int)a.guardian);
	in = fopen(path, "re");
	CHECK(in && fgets(text, sizeof text, in) && strncmp(text, GUARDIAN, 15) == 0);
	fclose(in);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)a.guardian);
	size_t count = 0;
	DIR *list = opendir(path);
	for (struct dirent *one; list && (one = readdir(list));) {
		ssize_t n = readlinkat(dirfd(list), one->d_name, text, sizeof text - 1);
		text[n > 0 ? n : 0] = 0;
		CHECK(strncmp(text, "pipe:", 5) != 0 && strncmp(text, "/dev/pts", 8) != 0);
		count += one->d_name[0] != '.';
	}
	CHECK(list && count <= 7); /* /dev/null thrice; the socket, the run, its cgroup, a sandbox */
	closedir(list);
	end_in_order(&a);
}

static void two_runs(void)
{
	struct owner a = start_owner("7"), b = start_owner("7");
	CHECK(journals() == 2);
	kill_group(&a);
	CHECK(ends(a.guardian_fd));
	CHECK(is(KEY, "7"));
	CHECK(journals() == 1);
	end_in_order(&b);
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
	/* And the other way: the second leaves first. */
	a = start_owner("7"), b = start_owner("7");
	end_in_order(&b);
	CHECK(is(KEY, "7"));
	kill_group(&a);
	CHECK(ends(a.guardian_fd));
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
}

static void guardian_killed_then_normal_end(void)
{
	struct owner a = start_owner("7");
	CHECK(kill(a.guardian, SIGKILL) == 0);
	CHECK(ends(a.guardian_fd));
	end_in_order(&a);
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
	CHECK(!*a.cgroup || access(a.cgroup, F_OK) < 0);
	CHECK(kill(a.told, SIGKILL) == 0); /* ours since its run ended: only the guardian knew of it */
}

/* The next start's words on standard error, and its effect. */
static void check_next_start_undoes(const char *word)
{
	char text[4096] = "";
	int said[2];
	CHECK(pipe2(said, O_CLOEXEC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(said[1], STDERR_FILENO);
		struct host *host = host_open(NULL);
		CHECK(host);
		CHECK(is(KEY, "1"));
		host_close(host);
		_exit(0);
	}
	close(said[1]);
	int status = 1;
	size_t length = 0;
	for (ssize_t n;
		length < sizeof text - 1 && (n = read(said[0], text + length, sizeof text - 1 - length)) > 0;)
		length += (size_t)n;
	text[length] = 0;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(strstr(text, word));
	CHECK(journals() == 0);
}

static void power_cut(void)
{
	char word[64];
	struct owner a = start_owner("7");
	CHECK(kill(a.guardian, SIGKILL) == 0);
	CHECK(ends(a.guardian_fd));
	kill_group(&a);
	CHECK(is(KEY, "7"));
	CHECK(journals() == 1);
	snprintf(word, sizeof word, "(process %d)", (int)a.pid);
	check_next_start_undoes(word);
	CHECK(is(KEY, "1"));
	CHECK(!*a.cgroup || access(a.cgroup, F_OK) < 0);
	CHECK(kill(a.told, SIGKILL) == 0);
	check_sandboxes_end(&a);
}

/* A journal of a process number that lives again as another process, and one whose process is truly alive. */
static void pid_reuse(void)
{
	char path[512];
	json_t *entries = json_pack("{s:s}", KEY, "1");
	CHECK(mkdir(JOURNAL_FOLDER, 0700) == 0);
	CHECK(sysctl_write(KEY, "7", NULL) == 0);
	uint64_t start = journal_start_time(getpid());
	CHECK(start > 1);
	snprintf(path, sizeof path, NAME_FORMAT, (int)getpid(), start);
	CHECK(json_dump_file(entries, path, 0) == 0);
	struct host *host = host_open(NULL);
	CHECK(host);
	CHECK(is(KEY, "7"));
	CHECK(journals() == 1);
	CHECK(unlink(path) == 0);
	host_close(host);
	snprintf(path, sizeof path, NAME_FORMAT, (int)getpid(), start - 1);
	CHECK(json_dump_file(entries, path, 0) == 0);
	check_next_start_undoes("(process ");
	CHECK(is(KEY, "1"));
	json_decref(entries);
}

/* Between a run's death and its guardian's turn another run asks for the same: it must keep it, and then restore. */
static void asked_for_while_another_dies(void)
{
	struct host *host = host_open(NULL);
	CHECK(host);
	struct owner a = start_owner("7");
	CHECK(kill(a.guardian, SIGSTOP) == 0);
	kill_group(&a);
	CHECK(host_sysctl(host, KEY, "7", NULL) == 0);
	CHECK(kill(a.guardian, SIGCONT) == 0);
	CHECK(ends(a.guardian_fd));
	CHECK(is(KEY, "7"));
	host_close(host);
	CHECK(is(KEY, "1"));
	CHECK(journals() == 0);
}

/* The kernel's list is the whole machine's: a file stands in for it here. */
static void word_of_a_list(void)
{
	static const char key[] = "net.ipv4.tcp_allowed_congestion_control";
	char path[512], *error = NULL;
	sysctl_path(key, path, sizeof path);
	FILE *list = fopen("/run/list", "we");
	CHECK(list && fputs("reno cubic", list) >= 0 && fclose(list) == 0);
	CHECK(mount("/run/list", path, NULL, MS_BIND, NULL) == 0);
	struct host *host = host_open(&error);
	CHECK(host);
	CHECK(host_sysctl(host, key, "+cubic", &error) == 0);
	CHECK(is(key, "reno cubic") && journals() == 0); /* there already: nothing to answer for */
	CHECK(host_sysctl(host, key, "+cub", &error) == 0);
	CHECK(is(key, "reno cubic cub"));
	CHECK(host_sysctl(host, key, "+lia", &error) == 0);
	CHECK(is(key, "reno cubic cub lia"));
	snprintf(path, sizeof path, NAME_FORMAT, (int)getpid(), host->start);
	json_t *entries = json_load_file(path, 0, NULL);
	CHECK(entries && strcmp(json_string_value(json_object_get(entries, key)), "reno cubic") == 0);
	json_decref(entries);
	host_close(host);
}

static void refusals(void)
{
	char *error = NULL;
	struct host *host = host_open(&error);
	CHECK(host);
	CHECK(host_sysctl(host, "kernel.panic", "1", &error) < 0 && strstr(error, "net."));
	CHECK(host_sysctl(host, "net.ipv4.no_such_thing", "1", &error) < 0 &&
		strstr(error, "net.ipv4.no_such_thing"));
	CHECK(host_sysctl(host, KEY, "many", &error) < 0 && strstr(error, "many"));
	CHECK(is(KEY, "1"));
	host_close(host);
	free(error);
	CHECK(journals() == 0);
}

static void usage(void)
{
	uint64_t cpu_us = 0;
	struct host *host = host_open(NULL);
	CHECK(host);
	int cgroup = host_cgroup(host, "busy");
	if (cgroup < 0) {
		CHECK(host_cgroup_usage(host, "busy", &cpu_us) < 0);
		host_close(host);
		return;
	}
	struct clone_args arguments = {
		.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = (uint64_t)cgroup};
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	CHECK(pid >= 0);
	if (pid == 0) {
		struct timespec used;
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
		while (used.tv_sec == 0 && used.tv_nsec < 50 * NS_PER_MS);
		_exit(0);
	}
	reap(pid);
	CHECK(host_cgroup_usage(host, "busy", &cpu_us) == 0);
	CHECK(cpu_us >= 45000 && cpu_us < 1000000);
	CHECK(host_cgroup_usage(host, "idle", &cpu_us) < 0);
	/* Removal takes what still runs in it along. */
	pid = stubborn(cgroup);
	/* And what its programs made below it. */
	CHECK(mkdirat(cgroup, "nested", 0755) == 0 && mkdirat(cgroup, "nested/deeper", 0755) == 0);
	host_cgroup_remove(host, "busy");
	int status = reap(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* not by its alarm */
	CHECK(host_cgroup_usage(host, "busy", &cpu_us) < 0);
	/* What it used stays in the run's sum. */
	CHECK(host_cgroup_usage(host, "", &cpu_us) == 0);
	CHECK(cpu_us >= 45000);
	host_cgroup_remove(host, "busy");
	close(cgroup);
	host_close(host);
}

#define APART(name)                                                                                          \
	static void test_##name(void **state)                                                                \
	{                                                                                                    \
		(void)state;                                                                                 \
		apart(name);                                                                                 \
	}

APART(normal_end)
APART(killed)
APART(killed_with_a_copy)
APART(guardian_is_lean)
APART(two_runs)
APART(guardian_killed_then_normal_end)
APART(power_cut)
APART(asked_for_while_another_dies)
APART(pid_reuse)
APART(word_of_a_list)
APART(refusals)
APART(usage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_end),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_with_a_copy),
		cmocka_unit_test(test_guardian_is_lean),
		cmocka_unit_test(test_two_runs),
		cmocka_unit_test(test_guardian_killed_then_normal_end),
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_asked_for_while_another_dies),
		cmocka_unit_test(test_pid_reuse),
		cmocka_unit_test(test_word_of_a_list),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
