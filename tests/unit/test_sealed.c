/* Sealed programs: a Python script tries what a stranger's would, and says what it could do; told as root, as a user, and where the
 * kernel gives no namespaces. */
#include "harness/machine/sealed.h"
#include "tests/unit/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], script[96], victim[96], beside[96];

static const char hostile[] =
	"import os, signal, socket, subprocess, sys, ctypes\n"
	"def tried(name, what):\n"
	"    try:\n"
	"        what()\n"
	"        print(name)\n"
	"    except (OSError, subprocess.SubprocessError, KeyError):\n"
	"        pass\n"
	"libc = ctypes.CDLL(None, use_errno=True)\n"
	"def call(number, *arguments):\n"
	"    if libc.syscall(number, *arguments) < 0:\n"
	"        raise OSError(ctypes.get_errno(), 'refused')\n"
	"place = os.path.dirname(sys.argv[1])\n"
	"tried('writes', lambda: open(sys.argv[1], 'a'))\n"
	"tried('makes', lambda: open(place + '/made', 'x'))\n"
	"tried('makes in /tmp', lambda: open('/tmp/test-sealed-made', 'w'))\n"
	"tried('removes', lambda: os.unlink(sys.argv[1]))\n"
	"tried('renames', lambda: os.rename(sys.argv[1], place + '/other'))\n"
	"tried('chmod', lambda: os.chmod(sys.argv[1], 0o777))\n"
	"tried('inet', lambda: socket.socket(socket.AF_INET))\n"
	"tried('unix', lambda: socket.socket(socket.AF_UNIX))\n"
	"tried('kills', lambda: os.kill(int(sys.argv[2]), 0))\n"
	"tried('is root', lambda: os.setuid(0))\n"
	"tried('forks', lambda: os.fork() or os._exit(0))\n"
	"tried('shell', lambda: subprocess.run(['/bin/sh', '-c', 'true'], check=True))\n"
	"tried('mounts', lambda: call(165, b'none', b'/usr', b'tmpfs', 0, None))\n"
	"tried('unshares', lambda: call(272, 0x10000000))\n"
	"tried('secret', lambda: os.environ['SEALED_SECRET'])\n"
	"tried('ptraces', lambda: call(101, 16, int(sys.argv[2]), 0, 0))\n"
	"tried('memory', lambda: bytearray(3 << 30) if False else call(9, 0, 3 << 30, 3, 0x22, -1, 0))\n"
	"tried('usr', lambda: open('/usr/bin/made', 'w'))\n";
/* What only namespaces take away, and what is allowed. */
static const char looks[] =
	"import os, sys\n"
	"print(os.path.exists('/etc/passwd'), os.path.exists(sys.argv[1]), os.path.exists(sys.argv[2]),\n"
	"      open(sys.argv[2]).read(), sys.version_info.major)\n";

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-sealed-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(script, sizeof script, "%s/script.py", folder);
	snprintf(victim, sizeof victim, "%s/victim", folder);
	snprintf(beside, sizeof beside, "%s/beside", folder);
	put(victim, "untouched", 0666);
	put(beside, "seen", 0644);
	setenv("SEALED_SECRET", "yes", 1);
	return chmod(folder, 0777);
}

static int tear_down(void **state)
{
	(void)state;
	char text[32] = "";
	int fd = open(victim, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text - 1), 9);
	assert_string_equal(text, "untouched");
	close(fd);
	unlink(victim);
	unlink(beside);
	unlink(script);
	return rmdir(folder); /* nothing else has come */
}

/* What the script says, sealed. */
static void run_script(const char *second, int limit_ms, char said[512])
{
	const char *const argv[] = {"/usr/bin/python3", "-I", "-S", "-B", script, victim, second, NULL},
			  *const files[] = {script, beside, NULL};
	char *output = NULL, *error = NULL;
	int status = sealed_run(&(struct sealed){argv, files, limit_ms}, &output, &error);
	snprintf(said, 512, "%s%s", output ? output : "", error ? error : "");
	if (status != 0)
		snprintf(said + strlen(said), 512 - strlen(said), "status %d", status);
	free(output);
	free(error);
}

static void (*in_child)(char said[512]);

/* A child as another, or with fewer rights, runs the function; what it is told comes back. */
static void told_by(int (*become)(void), char said[512])
{
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char own[512];
		if (become() < 0)
			_exit(99);
		in_child(own);
		_exit(write(pipe_fds[1], own, strlen(own) + 1) < 0);
	}
	close(pipe_fds[1]);
	ssize_t n = read(pipe_fds[0], said, 512);
	close(pipe_fds[0]);
	int status;
	waitpid(pid, &status, 0);
	assert_true(n > 0 && status == 0);
}

static int be_a_user(void)
{
	return setgid(4711) < 0 || setuid(4711) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0 ? -1 : 0;
}

static int be_in_a_container(void)
{
	cap_t set = cap_get_proc();
	cap_value_t admin = CAP_SYS_ADMIN;
	return prctl(PR_CAPBSET_DROP, admin) < 0 ||
			       cap_set_flag(set, CAP_EFFECTIVE, 1, &admin, CAP_CLEAR) < 0 ||
			       cap_set_flag(set, CAP_PERMITTED, 1, &admin, CAP_CLEAR) < 0 ||
			       cap_set_proc(set) < 0
		       ? -1
		       : 0;
}

static void try_everything(char said[512])
{
	char parent[16];
	snprintf(parent, sizeof parent, "%d", (int)getppid());
	run_script(parent, 20000, said);
}

static void test_it_can_do_nothing(void **state)
{
	char said[512];
	(void)state;
	put(script, hostile, 0644);
	try_everything(said);
	assert_string_equal(said, "");
	in_child = try_everything;
	told_by(be_a_user, said);
	assert_string_equal(said, "");
	told_by(be_in_a_container, said);
	assert_string_equal(said, "");
}

static void look(char said[512])
{
	run_script(beside, 20000, said);
}

static void test_it_sees_what_it_is_given(void **state)
{
	char said[512];
	(void)state;
	put(script, looks, 0644);
	look(said);
	assert_string_equal(said, "False False True seen 3\n");
	in_child = look;
	told_by(be_a_user, said);
	assert_string_equal(said, "False False True seen 3\n");
	/* Root's files that others may not read are given too: they are copies. */
	put(script, looks, 0600);
	look(said);
	assert_string_equal(said, "False False True seen 3\n");
}

static void test_it_sees_what_lies_in_usr(void **state)
{
	char said[512], before[sizeof beside];
	(void)state;
	/* As an installation's topologies do: /usr is there already, and cannot be written. */
	put(script, looks, 0644);
	memcpy(before, beside, sizeof beside);
	strcpy(beside, "/usr/lib/os-release");
	look(said);
	memcpy(beside, before, sizeof beside);
	assert_non_null(strstr(said, "False False True "));
	assert_non_null(strstr(said, "NAME="));
}

static void test_how_it_ends(void **state)
{
	char said[512];
	(void)state;
	put(script, "import sys\nprint('no')\nsys.exit(3)\n", 0644);
	run_script("", 20000, said);
	assert_string_equal(said, "no\nstatus 3");
	put(script, "import ctypes\nctypes.string_at(0)\n", 0644);
	run_script("", 20000, said);
	assert_non_null(strstr(said, "signal 11"));
	put(script, "while True: pass\n", 0644);
	run_script("", 1000, said);
	assert_non_null(strstr(said, "did not end in time"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_it_can_do_nothing), TEST(test_it_sees_what_it_is_given),
		TEST(test_it_sees_what_lies_in_usr), TEST(test_how_it_ends)};
	if (geteuid() != 0) {
		printf("skipped: sealed: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
