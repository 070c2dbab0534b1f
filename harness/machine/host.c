/* Host: the guardian, the run's cgroups, and the journal's use.
 *
 * The run's cgroup is <cgroup2>/liquidnet-PID-START, locked (flock) by the harness and its guardian through
 * one open file: a folder of that name that can be locked belongs to nobody who lives, in whichever pid
 * namespace that was. */
#include "harness/machine/host.h"

#include "harness/machine/journal.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SANDBOXES_MAX 512
#define GUARDIAN "liquidnet-guard"
#define CGROUP_FORMAT "%s/liquidnet-%d-%" PRIu64
#define EMPTY_MS 1500 /* killed processes go in milliseconds; the guardian must be gone within 2 s */

struct host {
	pid_t guardian;
	uint64_t start;        /* of this process: journal_start_time */
	int guardian_fd;       /* pidfds of sandboxes go here; its closing tells the guardian to act */
	int cgroup_fd;         /* holds the lock on the run's folder; -1: no cgroup2 */
	char cgroup[PATH_MAX]; /* the run's folder; "" where there is no cgroup2 */
};

struct guardian { /* what the guardian keeps of the harness */
	int sandboxes_fd, owner_fd, cgroup_fd;
	pid_t owner;
	uint64_t start;
	const char *cgroup;
	int pidfds[SANDBOXES_MAX];
	size_t count;
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

/* 0, or -1: no such file, or it refuses. */
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

/* Waits until a cgroup has no process: its events file tells a change by POLLPRI. */
static void await_empty(const char *folder)
{
	char path[PATH_MAX], text[256];
	int64_t deadline = clock_now_ns() + EMPTY_MS * NS_PER_MS, left;
	if (snprintf(path, sizeof path, "%s/cgroup.events", folder) >= (int)sizeof path)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLPRI};
	while (fd >= 0 && (left = deadline - clock_now_ns()) > 0) {
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (n <= 0 || strstr(text, "populated 0"))
			break;
		poll(&p, 1, (int)(left / NS_PER_MS) + 1);
	}
	if (fd >= 0)
		close(fd);
}

static void kill_cgroup(const char *folder)
{
	/* Refused before Linux 5.14: the sandboxes then end by their pidfds and their own watch. */
	(void)write_file(folder, "cgroup.kill", "1");
}

/* Removes a cgroup that was killed, and those below it: of a run its trials, of a trial what its programs made. */
static void remove_cgroup(const char *folder)
{
	char child[PATH_MAX];
	await_empty(folder);
	DIR *list = opendir(folder);
	struct dirent *one;
	while (list && (one = readdir(list)))
		if (one->d_type == DT_DIR && one->d_name[0] != '.' &&
			snprintf(child, sizeof child, "%s/%s", folder, one->d_name) < (int)sizeof child)
			remove_cgroup(child);
	if (list)
		closedir(list);
	rmdir(folder);
}

/* Makes and locks the run's cgroup. A sweep may remove it before it is locked: then once more. */
static void own_cgroup(struct host *host, const char *root)
{
	struct stat opened, named;
	bool ours = false;
	if (snprintf(host->cgroup, sizeof host->cgroup, CGROUP_FORMAT, root, (int)getpid(), host->start) >=
		(int)sizeof host->cgroup)
		host->cgroup[0] = 0;
	for (int i = 0; *host->cgroup && !ours && i < 3; i++) {
		if (mkdir(host->cgroup, 0755) < 0 && errno != EEXIST)
			break; /* not ours to use (read-only) */
		host->cgroup_fd = open(host->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ours = host->cgroup_fd >= 0 && flock(host->cgroup_fd, LOCK_EX | LOCK_NB) == 0 &&
		       fstat(host->cgroup_fd, &opened) == 0 && stat(host->cgroup, &named) == 0 &&
		       opened.st_ino == named.st_ino;
		if (!ours && host->cgroup_fd >= 0)
			close(host->cgroup_fd);
	}
	if (!ours) {
		host->cgroup[0] = 0;
		host->cgroup_fd = -1;
	}
}

/* Ends and removes what runs left whose harness and guardian were both killed: their lock is free. */
static void sweep_cgroups(const char *root)
{
	DIR *list = opendir(root);
	struct dirent *one;
	while (list && (one = readdir(list))) {
		char path[PATH_MAX];
		int pid, length = 0;
		uint64_t start;
		if (sscanf(one->d_name, "liquidnet-%d-%" SCNu64 "%n", &pid, &start, &length) != 2 ||
			one->d_name[length] ||
			snprintf(path, sizeof path, "%s/%s", root, one->d_name) >= (int)sizeof path)
			continue;
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
			fprintf(stderr,
				"liquidnet: a run (process %d) ended without its guardian: %s removed\n", pid,
				path);
			kill_cgroup(path);
			remove_cgroup(path);
		}
		if (fd >= 0)
			close(fd);
	}
	if (list)
		closedir(list);
}

/* Forgets the sandboxes that have ended: their pidfds are readable. */
static void forget_ended(struct guardian *g)
{
	size_t kept = 0;
	for (size_t i = 0; i < g->count; i++) {
		struct pollfd p = {.fd = g->pidfds[i], .events = POLLIN};
		if (poll(&p, 1, 0) > 0)
			close(g->pidfds[i]);
		else
			g->pidfds[kept++] = g->pidfds[i];
	}
	g->count = kept;
}

/* Takes one sandbox from the harness. False: nothing there (now, or ever again). */
static bool hear(struct guardian *g)
{
	char byte;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	if (recvmsg(g->sandboxes_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return false;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return true;
	if (g->count == SANDBOXES_MAX)
		forget_ended(g);
	int pidfd;
	memcpy(&pidfd, CMSG_DATA(header), sizeof pidfd);
	if (g->count < SANDBOXES_MAX)
		g->pidfds[g->count++] = pidfd;
	else
		close(pidfd); /* 512 alive, where a run has at most 256: its cgroup and its own watch remain
			       */
	return true;
}

/* Hears of sandboxes until the harness closes its end or ends, whatever else may hold a copy of that end. */
static void await_end(struct guardian *g)
{
	struct pollfd p[2] = {
		{.fd = g->sandboxes_fd, .events = POLLIN}, {.fd = g->owner_fd, .events = POLLIN}};
	for (bool over = false; !over;) {
		if (poll(p, 2, -1) < 0)
			continue;
		over = (p[0].revents & (POLLHUP | POLLERR)) || p[1].revents;
		while (hear(g))
			;
	}
}

/* What is left is killed first; the settings do not wait for its end. */
static int undo(struct guardian *g)
{
	char *error = NULL;
	for (size_t i = 0; i < g->count; i++)
		syscall(SYS_pidfd_send_signal, g->pidfds[i], SIGKILL, NULL, 0);
	if (*g->cgroup)
		kill_cgroup(g->cgroup);
	int result = journal_undo(g->owner, g->start, &error);
	if (result < 0)
		fprintf(stderr, "liquidnet: %s\n", error);
	free(error);
	if (*g->cgroup)
		remove_cgroup(g->cgroup);
	return result;
}

/* Closes all descriptors from 3 on but these (-1: none). */
static void keep_only(const int *keep, size_t count)
{
	unsigned from = STDERR_FILENO + 1;
	for (;;) {
		unsigned next = UINT_MAX;
		for (size_t i = 0; i < count; i++)
			if (keep[i] >= (int)from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			syscall(SYS_close_range, from, next == UINT_MAX ? UINT_MAX : next - 1, 0);
		if (next == UINT_MAX)
			return;
		from = next + 1;
	}
}

/* Where this process keeps its command line. False: unknown. */
static bool arguments_place(char **begin, char **end)
{
	char text[2048];
	unsigned long from = 0, to = 0;
	FILE *in = fopen("/proc/self/stat", "re");
	size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;
	text[n] = 0;
	if (in)
		fclose(in);
	/* Behind the name in parentheses come the fields from the 3rd on; arg_start is the 48th, arg_end the
	 * 49th. */
	char *at = strrchr(text, ')');
	for (int i = 3; at && i <= 48; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %lu %lu", &from, &to) != 2 || !from || to <= from)
		return false;
	*begin = (char *)from;
	*end = (char *)to;
	return true;
}

/* Shows as liquidnet-guard in ps and pgrep -f (cut where the arguments were shorter): who ends `liquidnet
 * run` by its command line must not end us too. */
static void take_name(void)
{
	char *begin, *end;
	prctl(PR_SET_NAME, GUARDIAN);
	if (!arguments_place(&begin, &end))
		return;
	/* Our copy of the harness's arguments: nobody here reads them again. Moving them (PR_SET_MM) takes a
	 * capability. */
	memset(begin, 0, (size_t)(end - begin));
	memcpy(begin, GUARDIAN,
		(size_t)(end - begin) < sizeof GUARDIAN ? (size_t)(end - begin) - 1 : sizeof GUARDIAN);
}

/* With all signals blocked by start_guardian: it outlives those to the harness's terminal and group; and it
 * keeps no pipe or terminal of it open. */
static void become_guardian(struct guardian *g)
{
	const int keep[] = {g->sandboxes_fd, g->owner_fd, g->cgroup_fd};
	setsid();
	take_name();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	keep_only(keep, sizeof keep / sizeof *keep);
	(void)!chdir("/"); /* only so as not to hold a folder */
	/* Where the harness has gone already this fails, and there is nothing to await. */
	(void)!send(g->sandboxes_fd, "r", 1, MSG_NOSIGNAL);
	await_end(g);
	_exit(undo(g) < 0 ? 1 : 0);
}

static int start_guardian(struct host *host, char **error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(error, "the guardian's socket: %s", strerror(errno));
	struct guardian g = {.sandboxes_fd = pair[1],
		.cgroup_fd = host->cgroup_fd,
		.owner = getpid(),
		.start = host->start,
		.cgroup = host->cgroup};
	g.owner_fd = (int)syscall(SYS_pidfd_open, g.owner, 0);
	fflush(NULL);
	/* Blocked before the fork: an interrupt to our group must not find a guardian that is not set up yet.
	 */
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	host->guardian = g.owner_fd < 0 ? -1 : fork();
	if (host->guardian == 0)
		become_guardian(&g);
	int fault = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	if (g.owner_fd >= 0)
		close(g.owner_fd);
	host->guardian_fd = pair[0];
	if (host->guardian < 0)
		return error_set(error, "the guardian does not start: %s", strerror(fault));
	/* Nothing of the host is changed before it stands in a session of its own. */
	char ready;
	ssize_t n;
	while ((n = recv(pair[0], &ready, 1, 0)) < 0 && errno == EINTR)
		;
	return n == 1 ? 0 : error_set(error, "the guardian ended before it was ready");
}

struct host *host_open(char **error)
{
	char root[PATH_MAX];
	if (journal_recover(error) < 0)
		return NULL;
	struct host *host = calloc(1, sizeof *host);
	if (!host) {
		error_set(error, "no memory");
		return NULL;
	}
	*host = (struct host){
		.guardian = -1, .guardian_fd = -1, .cgroup_fd = -1, .start = journal_start_time(getpid())};
	find_cgroup2(root, sizeof root);
	if (*root) {
		sweep_cgroups(root);
		own_cgroup(host, root);
	}
	if (start_guardian(host, error) < 0) {
		host_close(host);
		return NULL;
	}
	return host;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	int status = 1;
	if (host->guardian_fd >= 0)
		close(host->guardian_fd);
	while (host->guardian > 0 && waitpid(host->guardian, &status, 0) < 0 && errno == EINTR)
		;
	/* Somebody killed the guardian, or it failed: then it is ours to do. */
	struct guardian g = {.owner = getpid(), .start = host->start, .cgroup = host->cgroup};
	if (status != 0)
		undo(&g);
	if (host->cgroup_fd >= 0)
		close(host->cgroup_fd);
	free(host);
}

int host_sysctl(struct host *host, const char *key, const char *value, char **error)
{
	(void)host;
	return journal_set(getpid(), key, value, error);
}

bool host_knows(const char *key)
{
	return journal_knows(key);
}

void host_sandbox_started(struct host *host, pid_t pid)
{
	/* The number becomes a descriptor here, where its process cannot have been reaped: never another's.
	 */
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {"s", 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&control.header), &pidfd, sizeof pidfd);
	if (pidfd < 0 || sendmsg(host->guardian_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		fprintf(stderr, "liquidnet: the guardian does not hear of process %d: %s\n", (int)pid,
			strerror(errno));
	if (pidfd >= 0)
		close(pidfd);
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

/* The number behind `key`, with which a line begins. */
static int field(const char *path, const char *key, uint64_t *value)
{
	char line[512];
	int result = -1;
	FILE *in = fopen(path, "re");
	while (in && result < 0 && fgets(line, sizeof line, in)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		*value = strtoull(line + strlen(key), NULL, 10);
		result = 0;
	}
	if (in)
		fclose(in);
	return result;
}

int host_cgroup_usage(struct host *host, const char *name, uint64_t *cpu_us)
{
	char path[PATH_MAX];
	return cgroup_path(host, name, "/cpu.stat", path, sizeof path) < 0
		       ? -1
		       : field(path, "usage_usec ", cpu_us);
}

void host_cgroup_remove(struct host *host, const char *name)
{
	char path[PATH_MAX];
	if (cgroup_path(host, name, "", path, sizeof path) < 0)
		return;
	kill_cgroup(path);
	remove_cgroup(path);
}
