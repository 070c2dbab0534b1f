/* Published: see the header. */
#include "lib/sim/published.h"

#include "lib/base/error.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void published_find(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = {"../../data", "../share/liquidnet/data"};
	char program[PATH_MAX - 256];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	program[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	for (int i = 0; i < 2; i++) {
		snprintf(path, PATH_MAX, "%s/%s/%s", program, places[i], name);
		if (access(path, R_OK) == 0)
			return;
	}
	snprintf(path, PATH_MAX, "data/%s", name);
}

static int split(char *line, char **cells, int count, char **error)
{
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *cell; (cell = strsep(&line, ","));) {
		if (n == count)
			return error_set(error, "more than %d cells; a comma cannot be part of one", count);
		cells[n++] = cell;
	}
	return n == count ? 0 : error_set(error, "%d cells instead of %d", n, count);
}

static int take_line(
	char *line, const struct published_format *format, bool *header, void *context, char **error)
{
	char *cells[PUBLISHED_COLUMNS];

	if (split(line, cells, format->count, error) < 0)
		return -1;
	if (*header)
		return format->row(context, cells, error);
	*header = true;
	for (int i = 0; i < format->count; i++)
		if (strcmp(cells[i], format->columns[i]) != 0)
			return error_set(
				error, "column `%s` where `%s` belongs", cells[i], format->columns[i]);
	return 0;
}

int published_read(const char *path, const struct published_format *format, void *context, char **error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool header = false;
	unsigned lines = 0;
	int result = 0;

	if (!file)
		return error_set(error, "%s: %s; name the table with --published", path, strerror(errno));
	for (unsigned number = 1; result == 0 && getline(&line, &room, file) >= 0; number++) {
		if (*line == '#' || *line == '\n')
			continue;
		lines++;
		result = take_line(line, format, &header, context, error);
		if (result < 0)
			error_prefix(error, "%s:%u", path, number);
	}
	if (result == 0 && lines < 2)
		result = error_set(error, "%s: no rows; the table of published numbers belongs here", path);
	free(line);
	fclose(file);
	return result;
}
