/* Settings that are put back: a note a setting, NAME BEFORE SET, in a file that bears the namespace's cookie. */
#include "nodes/detour/kernel/sysctls.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTES 16
#define DIRECTORY "/run/liquidnet"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct note {
	char name[96], before[64], set[64];
};

struct sysctls {
	char path[160];
	struct note notes[NOTES];
	unsigned count;
};

bool sysctls_get(const char *name, char value[64])
{
	char path[160];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, value, 63);
	if (fd >= 0)
		close(fd);
	if (size < 0)
		return false;
	value[size] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return true;
}

static int write_value(const char *name, const char *value, char **error)
{
	char path[160];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(value);
	bool done = fd >= 0 && write(fd, value, (size_t)length) == length;
	int reason = errno;
	if (fd >= 0)
		close(fd);
	return done ? 0 : error_set(error, "%s: setting it to %s: %s", path, value, strerror(reason));
}

static void save(const struct sysctls *s)
{
	char other[176];
	snprintf(other, sizeof other, "%s.new", s->path);
	if (s->count == 0) {
		unlink(s->path);
		return;
	}
	FILE *out = fopen(other, "we");
	for (unsigned i = 0; out && i < s->count; i++)
		fprintf(out, "%s %s %s\n", s->notes[i].name, s->notes[i].before, s->notes[i].set);
	if (!out || fclose(out) != 0 || rename(other, s->path) < 0)
		log_warning("settings",
			"problem=\"cannot note in %s what they were: %m\" effect=\"they stay when this daemon is killed\"",
			s->path);
}

/* A note counts only while the setting is as it was set: somebody may have put it right since. */
static void load(struct sysctls *s)
{
	struct note n;
	char now[64];
	FILE *in = fopen(s->path, "re");
	while (in && s->count < NOTES && fscanf(in, "%95s %63s %63s", n.name, n.before, n.set) == 3)
		if (sysctls_get(n.name, now) && strcmp(now, n.set) == 0)
			s->notes[s->count++] = n;
	if (in)
		fclose(in);
}

struct sysctls *sysctls_open(const char *program)
{
	struct sysctls *s = calloc(1, sizeof *s);
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;
	char *error = NULL;
	if (!s)
		return NULL;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
			cookie = 0;
		close(fd);
	}
	snprintf(s->path, sizeof s->path, DIRECTORY "/%s-%" PRIu64 ".settings", program, cookie);
	if (folders_make(DIRECTORY, 0755, &error) < 0)
		log_debug("settings", "problem=\"%s\"", error);
	free(error);
	load(s);
	return s;
}

int sysctls_set(struct sysctls *s, const char *name, const char *value, char **error)
{
	struct note note = {0};
	if (!sysctls_get(name, note.before))
		return error_set(error, "/proc/sys/%s: cannot be read: %s", name, strerror(errno));
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->notes[i].name, name) == 0)
			return write_value(name, value, error);
	if (strcmp(note.before, value) == 0)
		return 0;
	if (s->count < NOTES) {
		snprintf(note.name, sizeof note.name, "%s", name);
		snprintf(note.set, sizeof note.set, "%s", value);
		s->notes[s->count++] = note;
		save(s);
	}
	if (write_value(name, value, error) < 0)
		return -1;
	log_info("setting", "name=%s before=%s value=%s", name, note.before, value);
	return 0;
}

void sysctls_close(struct sysctls *s)
{
	char *error = NULL;
	if (!s)
		return;
	while (s->count) {
		const struct note *n = &s->notes[--s->count];
		if (write_value(n->name, n->before, &error) < 0)
			log_warning("setting", "problem=\"%s\"", error);
	}
	save(s);
	free(error);
	free(s);
}
