/* Sandbox: what is inside sees nothing of ours, ends whole, and says what it has to say. Needs root. */
#include "harness/machine/sandbox.c"
#include "tests/unit/check.h"
#include <dirent.h>

#define GONE_MS 20000 /* patience with the end of a sandbox */

static char folder[64]; /* beneath /tmp, a test's own */

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-sandbox-XXXXXX");
	return geteuid() == 0 && !mkdtemp(folder) ? -1 : 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"inside", "life", "secret"};
	char path[128];
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		if (unlink(path) < 0)
			rmdir(path);
	}
	rmdir(folder);
	return 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, timeout_ms) == 1;
}

/* A body says a line on what is not as it should be: its process has no cmocka. */
#define CHECK(condition)                                                                                     \
	((condition) ? (void)0 : (void)dprintf(report, "line %d: not so: %s\n", __LINE__, #condition))

/* Runs a body to its end and returns its exit status; `said` gets all that it said. */
static int play(const char *const *visible, int (*body)(void *, int), void *context, char *said, size_t size)
{
	struct sandbox sandbox;
	struct sandbox_options options = {.visible = visible, .cgroup_fd = -1};
	char *error = NULL;
	size_t length = 0;
	ssize_t n;
	assert_int_equal(sandbox_start(&sandbox, &options, body, context, &error), 0);
	while (length < size - 1 && (n = read(sandbox.report_fd, said + length, size - 1 - length)) > 0)
		length += (size_t)n;
	said[length] = 0;
	assert_true(readable(sandbox.pidfd, 5000));
	int status = sandbox_end(&sandbox);
	assert_int_equal(sandbox_end(&sandbox), 0); /* harmless twice */
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int say(void *context, int report)
{
	return dprintf(report, "one\n%s\n", (const char *)context) > 0 ? 7 : 1;
}

static void test_report_and_status_arrive(void **state)
{
	char said[256];
	(void)state;
	need_root();
	assert_int_equal(play(NULL, say, "two", said, sizeof said), 7);
	assert_string_equal(said, "one\ntwo\n");
}

/* Names in a folder, without those that begin with a dot. */
static size_t entries(const char *path)
{
	size_t count = 0;
	DIR *list = opendir(path);
	for (struct dirent *one; list && (one = readdir(list));)
		count += one->d_name[0] != '.';
	if (list)
		closedir(list);
	return count;
}

static int look_round(void *context, int report)
{
	char text[64] = "";
	struct ifreq lo = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(getpid() == 1);
	CHECK(access("/proc/1", F_OK) == 0 && access("/proc/2", F_OK) < 0);
	CHECK(entries("/tmp") == 0 && entries("/run") == 0);
	CHECK(access(context, F_OK) < 0);
	CHECK(getcwd(text, sizeof text) && strcmp(text, "/tmp") == 0);
	CHECK(gethostname(text, sizeof text) == 0 && strcmp(text, "sandbox") == 0);
	CHECK(entries("/sys/class/net") == 1 && access("/sys/class/net/lo", F_OK) == 0);
	CHECK(ioctl(fd, SIOCGIFFLAGS, &lo) == 0 && (lo.ifr_flags & IFF_UP));
	CHECK(read(STDIN_FILENO, text, sizeof text) == 0);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	CHECK(access("/dev/pts/0", F_OK) == 0);
	CHECK(mkdir("/tmp/ours", 0700) == 0 && mkdir("/run/ours", 0700) == 0);
	close(fd);
	close(terminal);
	return 0;
}

static void test_nothing_of_the_host_is_seen_or_touched(void **state)
{
	char said[4096], name[65];
	(void)state;
	need_root();
	assert_int_equal(gethostname(name, sizeof name), 0);
	assert_int_equal(play(NULL, look_round, folder, said, sizeof said), 0);
	assert_string_equal(said, "");
	assert_int_equal(access("/tmp/ours", F_OK), -1);
	assert_int_equal(access("/run/ours", F_OK), -1);
	char after[65];
	assert_int_equal(gethostname(after, sizeof after), 0);
	assert_string_equal(name, after);
}

static int look_at_descriptors(void *context, int report)
{
	char path[64], target[256], own[64];
	snprintf(own, sizeof own, "pipe:[%llu]", *(unsigned long long *)context);
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = 0;
		CHECK(fd <= REPORT_FD || n < 0);
		CHECK(strcmp(target, own) != 0);
	}
	return 0;
}

static void test_descriptors_of_the_parent_are_closed(void **state)
{
	char said[4096];
	int high, ends[2];
	struct stat about;
	(void)state;
	need_root();
	assert_int_equal(pipe(ends), 0); /* not even close-on-exec */
	assert_int_equal(fstat(ends[0], &about), 0);
	high = fcntl(ends[1], F_DUPFD, 700);
	assert_true(high >= 700);
	unsigned long long inode = about.st_ino;
	assert_int_equal(play(NULL, look_at_descriptors, &inode, said, sizeof said), 0);
	assert_string_equal(said, "");
	close(high);
	close(ends[0]);
	close(ends[1]);
}

static int write_inside(void *context, int report)
{
	const char *place = context;
	char path[128];
	CHECK(entries("/tmp") == 1);
	CHECK(entries(place) == 0);
	snprintf(path, sizeof path, "%s/left", place);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	snprintf(path, sizeof path, "%s/../secret", place);
	CHECK(access(path, F_OK) < 0);
	return 0;
}

static void test_visible_folders_stay_and_their_neighbours_do_not(void **state)
{
	char said[4096], inside[128], secret[128], left[160];
	(void)state;
	need_root();
	snprintf(inside, sizeof inside, "%s/inside", folder);
	snprintf(secret, sizeof secret, "%s/secret", folder);
	snprintf(left, sizeof left, "%s/left", inside);
	assert_int_equal(mkdir(inside, 0700), 0);
	assert_int_equal(mkdir(secret, 0700), 0);
	const char *const visible[] = {inside, "/usr", NULL};
	assert_int_equal(play(visible, write_inside, inside, said, sizeof said), 0);
	assert_string_equal(said, "");
	assert_int_equal(unlink(left), 0);
}

static void test_a_folder_that_is_missing_fails(void **state)
{
	char said[256];
	const char *const visible[] = {"/tmp/test-sandbox-is-not-there", NULL};
	(void)state;
	need_root();
	fflush(stderr);
	int errors = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	int status = play(visible, say, "two", said, sizeof said);
	dup2(errors, STDERR_FILENO);
	close(errors);
	close(null);
	assert_int_equal(status, 125);
	assert_string_equal(said, "");
}

static void test_too_many_folders_are_refused(void **state)
{
	const char *visible[VISIBLE_MAX + 2];
	struct sandbox sandbox;
	struct sandbox_options options = {.visible = visible, .cgroup_fd = -1};
	char *error = NULL;
	(void)state;
	for (size_t i = 0; i <= VISIBLE_MAX; i++)
		visible[i] = "/usr";
	visible[VISIBLE_MAX + 1] = NULL;
	assert_int_equal(sandbox_start(&sandbox, &options, say, "", &error), -1);
	assert_non_null(strstr(error, "folders"));
	free(error);
}

/* A tree of processes that ends only when it is killed: two generations, one in a session of its own, all
 * with the fifo in `context` open for writing. Says a byte a process. */
static int live(void *context, int report)
{
	sigset_t all;
	int life = open(context, O_WRONLY | O_CLOEXEC);
	CHECK(life >= 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (fork() == 0) {
		setsid();
		fork();
	}
	CHECK(write(report, "x", 1) == 1);
	while (pause() < 0)
		;
	return 1;
}

static int make_life(char *path, size_t size)
{
	snprintf(path, size, "%s/life", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	int life = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(life >= 0);
	return life;
}

static void await_three(int report)
{
	char bytes[3];
	for (size_t got = 0; got < sizeof bytes;) {
		ssize_t n = read(report, bytes, sizeof bytes - got);
		assert_true(n > 0);
		got += (size_t)n;
	}
}

/* End of file on a fifo: no process has it open for writing any more. */
static void check_all_gone(int life)
{
	char byte;
	assert_true(readable(life, GONE_MS));
	assert_int_equal(read(life, &byte, 1), 0);
}

static void test_its_end_ends_everything_inside(void **state)
{
	struct sandbox sandbox;
	const char *const visible[] = {folder, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = -1};
	char path[128], *error = NULL;
	(void)state;
	need_root();
	int life = make_life(path, sizeof path);
	assert_int_equal(sandbox_start(&sandbox, &options, live, path, &error), 0);
	await_three(sandbox.report_fd);
	assert_false(readable(life, 0));
	int status = sandbox_end(&sandbox);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check_all_gone(life);
	close(life);
}

/* A harness of its own process: starts a sandbox, passes on what it says, and waits. */
static pid_t start_harness(const char *path, int say_fd)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	struct sandbox sandbox;
	const char *const visible[] = {folder, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = -1};
	char byte;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sandbox_start(&sandbox, &options, live, (void *)(uintptr_t)path, NULL) < 0)
		_exit(1);
	while (read(sandbox.report_fd, &byte, 1) == 1)
		if (write(say_fd, &byte, 1) != 1)
			_exit(1);
	_exit(1);
}

static void test_the_harness_killed_ends_everything_inside(void **state)
{
	char path[128];
	int says[2], status;
	(void)state;
	need_root();
	int life = make_life(path, sizeof path);
	assert_int_equal(pipe2(says, O_CLOEXEC), 0);
	pid_t harness = start_harness(path, says[1]);
	close(says[1]);
	await_three(says[0]);
	assert_false(readable(life, 0));
	assert_int_equal(kill(harness, SIGKILL), 0);
	check_all_gone(life);
	assert_int_equal(waitpid(harness, &status, 0), harness);
	close(says[0]);
	close(life);
}

static void test_without_root_it_says_so(void **state)
{
	int status;
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sandbox sandbox;
		struct sandbox_options options = {.cgroup_fd = -1};
		char *error = NULL;
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(sandbox_start(&sandbox, &options, say, "", &error) < 0 && strstr(error, "as root") ? 0
													 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(report_and_status_arrive),
		TEST(nothing_of_the_host_is_seen_or_touched),
		TEST(descriptors_of_the_parent_are_closed),
		TEST(visible_folders_stay_and_their_neighbours_do_not),
		TEST(a_folder_that_is_missing_fails),
		TEST(too_many_folders_are_refused),
		TEST(its_end_ends_everything_inside),
		TEST(the_harness_killed_ends_everything_inside),
		TEST(without_root_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
