/* Errors: see the header. */
#include "lib/base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One line, whatever the input that is quoted in it held. Bytes of UTF-8 pass. */
static void flatten(char *line)
{
	for (; *line; line++)
		if (iscntrl((unsigned char)*line))
			*line = ' ';
}

int error_set(char **error, const char *format, ...)
{
	char *line = NULL;
	va_list arguments;
	if (!error)
		return -1;
	va_start(arguments, format);
	/* The arguments may point into the old line: it goes last. */
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	if (line)
		flatten(line);
	free(*error);
	*error = line;
	return -1;
}

int error_prefix(char **error, const char *format, ...)
{
	char *context = NULL, *line = NULL;
	va_list arguments;
	if (!error)
		return -1;
	va_start(arguments, format);
	if (vasprintf(&context, format, arguments) < 0)
		context = NULL;
	va_end(arguments);
	if (context && asprintf(&line, "%s: %s", context, *error ? *error : "unknown error") >= 0) {
		flatten(line);
		free(*error);
		*error = line;
	}
	free(context);
	return -1;
}
