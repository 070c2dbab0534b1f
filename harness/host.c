/* Host: the guardian, the run's cgroups, and the journal's use. */
#include "harness/host.h"

#include "harness/journal.h"
#include "lib/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SANDBOXES_MAX 512

struct host {
	pid_t guardian;
	int guardian_fd;      /* sandbox process numbers go here; its closing tells the guardian to act */
	char cgroup[PATH_MAX]; /* the run's folder; "" where there is no cgroup2 */
};

/* The place of cgroup2, or "". */
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

static int write_file(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return -1;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* Waits until a cgroup has no process: its events file tells by POLLPRI; a killed process goes in milliseconds. */
static void await_empty(const char *folder)
{
	char path[PATH_MAX], text[256];
	if (snprintf(path, sizeof path, "%s/cgroup.events", folder) >= (int)sizeof path)
		return;
	for (int i = 0; i < 200; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
		text[n > 0 ? n : 0] = 0;
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		bool empty = n <= 0 || strstr(text, "populated 0");
		if (!empty)
			poll(&p, 1, 10);
		if (fd >= 0)
			close(fd);
		if (empty)
			return;
	}
}

/* Kills what is in the run's cgroup, then removes it and its children. */
static void clear_cgroup(const char *folder)
{
	char child[PATH_MAX];
	if (!*folder)
		return;
	write_file(folder, "cgroup.kill", "1");
	await_empty(folder);
	DIR *list = opendir(folder);
	struct dirent *one;
	while (list && (one = readdir(list)))
		if (one->d_type == DT_DIR && one->d_name[0] != '.' &&
			snprintf(child, sizeof child, "%s/%s", folder, one->d_name) < (int)sizeof child)
			rmdir(child);
	if (list)
		closedir(list);
	rmdir(folder);
}

/* The guardian: hears of sandboxes until the harness is gone, whatever became of it. */
static void guard(int fd, pid_t owner, uint64_t start, const char *cgroup)
{
	int pidfds[SANDBOXES_MAX];
	size_t count = 0;
	pid_t pid;
	char *error = NULL;
	ssize_t n;
	while ((n = read(fd, &pid, sizeof pid)) > 0 || (n < 0 && errno == EINTR)) {
		if (n != sizeof pid)
			continue;
		if (count == SANDBOXES_MAX) {
			/* Only the latest can still live: a run has at most 256 at once. */
			close(pidfds[0]);
			memmove(pidfds, pidfds + 1, --count * sizeof *pidfds);
		}
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd >= 0)
			pidfds[count++] = pidfd;
	}
	for (size_t i = 0; i < count; i++)
		syscall(SYS_pidfd_send_signal, pidfds[i], SIGKILL, NULL, 0);
	clear_cgroup(cgroup);
	if (journal_undo(owner, start, &error) < 0)
		fprintf(stderr, "liquidnet: %s\n", error);
	_exit(0);
}

/* The guardian outlives signals to the harness's terminal and group; it keeps no descriptor but its own. */
static void become_guardian(int fd, pid_t owner, uint64_t start, const char *cgroup)
{
	setsid();
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "liquidnet-guard");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	int own = dup2(fd, STDERR_FILENO + 1);
	syscall(SYS_close_range, (unsigned)own + 1, ~0U, 0);
	if (chdir("/") < 0)
		_exit(1);
	guard(own, owner, start, cgroup);
}

struct host *host_open(char **error)
{
	int hear[2];
	char root[PATH_MAX];
	if (journal_recover(error) < 0)
		return NULL;
	struct host *host = calloc(1, sizeof *host);
	find_cgroup2(root, sizeof root);
	if (*root && snprintf(host->cgroup, sizeof host->cgroup, "%s/liquidnet-%d", root, (int)getpid()) < (int)sizeof host->cgroup &&
		mkdir(host->cgroup, 0755) < 0 && errno != EEXIST)
		host->cgroup[0] = 0; /* not ours to use (read-only): the run goes on without usage figures */
	if (pipe2(hear, O_CLOEXEC) < 0) {
		error_set(error, "pipe: %s", strerror(errno));
		free(host);
		return NULL;
	}
	pid_t owner = getpid();
	uint64_t start = journal_start_time(owner);
	fflush(NULL);
	host->guardian = fork();
	if (host->guardian == 0) {
		close(hear[1]);
		become_guardian(hear[0], owner, start, host->cgroup);
	}
	close(hear[0]);
	host->guardian_fd = hear[1];
	if (host->guardian < 0) {
		error_set(error, "fork: %s", strerror(errno));
		host_close(host);
		return NULL;
	}
	return host;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	close(host->guardian_fd);
	while (host->guardian > 0 && waitpid(host->guardian, NULL, 0) < 0 && errno == EINTR)
		;
	free(host);
}

int host_sysctl(struct host *host, const char *key, const char *value, char **error)
{
	(void)host;
	return journal_set(getpid(), key, value, error);
}

void host_sandbox_started(struct host *host, pid_t pid)
{
	if (write(host->guardian_fd, &pid, sizeof pid) < 0)
		fprintf(stderr, "liquidnet: the guardian is gone: %s\n", strerror(errno));
}

static int cgroup_path(const struct host *host, const char *name, const char *file, char *path, size_t size)
{
	if (!*host->cgroup)
		return -1;
	return snprintf(path, size, "%s/%s%s", host->cgroup, name, file) < (int)size ? 0 : -1;
}

int host_cgroup(struct host *host, const char *name)
{
	char path[PATH_MAX];
	if (cgroup_path(host, name, "", path, sizeof path) < 0 || (mkdir(path, 0755) < 0 && errno != EEXIST))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static uint64_t field(const char *path, const char *line_start, const char *key)
{
	char line[512];
	uint64_t value = 0;
	FILE *in = fopen(path, "re");
	while (in && fgets(line, sizeof line, in)) {
		char *at = strncmp(line, line_start, strlen(line_start)) == 0 ? strstr(line, key) : NULL;
		if (at) {
			value = strtoull(at + strlen(key), NULL, 10);
			break;
		}
	}
	if (in)
		fclose(in);
	return value;
}

int host_cgroup_usage(struct host *host, const char *name, uint64_t *cpu_us, uint64_t *pressure_us)
{
	char path[PATH_MAX];
	if (cgroup_path(host, name, "/cpu.stat", path, sizeof path) < 0 || access(path, R_OK) < 0)
		return -1;
	*cpu_us = field(path, "usage_usec", "usage_usec ");
	cgroup_path(host, name, "/cpu.pressure", path, sizeof path);
	*pressure_us = field(path, "some", "total=");
	return 0;
}

void host_cgroup_remove(struct host *host, const char *name)
{
	char path[PATH_MAX];
	if (cgroup_path(host, name, "", path, sizeof path) < 0)
		return;
	await_empty(path);
	rmdir(path);
}
