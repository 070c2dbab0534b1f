/* Switches below /proc/sys, which shows each process those of its own network namespace. */
#include "lib/net/sysctl.h"

#include "lib/base/error.h"
#include "lib/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_switch(const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof path, "/proc/sys/%s", name);
	for (char *dot = path; (dot = strchr(dot, '.'));)
		*dot = '/';
	return open(path, flags | O_CLOEXEC);
}

static int read_switch(const char *name, char *value, char **error)
{
	int fd = open_switch(name, O_RDONLY);
	bool done = fd >= 0 && read(fd, value, 1) == 1;

	if (!done)
		error_set(error, "%s: reading it: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

static int write_switch(const char *name, char value, char **error)
{
	int fd = open_switch(name, O_WRONLY);
	bool done = fd >= 0 && write(fd, &value, 1) == 1;

	if (!done)
		error_set(error, "%s: setting it to %c: %s", name, value, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

int sysctl_need(struct sysctl_switch *sysctl, char value, bool may_set, char **error)
{
	const char *name = sysctl->name;
	char before;

	sysctl->before = 0;
	if (read_switch(name, &before, error) < 0)
		return -1;
	if (before == value)
		return 0;
	if (!may_set)
		return error_set(error,
			"%s is %c in this network namespace; run `sysctl -w %s=%c` in it, or write `manage_sysctl: true` in the configuration",
			name, before, name, value);
	if (write_switch(name, value, error) < 0)
		return -1;
	sysctl->before = before;
	log_info("sysctl", "name=%s value=%c before=%c", name, value, before);
	return 0;
}

void sysctl_put_back(struct sysctl_switch *sysctl)
{
	char *error = NULL;

	if (sysctl->before && write_switch(sysctl->name, sysctl->before, &error) < 0)
		log_warning("sysctl-not-restored", "name=%s error=\"%s\"", sysctl->name, error);
	sysctl->before = 0;
	free(error);
}
