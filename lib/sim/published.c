/* Published: see the header. */
#include "lib/sim/published.h"

#include "lib/base/error.h"
#include "lib/sim/words.h"
#include <errno.h>
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

static int check_header(char **cells, const struct published_format *format, char **error)
{
	for (int i = 0; i < format->count; i++)
		if (strcmp(cells[i], format->columns[i]) != 0)
			return error_set(
				error, "column `%s` where `%s` belongs", cells[i], format->columns[i]);
	return 0;
}

static int take_row(const struct published_format *format, void *context, struct published_rows *rows,
	char **cells, char **error)
{
	if (!rows || !format->size)
		return format->row(context, NULL, cells, error);
	char *list = reallocarray(rows->list, rows->count + 1, format->size);
	if (!list)
		abort();
	char *row = list + rows->count * format->size;
	rows->list = list;
	rows->count++;
	memset(row, 0, format->size);
	return format->row(context, row, cells, error);
}

int published_read(const char *path, const struct published_format *format, void *context,
	struct published_rows *rows, char **error)
{
	char *cells[PUBLISHED_COLUMNS];
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	unsigned lines = 0;
	int result = 0;

	if (rows)
		*rows = (struct published_rows){0};
	if (!file)
		return error_set(error, "%s: %s; name the table with --published", path, strerror(errno));
	for (unsigned number = 1; result == 0 && getline(&line, &room, file) >= 0; number++) {
		if (*line == '#' || *line == '\n')
			continue;
		result = split(line, cells, format->count, error);
		if (result == 0)
			result = lines++ ? take_row(format, context, rows, cells, error)
					 : check_header(cells, format, error);
		if (result < 0)
			error_prefix(error, "%s:%u", path, number);
	}
	if (result == 0 && lines < 2)
		result = error_set(error, "%s: no rows; the table of published numbers belongs here", path);
	free(line);
	fclose(file);
	return result;
}

int published_word(const char *what, const char *word, const char *const names[], char **error)
{
	char list[WORD_LIST] = "";

	for (int i = 0; names[i]; i++) {
		if (!strcmp(word, names[i]))
			return i;
		word_list_add(list, names[i]);
	}
	return error_set(error, "no %s `%s`; there are %s", what, word, list);
}
