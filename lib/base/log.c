/* Log: see the header. */
#include "lib/base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *program_name = "liquidnet";
static enum log_level most = LOG_LEVEL_INFO;

static int out = STDERR_FILENO; /* an opening of our own where standard error is a pipe or a terminal */
static bool is_socket, torn;
static unsigned long lost;

/* O_NONBLOCK belongs to the opening, which children and the shell share: so a pipe or terminal is opened anew. */
void log_open(const char *program, enum log_level level)
{
	struct stat standard;
	program_name = program;
	most = level;
	if (fstat(STDERR_FILENO, &standard) < 0)
		return;
	is_socket = S_ISSOCK(standard.st_mode);
	if (out == STDERR_FILENO && (S_ISFIFO(standard.st_mode) || S_ISCHR(standard.st_mode))) {
		int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		out = own < 0 ? STDERR_FILENO : own;
	}
}

/* One that could not be opened anew (another user's) is asked first: then only others who write to the same pipe can make us wait. */
static bool has_room(void)
{
	struct pollfd p = {.fd = out, .events = POLLOUT};
	return out != STDERR_FILENO || poll(&p, 1, 0) != 0;
}

/* Whole lines: a stream that took a part of one gets the line's end before the next. */
static bool put(const char *line, size_t size)
{
	ssize_t n = -1;
	if (is_socket)
		n = send(out, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (has_room())
		n = write(out, line, size);
	torn = n > 0 ? (size_t)n < size : torn;
	return n == (ssize_t)size;
}

static void say_lost(void)
{
	char line[160];
	int size = snprintf(line, sizeof line, "%slevel=warning program=%s event=log-lost lines=%lu\n",
		torn ? "\n" : "", program_name, lost);
	if (size > 0 && (size_t)size < sizeof line && put(line, (size_t)size))
		lost = 0;
}

void log_event(enum log_level level, const char *event, const char *fields, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char line[2048];
	if (level > most)
		return;
	int used = snprintf(
		line, sizeof line, "level=%s program=%s event=%s", names[level], program_name, event);
	if (used < 0 || (size_t)used >= sizeof line - 2)
		return;
	if (*fields) {
		va_list arguments;
		line[used++] = ' ';
		va_start(arguments, fields);
		int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, fields, arguments);
		va_end(arguments);
		if (more > 0)
			used += more;
	}
	if ((size_t)used > sizeof line - 2)
		used = (int)sizeof line - 2;
	/* One event, one line, whatever a field held. */
	for (int i = 0; i < used; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[used++] = '\n';
	if (lost > 0)
		say_lost();
	if (lost > 0 || !put(line, (size_t)used))
		lost++;
}

void log_last_line(const char *path, const char *but, char *text, size_t size)
{
	char tail[4096];
	struct stat status;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &status) == 0) {
		off_t room = (off_t)sizeof tail - 1;
		got = pread(fd, tail, (size_t)room, status.st_size > room ? status.st_size - room : 0);
	}
	if (fd >= 0)
		close(fd);
	tail[got > 0 ? got : 0] = 0;
	*text = 0;
	for (char *rest = tail, *line; (line = strsep(&rest, "\r\n"));)
		if (*line && (!but || strncmp(line, but, strlen(but)) != 0))
			snprintf(text, size, "%s", line);
	for (char *p = text; *p; p++)
		if (*p == '"' || (unsigned char)*p < ' ' || *p == 0x7f)
			*p = '\'';
}
