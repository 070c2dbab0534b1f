/* A map in a file. Writers hold a lock on its folder, and rename a whole new file into place. Readers watch
 * the folder.
 */
#include "lib/base/error.h"
#include "nodes/balancer/source.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	char path[PATH_MAX], folder[PATH_MAX];
	char name[NAME_MAX + 1];
	sd_event_source *watch;
	struct lb_source *source;
};

static void *open_file(const char *where, const struct lb_access *access, char **error)
{
	(void)access;
	struct file *file = calloc(1, sizeof *file);
	char copy[PATH_MAX];
	if (!file) {
		error_set(error, "out of memory");
		return NULL;
	}
	/* Room for what is put behind the name of a file that is being made. */
	if (snprintf(file->path, sizeof file->path, "%s", where) >= PATH_MAX - 16) {
		error_set(error, "%.60s...: the path is too long", where);
		free(file);
		return NULL;
	}
	strcpy(copy, where);
	snprintf(file->name, sizeof file->name, "%s", basename(copy));
	strcpy(copy, where);
	snprintf(file->folder, sizeof file->folder, "%s", dirname(copy));
	return file;
}

static void close_file(void *place)
{
	struct file *file = place;
	sd_event_source_disable_unref(file->watch);
	free(file);
}

static int read_whole(int fd, const char *path, char **text, size_t *length, char **error)
{
	struct stat info;
	size_t done = 0;
	if (fstat(fd, &info) < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (!S_ISREG(info.st_mode) || info.st_size > LB_TEXT_MAX)
		return error_set(error, "%s: no file, or one larger than %u bytes", path, LB_TEXT_MAX);
	char *out = malloc((size_t)info.st_size + 1);
	if (!out)
		return error_set(error, "out of memory");
	while (done < (size_t)info.st_size) {
		ssize_t n = read(fd, out + done, (size_t)info.st_size - done);
		if (n < 0 && errno != EINTR) {
			free(out);
			return error_set(error, "%s: %s", path, strerror(errno));
		}
		if (n == 0)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	*text = out;
	*length = done;
	return 0;
}

/* What a writer read is still there: the text's hash (FNV-1a) is its version. */
static int version_of(const char *text, size_t length)
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619U;
	return (int)(hash >> 1);
}

static int read_file(void *place, char **text, size_t *length, int *version, char **error)
{
	const struct file *file = place;
	*text = NULL;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_set(error, "%s: %s", file->path, strerror(errno));
	int result = read_whole(fd, file->path, text, length, error);
	close(fd);
	if (result == 0)
		*version = version_of(*text, *length);
	return result;
}

/* A new file under another name, on the disk before it takes the old one's place. */
static int replace(const struct file *file, const char *text, char **error)
{
	char path[PATH_MAX];
	size_t length = strlen(text), done = 0;
	snprintf(path, sizeof path, "%.*s.new", PATH_MAX - 16, file->path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	while (fd >= 0 && done < length) {
		ssize_t n = write(fd, text + done, length - done);
		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	bool written = fd >= 0 && done == length && fsync(fd) == 0;
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	if (written && rename(path, file->path) == 0)
		return 0;
	error_set(error, "%s: %s", path, strerror(errno));
	unlink(path);
	return -1;
}

/* With the folder's lock held. */
static int compare_and_replace(struct file *file, const char *text, int version, char **error)
{
	char *now;
	size_t length;
	int version_now;
	if (read_file(file, &now, &length, &version_now, error) < 0)
		return -1;
	bool same = version < 0 ? !now : now && version_now == version;
	free(now);
	return same ? replace(file, text, error) : 1;
}

static int write_file(void *place, const char *text, int version, char **error)
{
	struct file *file = place;
	int lock = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		error_set(error, "%s: %s", file->folder, strerror(errno));
		if (lock >= 0)
			close(lock);
		return -1;
	}
	int result = compare_and_replace(file, text, version, error);
	close(lock); /* and with it the lock */
	return result;
}

static int on_event(sd_event_source *watch, const struct inotify_event *event, void *context)
{
	struct file *file = context;
	(void)watch;
	if ((event->mask & IN_Q_OVERFLOW) || (event->len && strcmp(event->name, file->name) == 0))
		lb_source_changed(file->source);
	return 0;
}

static int watch_file(void *place, sd_event *loop, struct lb_source *source, char **error)
{
	struct file *file = place;
	file->source = source;
	int result = sd_event_add_inotify(
		loop, &file->watch, file->folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR, on_event, file);
	return result < 0 ? error_set(error, "%s: cannot watch: %s", file->folder, strerror(-result)) : 0;
}

const struct lb_source_kind lb_source_file = {read_file, write_file, watch_file, open_file, close_file};
