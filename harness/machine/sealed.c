/* Sealed: see the header. The child makes a root of its own in memory, with /usr read-only and copies of the files, goes there as
 * process 1 of a namespace, gives its rights away, and then becomes the program. */
#include "harness/machine/sealed.h"

#include "lib/base/confine.h"
#include "lib/base/folders.h"
#include "lib/base/process.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The root is made over this folder, in a mount namespace of its own: it is there, and none of the files lies in it. */
#define ROOT "/proc"
#define NOBODY 65534
#define MEMORY (2UL << 30) /* bytes of addresses */
#define FILES 256

/* ---- its root */

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1;
	struct stat status;
	char buffer[65536];
	ssize_t n = in < 0 || fstat(in, &status) < 0 ? -1 : 0;
	if (n == 0 && S_ISREG(status.st_mode)) {
		out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		n = out < 0 ? -1 : 0;
		while (n >= 0 && (n = read(in, buffer, sizeof buffer)) > 0)
			n = write(out, buffer, (size_t)n) == n ? n : -1;
	}
	int fault = errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	errno = fault;
	return n < 0 ? -1 : 0;
}

static int copy_folder(const char *from, const char *to)
{
	char source[PATH_MAX], target[PATH_MAX];
	int result = folders_make(to, 0755, NULL), count = 0;
	DIR *folder = result < 0 ? NULL : opendir(from);
	for (struct dirent *one; folder && result == 0 && (one = readdir(folder));) {
		if (*one->d_name == '.' || ++count > FILES)
			continue;
		if (snprintf(source, sizeof source, "%s/%s", from, one->d_name) < (int)sizeof source &&
			snprintf(target, sizeof target, "%s/%s", to, one->d_name) < (int)sizeof target)
			result = copy_file(source, target);
	}
	if (folder)
		closedir(folder);
	return folder ? result : -1;
}

static int copy_one(const char *path)
{
	char target[PATH_MAX];
	struct stat status;
	/* What lies in /usr, as an installation does, is there already, and nothing can be written there. */
	if (strncmp(path, "/usr/", 5) == 0)
		return access(path, R_OK);
	if (snprintf(target, sizeof target, ROOT "%s", path) >= (int)sizeof target || stat(path, &status) < 0)
		return -1;
	if (S_ISDIR(status.st_mode))
		return copy_folder(path, target);
	char *slash = strrchr(target, '/');
	*slash = 0;
	if (folders_make(target, 0755, NULL) < 0)
		return -1;
	*slash = '/';
	return copy_file(path, target);
}

/* /lib, say: a link into /usr, as on Debian, or a folder of its own. */
static int show_folder(const char *path)
{
	char target[PATH_MAX], link[PATH_MAX];
	ssize_t n = readlink(path, link, sizeof link - 1);
	snprintf(target, sizeof target, ROOT "%s", path);
	if (n > 0) {
		link[n] = 0;
		return symlink(link, target);
	}
	if (access(path, F_OK) < 0)
		return 0;
	if (mkdir(target, 0755) < 0 || mount(path, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -1;
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	return (int)syscall(
		SYS_mount_setattr, AT_FDCWD, target, AT_RECURSIVE, &attributes, sizeof attributes);
}

static int furnish(const struct sealed *sealed)
{
	static const char *const folders[] = {"/usr", "/bin", "/lib", "/lib64"};
	umask(022);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") < 0)
		return -1;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (show_folder(folders[i]) < 0)
			return -1;
	for (const char *const *path = sealed->files; *path; path++)
		if (copy_one(*path) < 0)
			return -1;
	/* The old root comes to lie over the new one, and goes (pivot_root(2), "pivot_root(".", ".")"). */
	if (chdir(ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
		chdir("/") < 0)
		return -1;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
}

/* ---- its rights */

static int write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, word, strlen(word));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* In a user namespace, which a user needs for the others, he is himself. */
static int map_user(uid_t user, gid_t group)
{
	char users[64], groups[64];
	snprintf(users, sizeof users, "%u %u 1", user, user);
	snprintf(groups, sizeof groups, "%u %u 1", group, group);
	return write_word("/proc/self/uid_map", users) < 0 ||
			       write_word("/proc/self/setgroups", "deny") < 0 ||
			       write_word("/proc/self/gid_map", groups) < 0
		       ? -1
		       : 0;
}

static int give_up_rights(bool root, char **error)
{
#ifdef __SANITIZE_ADDRESS__ /* which takes terabytes of addresses */
	const struct rlimit memory = {RLIM_INFINITY, RLIM_INFINITY};
#else
	const struct rlimit memory = {MEMORY, MEMORY};
#endif
	const struct rlimit none = {0, 0};
	if (root && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			    setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -1;
	/* After the change of user, which forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setrlimit(RLIMIT_AS, &memory) < 0 ||
		setrlimit(RLIMIT_FSIZE, &none) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
		setrlimit(RLIMIT_NPROC, &none) < 0)
		return -1;
	clearenv();
	return confine(&(struct confinement){.executes = true, .computes_only = true}, error);
}

/* The elder of the two only waits for process 1 of the new namespace, and ends as it does; nothing of the caller's stays open in it. */
static void await(pid_t pid)
{
	int status = 0;
	syscall(SYS_close_range, 0, ~0U, 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		kill(getpid(), WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
}

static int seal(void *context)
{
	const struct sealed *sealed = context;
	uid_t user = geteuid();
	gid_t group = getegid();
	char *error = NULL;
	int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID |
		     (user ? CLONE_NEWUSER : 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (unshare(spaces) == 0) {
		if (user && map_user(user, group) < 0)
			return -1;
		pid_t pid = fork();
		if (pid > 0)
			await(pid);
		if (pid < 0 || furnish(sealed) < 0)
			return -1;
	}
	return give_up_rights(user == 0, &error);
}

int sealed_run(const struct sealed *sealed, char **output, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	options.argv = sealed->argv;
	options.last = seal;
	options.context = (void *)sealed;
	return process_run(&options, true, sealed->limit_ms, output, error);
}
