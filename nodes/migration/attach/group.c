/* Groups: cgroup2's freezer. A lock on the folder says that its owner lives. */
#include "nodes/migration/attach/group.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "liquidnet-attach-"
#define NAMES 1000
#define WAIT_NS (5 * NS_PER_S)

/* ---- where */

/* The caller's path in the hierarchy of version 2, as it sees it. */
static bool own_path(char path[PATH_MAX])
{
	char line[PATH_MAX];
	bool found = false;
	FILE *in = fopen("/proc/self/cgroup", "re");
	while (in && !found && fgets(line, sizeof line, in))
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = 0;
			snprintf(path, PATH_MAX, "%s", strcmp(line + 3, "/") == 0 ? "" : line + 3);
			found = true;
		}
	if (in)
		fclose(in);
	return found;
}

/* Whether that folder is the caller's cgroup: a mount of another namespace shows others under the same path. */
static bool holds_us(const char *folder)
{
	char path[PATH_MAX + 16], line[32];
	bool found = false;
	snprintf(path, sizeof path, "%s/cgroup.procs", folder);
	FILE *in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof line, in))
		found = atol(line) == (long)getpid();
	if (in)
		fclose(in);
	return found;
}

static int find_own(char folder[PATH_MAX], char **error)
{
	char own[PATH_MAX], line[1024], place[512], kind[64];
	bool found = false;
	FILE *in = own_path(own) ? fopen("/proc/self/mounts", "re") : NULL;
	while (in && !found && fgets(line, sizeof line, in)) {
		if (sscanf(line, "%*s %511s %63s", place, kind) != 2 || strcmp(kind, "cgroup2") != 0)
			continue;
		found = snprintf(folder, PATH_MAX, "%s%s", place, own) < PATH_MAX && holds_us(folder);
	}
	if (in)
		fclose(in);
	return found ? 0
		     : error_set(error,
			       "no cgroup2 is mounted that shows our cgroup; mount -t cgroup2 none /sys/fs/cgroup");
}

/* ---- one group */

static int open_file(const struct group *group, const char *name, int flags)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof path, "%s/%s", group->folder, name);
	return open(path, flags | O_CLOEXEC);
}

/* Whether cgroup.events says so; 5 s at most. */
static bool await(int events, const char *what)
{
	char text[256];
	int64_t end = clock_now_ns() + WAIT_NS, left;
	struct pollfd p = {.fd = events, .events = POLLPRI};
	while ((left = end - clock_now_ns()) > 0) {
		ssize_t n = pread(events, text, sizeof text - 1, 0);
		if (n < 0)
			return false;
		text[n] = 0;
		if (strstr(text, what))
			return true;
		poll(&p, 1, (int)(left / NS_PER_MS) + 1);
	}
	return false;
}

static void close_files(struct group *group)
{
	int *const files[] = {&group->freeze, &group->events, &group->kill, &group->lock};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (*files[i] >= 0)
			close(*files[i]);
		*files[i] = -1;
	}
}

/* Locked, and still there; else errno. */
static int take(struct group *group)
{
	struct stat opened, named;
	group->lock = open(group->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group->lock < 0 || flock(group->lock, LOCK_EX | LOCK_NB) < 0 || fstat(group->lock, &opened) < 0 ||
		stat(group->folder, &named) < 0)
		return -1;
	if (opened.st_ino != named.st_ino) {
		errno = ENOENT;
		return -1;
	}
	group->freeze = open_file(group, "cgroup.freeze", O_WRONLY);
	group->events = open_file(group, "cgroup.events", O_RDONLY);
	group->kill = open_file(group, "cgroup.kill", O_WRONLY); /* not before Linux 5.14 */
	return group->freeze < 0 || group->events < 0 || group->kill < 0 ? -1 : 0;
}

/* Ends what is in it, and removes it. What is frozen can be killed, too. */
static void remove_group(struct group *group)
{
	if (write(group->kill, "1", 1) == 1)
		await(group->events, "populated 0");
	rmdir(group->folder);
}

/* The lock is the guardian's, too: it lives as long as one of the two. */
static int guard(struct group *group, char **error)
{
	int life[2];
	char byte;
	if (pipe2(life, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	group->guardian = fork();
	if (group->guardian < 0)
		return error_set(error, "fork: %s", strerror(errno));
	if (group->guardian == 0) {
		close(life[1]);
		setsid();
		while (read(life[0], &byte, 1) < 0 && errno == EINTR)
			;
		remove_group(group);
		_exit(0);
	}
	close(life[0]);
	group->life = life[1];
	return 0;
}

void group_close(struct group *group)
{
	if (group->life < 0)
		return;
	close(group->life);
	group->life = -1;
	while (waitpid(group->guardian, NULL, 0) < 0 && errno == EINTR)
		;
	close_files(group);
}

static void sweep(const char *own)
{
	DIR *list = opendir(own);
	struct dirent *one;
	while (list && (one = readdir(list))) {
		struct group left = GROUP_NONE;
		if (strncmp(one->d_name, PREFIX, strlen(PREFIX)) != 0 ||
			snprintf(left.folder, sizeof left.folder, "%s/%s", own, one->d_name) >=
				(int)sizeof left.folder)
			continue;
		if (take(&left) == 0)
			remove_group(&left);
		close_files(&left);
	}
	if (list)
		closedir(list);
}

int group_open(struct group *group, char **error)
{
	char own[PATH_MAX];
	*group = GROUP_NONE;
	if (find_own(own, error) < 0)
		return -1;
	sweep(own);
	for (unsigned i = 0; i < NAMES; i++) {
		if (snprintf(group->folder, sizeof group->folder, "%s/" PREFIX "%u", own, i) >=
			(int)sizeof group->folder)
			break;
		if (mkdir(group->folder, 0755) < 0 && errno != EEXIST)
			return error_set(error, "%s: %s", group->folder, strerror(errno));
		if (take(group) == 0)
			return guard(group, error);
		close_files(group);
	}
	return error_set(error, "%s: no place for a cgroup: %s", own, strerror(errno));
}

int group_freeze(struct group *group, bool frozen, char **error)
{
	if (write(group->freeze, frozen ? "1" : "0", 1) != 1)
		return error_set(error, "%s/cgroup.freeze: %s", group->folder, strerror(errno));
	if (!await(group->events, frozen ? "frozen 1" : "frozen 0"))
		return error_set(error, "%s: its programs were not %s within 5 s", group->folder,
			frozen ? "frozen" : "let go");
	return 0;
}
