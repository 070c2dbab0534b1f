/* Results: see the header. */
#include "harness/record/results.h"

#include "lib/base/error.h"
#include "lib/base/folders.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int make_folder(const char *path, char **error)
{
	return folders_make(path, 0755, error) < 0
		       ? error_prefix(error, "another place can be chosen with --results")
		       : 0;
}

static int copy_file(const char *from, const char *to, char **error)
{
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char buffer[65536];
	ssize_t n = in < 0 || out < 0 ? -1 : 0;
	while (n >= 0 && (n = read(in, buffer, sizeof buffer)) > 0)
		if (write(out, buffer, (size_t)n) != n) {
			errno = ENOSPC; /* a part was written: the next write would say so */
			n = -1;
		}
	int fault = errno;
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) < 0)
		n = -1;
	return n < 0 ? error_set(error, "copying %s to %s: %s", from, to, strerror(fault)) : 0;
}

/* A run that starts in the same second as another gets a number behind the time. */
static int make_run_folder(struct results *r, const char *parent, char **error)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	for (int i = 1; i < 100; i++) {
		int length = i == 1 ? snprintf(r->folder, sizeof r->folder, "%s/%s", parent, stamp)
				    : snprintf(r->folder, sizeof r->folder, "%s/%s-%d", parent, stamp, i);
		if (length >= (int)sizeof r->folder)
			return error_set(error, "%s: the path is too long", parent);
		if (mkdir(r->folder, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return error_set(error, "%s: %s", r->folder, strerror(errno));
}

/* `latest` changes in one step, so that a reader never finds it missing. */
static void point_latest(const char *parent, const char *folder)
{
	char link[PATH_MAX], temporary[PATH_MAX];
	const char *name = strrchr(folder, '/') + 1;
	if (snprintf(link, sizeof link, "%s/latest", parent) >= (int)sizeof link ||
		snprintf(temporary, sizeof temporary, "%s/.latest-%d", parent, (int)getpid()) >=
			(int)sizeof temporary)
		return;
	unlink(temporary);
	if (symlink(name, temporary) == 0 && rename(temporary, link) == 0)
		return;
	fprintf(stderr, "liquidnet: %s does not show this run: %s%s\n", link, strerror(errno),
		errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST
			? "; it is a folder, and no link: move it away"
			: "");
	unlink(temporary);
}

static int copy_experiment(
	const struct results *r, const char *experiment_path, const char *base_path, char **error)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/experiment.yaml", r->folder);
	if (copy_file(experiment_path, path, error) < 0)
		return -1;
	if (!base_path)
		return 0;
	const char *slash = strrchr(base_path, '/');
	if (snprintf(path, sizeof path, "%s/%s", r->folder, slash ? slash + 1 : base_path) >=
		(int)sizeof path)
		return error_set(error, "%s: the path is too long", r->folder);
	return copy_file(base_path, path, error);
}

/* A lock of the process, not of the descriptor: sandboxes inherit the one, and only the harness has the
 * other. */
static int take_lock(struct results *r, char **error)
{
	char path[PATH_MAX + 64];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	snprintf(path, sizeof path, "%s/.lock", r->folder);
	r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (r->lock_fd < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (fcntl(r->lock_fd, F_SETLK, &lock) == 0)
		return 0;
	fcntl(r->lock_fd, F_GETLK, &lock);
	return error_set(error, "%s: another run (process %d) writes there; wait for it, or stop it",
		r->folder, (int)lock.l_pid);
}

static int open_log(struct results *r, char **error)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/trials.jsonl", r->folder);
	r->log_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return r->log_fd >= 0 ? 0 : error_set(error, "%s: %s", path, strerror(errno));
}

/* Keeps whole lines only. */
static int cut_torn_line(int fd, char **error)
{
	off_t end = lseek(fd, 0, SEEK_END), keep = end;
	char byte = 0;
	while (keep > 0 && pread(fd, &byte, 1, keep - 1) == 1 && byte != '\n')
		keep--;
	if (end < 0 || (keep < end && ftruncate(fd, keep) < 0))
		return error_set(error, "trials.jsonl: %s", strerror(errno));
	return 0;
}

/* The folders of trials that ran, or began to, are called NUMBER-... */
static unsigned highest_number(const struct results *r)
{
	char path[PATH_MAX + 64];
	unsigned highest = 0;
	snprintf(path, sizeof path, "%s/trials", r->folder);
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		unsigned number = (unsigned)strtoul(entry->d_name, NULL, 10);
		highest = number > highest ? number : highest;
	}
	if (folder)
		closedir(folder);
	return highest;
}

int results_reopen(struct results *r, const char *folder, unsigned *number, char **error)
{
	char absolute[PATH_MAX];
	r->log_fd = r->lock_fd = -1;
	if (!realpath(folder, absolute) || strlen(absolute) >= sizeof r->folder)
		return error_set(
			error, "%s: %s; name a folder results/EXPERIMENT/TIME", folder, strerror(errno));
	strcpy(r->folder, absolute);
	if (take_lock(r, error) < 0 || open_log(r, error) < 0 || cut_torn_line(r->log_fd, error) < 0)
		return -1;
	*number = highest_number(r);
	return 0;
}

int results_open(struct results *r, const char *place, const char *name, const char *experiment_path,
	const char *base_path, char **error)
{
	char absolute[PATH_MAX], parent[PATH_MAX];
	r->log_fd = r->lock_fd = -1;
	if (make_folder(place, error) < 0)
		return -1;
	if (!realpath(place, absolute) ||
		snprintf(parent, sizeof parent, "%s/%s", absolute, name) >= (int)sizeof parent)
		return error_set(error, "%s: %s", place, strerror(errno));
	if (make_folder(parent, error) < 0 || make_run_folder(r, parent, error) < 0)
		return -1;
	if (take_lock(r, error) < 0 || copy_experiment(r, experiment_path, base_path, error) < 0 ||
		open_log(r, error) < 0)
		return -1;
	point_latest(parent, r->folder);
	return 0;
}

int results_trial_folder(const struct results *r, const char *label, char *path, size_t size, char **error)
{
	if (snprintf(path, size, "%s/trials", r->folder) >= (int)size || make_folder(path, error) < 0)
		return -1;
	if (snprintf(path, size, "%s/trials/%s", r->folder, label) >= (int)size)
		return error_set(error, "%s: the path is too long", r->folder);
	return make_folder(path, error);
}

/* A line is there whole, or not at all: the beginning of one that the disk has no room for is taken back. */
static int append_whole(int fd, const char *line, size_t size)
{
	off_t before = lseek(fd, 0, SEEK_END);
	size_t done = 0;
	while (done < size) {
		ssize_t n = write(fd, line + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done == size && fdatasync(fd) == 0)
		return 0;
	int fault = errno ? errno : EIO;
	if (before >= 0 && ftruncate(fd, before) < 0)
		fault = errno;
	errno = fault;
	return -1;
}

int results_append(struct results *r, const json_t *record, char **error)
{
	char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(9));
	size_t length = text ? strlen(text) : 0;
	char *line = malloc(length + 2);
	memcpy(line, text ? text : "", length);
	memcpy(line + length, "\n", 2);
	int result = text && append_whole(r->log_fd, line, length + 1) == 0
			     ? 0
			     : error_set(error, "%s/trials.jsonl: %s", r->folder,
				       text ? strerror(errno) : "out of memory");
	free(line);
	free(text);
	return result;
}

static int dump_whole(const json_t *value, const char *path)
{
	FILE *out = fopen(path, "we");
	if (!out)
		return -1;
	bool bad = json_dumpf(value, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) < 0 || fflush(out) != 0 ||
		   ferror(out) || fsync(fileno(out)) < 0;
	int fault = errno;
	fclose(out);
	errno = fault;
	return bad ? -1 : 0;
}

int results_write_json(const struct results *r, const char *name, const json_t *value, char **error)
{
	char path[PATH_MAX], part[PATH_MAX + 8];
	int length = snprintf(path, sizeof path, "%s/%s", r->folder, name);
	snprintf(part, sizeof part, "%s.part", path);
	if (length < (int)sizeof path && dump_whole(value, part) == 0 && rename(part, path) == 0)
		return 0;
	error_set(error, "%s/%s cannot be written: %s", r->folder, name, strerror(errno));
	unlink(part);
	return -1;
}

void results_note(const struct results *r, const char *file, const char *line)
{
	char path[PATH_MAX], stamp[32];
	time_t now = time(NULL);
	struct tm utc;
	if (snprintf(path, sizeof path, "%s/%s", r->folder, file) >= (int)sizeof path)
		return;
	FILE *out = fopen(path, "ae");
	if (!out)
		return;
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	fprintf(out, "%s %s\n", stamp, line);
	fclose(out);
}

void results_close(struct results *r)
{
	if (r->log_fd >= 0)
		close(r->log_fd);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	r->log_fd = r->lock_fd = -1;
}
