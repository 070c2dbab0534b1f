/* Journal: files journal-PID-START.json, {KEY: ORIGINAL}. A run that changes what another live run changed
 * takes over that run's original, so that whoever leaves last puts the true one back. */
#include "harness/machine/journal.h"

#include "lib/base/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_FORMAT JOURNAL_FOLDER "/journal-%d-%" PRIu64 ".json"

uint64_t journal_start_time(pid_t pid)
{
	char path[64], text[1024];
	uint64_t start = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *in = fopen(path, "re");
	if (!in)
		return 0;
	size_t n = fread(text, 1, sizeof text - 1, in);
	text[n] = 0;
	fclose(in);
	/* The name in parentheses may hold anything: fields are counted from behind it; the start is the
	 * 22nd. */
	char *at = strrchr(text, ')'), state;
	if (!at ||
		sscanf(at + 1,
			" %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
			&state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

/* Somebody may remove the folder (journal_leave) between any two of the steps: then once more. */
static int lock(char **error)
{
	for (int tries = 0;; tries++) {
		struct stat info;
		if (mkdir(JOURNAL_FOLDER, 0700) < 0 && errno != EEXIST)
			return error_set(error, JOURNAL_FOLDER ": %s", strerror(errno));
		int fd = open(JOURNAL_FOLDER "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		bool locked = fd >= 0 && flock(fd, LOCK_EX) == 0 && fstat(fd, &info) == 0;
		if (locked && info.st_nlink > 0)
			return fd;
		int fault = errno;
		if (fd >= 0)
			close(fd);
		if (tries < 100 && (locked || (fd < 0 && fault == ENOENT)))
			continue;
		return error_set(error, JOURNAL_FOLDER "/lock: %s", strerror(fault));
	}
}

static void sysctl_path(const char *key, char *path, size_t size)
{
	int prefix = snprintf(path, size, "/proc/sys/%s", key) - (int)strlen(key);
	for (char *at = path + prefix; *at; at++)
		if (*at == '.')
			*at = '/';
}

bool journal_knows(const char *key)
{
	char path[512];
	sysctl_path(key, path, sizeof path);
	return access(path, F_OK) == 0;
}

static int sysctl_read(const char *key, char *value, size_t size, char **error)
{
	char path[512];
	sysctl_path(key, path, sizeof path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, value, size - 1);
	int fault = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return error_set(error, "host setting %s: %s; this kernel may lack it", key, strerror(fault));
	value[n] = 0;
	value[strcspn(value, "\n")] = 0;
	return 0;
}

static int sysctl_write(const char *key, const char *value, char **error)
{
	char path[512];
	sysctl_path(key, path, sizeof path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
	int fault = errno;
	if (fd >= 0)
		close(fd);
	return n < 0 ? error_set(error, "host setting %s: `%s`: %s", key, value, strerror(fault)) : 0;
}

static bool key_good(const char *key)
{
	return strncmp(key, "net.", 4) == 0 && !strstr(key, "..") && !strchr(key, '/');
}

json_t *journal_parse(const char *text, size_t size)
{
	json_t *entries = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL), *value;
	const char *key;
	void *next;
	if (!json_is_object(entries)) {
		json_decref(entries);
		return NULL;
	}
	json_object_foreach_safe(entries, next, key, value)
		if (!key_good(key) || !json_is_string(value) || strchr(json_string_value(value), '\n'))
			json_object_del(entries, key);
	return entries;
}

static json_t *load(const char *path)
{
	char text[65536];
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (fd >= 0)
		close(fd);
	return size < 0 ? NULL : journal_parse(text, (size_t)size);
}

/* Calls fn for each journal, with the lock held. */
static void each_journal(
	void (*fn)(void *context, pid_t owner, uint64_t start, json_t *entries), void *context)
{
	DIR *folder = opendir(JOURNAL_FOLDER);
	struct dirent *one;
	while (folder && (one = readdir(folder))) {
		int owner;
		uint64_t start;
		char path[512];
		if (sscanf(one->d_name, "journal-%d-%" SCNu64 ".json", &owner, &start) != 2)
			continue;
		snprintf(path, sizeof path, NAME_FORMAT, owner, start);
		json_t *entries = load(path);
		fn(context, owner, start, entries);
		json_decref(entries);
	}
	if (folder)
		closedir(folder);
}

struct search {     /* what the other runs say of a key */
	bool alive; /* only the live ones */
	pid_t but;
	uint64_t but_start;
	const char *key;
	char original[1024];
	bool found;
};

static void look(void *context, pid_t owner, uint64_t start, json_t *entries)
{
	struct search *s = context;
	const char *original = json_string_value(json_object_get(entries, s->key));
	if ((owner == s->but && start == s->but_start) || !original ||
		(s->alive && journal_start_time(owner) != start))
		return;
	snprintf(s->original, sizeof s->original, "%s", original);
	s->found = true;
}

static struct search others(pid_t owner, uint64_t start, const char *key, bool alive)
{
	struct search s = {.alive = alive, .but = owner, .but_start = start, .key = key};
	each_journal(look, &s);
	return s;
}

/* Written beside, flushed, renamed: a journal is whole or not there. */
static int store(const char *path, json_t *entries, char **error)
{
	char temporary[600];
	snprintf(temporary, sizeof temporary, "%s.new", path);
	char *text = json_dumps(entries, JSON_INDENT(1));
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = text && fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		    fsync(fd) == 0 && rename(temporary, path) == 0;
	int fault = errno;
	if (fd >= 0)
		close(fd);
	free(text);
	return good ? 0 : error_set(error, "%s: %s", path, strerror(fault));
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ' || at[-1] == '\t') &&
			(!at[length] || at[length] == ' ' || at[length] == '\t'))
			return true;
	return false;
}

static int set_locked(pid_t owner, const char *key, const char *value, char **error)
{
	char path[512], now[1024], wanted[2100];
	uint64_t start = journal_start_time(owner);
	if (sysctl_read(key, now, sizeof now, error) < 0)
		return -1;
	bool there = *value == '+' ? has_word(now, value + 1) : strcmp(now, value) == 0;
	/* A dead run's too: until its guardian has the lock, what is there now is its value and not the
	 * original. */
	struct search other = others(owner, start, key, false);
	if (there && !other.found)
		return 0;
	if (!there && *value != '+' && others(owner, start, key, true).found)
		return error_set(error,
			"host setting %s: another run needs `%s` and this one `%s`; wait for its end", key,
			now, value);
	snprintf(path, sizeof path, NAME_FORMAT, (int)owner, start);
	json_t *entries = load(path);
	entries = entries ? entries : json_object();
	if (!json_object_get(entries, key))
		json_object_set_new(entries, key, json_string(other.found ? other.original : now));
	int result = store(path, entries, error);
	json_decref(entries);
	if (*value == '+')
		snprintf(wanted, sizeof wanted, "%s %s", now, value + 1);
	else
		snprintf(wanted, sizeof wanted, "%s", value);
	return result == 0 && !there ? sysctl_write(key, wanted, error) : result;
}

int journal_set(pid_t owner, const char *key, const char *value, char **error)
{
	if (!key_good(key))
		return error_set(
			error, "host setting `%s`: only sysctls that begin with `net.` are changed", key);
	int fd = lock(error);
	if (fd < 0)
		return -1;
	int result = set_locked(owner, key, value, error);
	close(fd);
	return result;
}

static int undo_locked(pid_t owner, uint64_t start, char **error)
{
	char path[512];
	const char *key;
	json_t *value;
	int result = 0;
	snprintf(path, sizeof path, NAME_FORMAT, (int)owner, start);
	json_t *entries = load(path);
	json_object_foreach(entries, key, value)
		if (!others(owner, start, key, true).found &&
			sysctl_write(key, json_string_value(value), error) < 0)
			result = -1;
	json_decref(entries);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(error, "%s: %s", path, strerror(errno));
	return result;
}

int journal_undo(pid_t owner, uint64_t start, char **error)
{
	int fd = lock(error);
	if (fd < 0)
		return -1;
	int result = undo_locked(owner, start, error);
	close(fd);
	return result;
}

struct recovery {
	char **error;
	int result;
};

static void recover_one(void *context, pid_t owner, uint64_t start, json_t *entries)
{
	struct recovery *r = context;
	(void)entries;
	if (journal_start_time(owner) == start)
		return;
	fprintf(stderr,
		"liquidnet: a run (process %d) ended without putting the host's settings back: done now\n",
		(int)owner);
	if (undo_locked(owner, start, r->error) < 0)
		r->result = -1;
}

int journal_recover(char **error)
{
	struct recovery r = {.error = error};
	int fd = lock(error);
	if (fd < 0)
		return -1;
	each_journal(recover_one, &r);
	close(fd);
	return r.result;
}

void journal_leave(void)
{
	int fd = lock(NULL), others = 0;
	if (fd < 0)
		return;
	DIR *folder = opendir(JOURNAL_FOLDER);
	struct dirent *one;
	while (folder && (one = readdir(folder)))
		others += one->d_name[0] != '.' && strcmp(one->d_name, "lock") != 0;
	if (folder)
		closedir(folder);
	if (folder && !others && unlink(JOURNAL_FOLDER "/lock") == 0)
		rmdir(JOURNAL_FOLDER);
	close(fd);
}
