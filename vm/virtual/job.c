/* What the starter tells the guest's first process: a file of strings, each ended by a NUL. Counts first, in decimal. */
#include "vm/virtual/virtual.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned count(char *const *list)
{
	unsigned n = 0;
	while (list[n])
		n++;
	return n;
}

static void put(FILE *file, const char *text)
{
	fwrite(text, 1, strlen(text) + 1, file);
}

static void put_all(FILE *file, char *const *list)
{
	fprintf(file, "%u%c", count(list), 0);
	for (; *list; list++)
		put(file, *list);
}

int virtual_job_write(const char *path, const struct virtual_job *job)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return -1;
	put(file, job->interactive ? "1" : "0");
	put(file, job->directory);
	put_all(file, job->outs);
	put_all(file, job->command);
	put_all(file, job->environment);
	bool bad = ferror(file);
	return fclose(file) || bad ? -1 : 0;
}

struct reader {
	char *at, *end;
};

/* NULL at the end. */
static char *take(struct reader *reader)
{
	char *text = reader->at,
	     *nul = text < reader->end ? memchr(text, 0, (size_t)(reader->end - text)) : NULL;
	if (!nul)
		return NULL;
	reader->at = nul + 1;
	return text;
}

static char **take_all(struct reader *reader)
{
	const char *text = take(reader);
	size_t n = text ? strtoul(text, NULL, 10) : SIZE_MAX;
	/* Each of them has at least its NUL. */
	if (n > (size_t)(reader->end - reader->at))
		return NULL;
	char **list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		if (!(list[i] = take(reader))) {
			free(list);
			return NULL;
		}
	return list;
}

int virtual_job_read(const char *path, struct virtual_job *job)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*job = (struct virtual_job){0};
	if (fd < 0)
		return -1;
	if (fstat(fd, &about) < 0 || about.st_size <= 0) {
		close(fd);
		return -1;
	}
	char *text = malloc((size_t)about.st_size);
	size_t size = 0;
	for (ssize_t n; text && size < (size_t)about.st_size &&
			(n = read(fd, text + size, (size_t)about.st_size - size)) > 0;)
		size += (size_t)n;
	close(fd);
	struct reader reader = {text, text + size};
	const char *interactive = text ? take(&reader) : NULL;
	job->interactive = interactive && *interactive == '1';
	if (!interactive || !(job->directory = take(&reader)) || !(job->outs = take_all(&reader)) ||
		!(job->command = take_all(&reader)) || !(job->environment = take_all(&reader)) ||
		!job->command[0]) {
		free(job->outs);
		free(job->command);
		free(job->environment);
		free(text);
		return -1;
	}
	return 0;
}
