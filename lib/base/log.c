/* Log: see the header. */
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *program_name = "liquidnet";
static enum log_level most = LOG_LEVEL_INFO;

void log_open(const char *program, enum log_level level)
{
	program_name = program;
	most = level;
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
	/* A log that cannot be written has nowhere to say so. */
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return;
}
