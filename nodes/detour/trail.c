/* The trail, written: lines gather in memory and go to the file together. */
#include "nodes/detour/trail.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMORY_MOST (16u << 20)
#define CLOCK_TOLERATED_US 1000000 /* slewing is no setting */

struct trail {
	char directory[400];
	uint64_t size;
	size_t keep;
	const struct identity *signer;
	int fd;
	unsigned file;    /* number of the present one */
	uint64_t written; /* bytes of it */
	uint8_t hash[TRAIL_HASH];
	uint64_t records, dropped;
	char *text; /* not yet in the file */
	size_t length, room;
	int64_t anchor_us, anchor_ns; /* a time of day, and the steady clock then */
};

static int64_t steady_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t day_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int64_t time_us(const struct trail *trail)
{
	return trail->anchor_us + (steady_ns() - trail->anchor_ns) / 1000;
}

/* --- lines
 * ------------------------------------------------------------------------------------------------------- */

static bool make_room(struct trail *trail, size_t more)
{
	if (trail->length + more <= trail->room)
		return true;
	size_t room = trail->room ? 2 * trail->room : 1u << 16;
	char *grown = room <= MEMORY_MOST ? realloc(trail->text, room) : NULL;
	if (!grown)
		return false;
	trail->text = grown;
	trail->room = room;
	return trail->length + more <= room;
}

void trail_write(struct trail *trail, struct trail_record *record)
{
	if (!make_room(trail, TRAIL_LINE + 2 * TRAIL_HASH + 2)) {
		trail->dropped++;
		return;
	}
	record->number = ++trail->records;
	record->time_us = time_us(trail);
	char *line = trail->text + trail->length;
	size_t length = trail_format(record, line);
	trail_hash(trail->hash, line, length, trail->hash);
	line[length] = ' ';
	sodium_bin2hex(line + length + 1, 2 * TRAIL_HASH + 1, trail->hash, TRAIL_HASH);
	line[length + 1 + 2 * TRAIL_HASH] = '\n';
	trail->length += length + 2 + 2 * TRAIL_HASH;
}

static void note_clock(struct trail *trail)
{
	int64_t shift = day_us() - time_us(trail);
	if (llabs(shift) < CLOCK_TOLERATED_US)
		return;
	struct trail_record record = {.kind = TRAIL_CLOCK, .shift_us = shift};
	trail_write(trail, &record);
	trail->anchor_us = day_us();
	trail->anchor_ns = steady_ns();
}

static int write_out(struct trail *trail, char **error)
{
	size_t done = 0;
	int reason = 0;
	while (done < trail->length && !reason) {
		ssize_t got = write(trail->fd, trail->text + done, trail->length - done);
		if (got >= 0)
			done += (size_t)got;
		else if (errno != EINTR)
			reason = errno;
	}
	trail->written += done;
	trail->length -= done;
	memmove(trail->text, trail->text + done, trail->length);
	return reason ? error_set(error, "%s: cannot write the trail: %s", trail->directory, strerror(reason))
		      : 0;
}

static void write_seal(struct trail *trail)
{
	struct trail_record record = {.kind = TRAIL_SEAL};
	struct trail_sealed sealed = trail_sealed(trail->hash);
	crypto_sign_detached(
		record.signature, NULL, (const uint8_t *)&sealed, sizeof sealed, trail->signer->secret);
	trail_write(trail, &record);
}

/* --- files
 * ------------------------------------------------------------------------------------------------------- */

static int begin_file(struct trail *trail, char **error)
{
	char path[512];
	trail_file_name(trail->directory, trail->file, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(error, "%s: cannot begin a trail: %s", path, strerror(errno));
	if (trail->fd >= 0)
		close(trail->fd);
	trail->fd = fd;
	trail->written = 0;
	struct trail_record record = {.kind = TRAIL_OPEN};
	memcpy(record.key, trail->signer->public, SEAL_PUBLIC);
	memcpy(record.previous, trail->hash, TRAIL_HASH);
	trail_write(trail, &record);
	return 0;
}

static void drop_oldest(const struct trail *trail)
{
	size_t count;
	unsigned *files = trail_files(trail->directory, &count);
	for (size_t i = 0; i + trail->keep < count; i++) {
		char path[512];
		trail_file_name(trail->directory, files[i], path);
		unlink(path);
	}
	free(files);
}

/* Everything of the old file is in it before the new one begins. */
static int rotate(struct trail *trail, char **error)
{
	write_seal(trail);
	if (write_out(trail, error) < 0)
		return -1;
	fsync(trail->fd);
	trail->file++;
	if (begin_file(trail, error) < 0) {
		trail->file--;
		return -1;
	}
	drop_oldest(trail);
	return write_out(trail, error);
}

int trail_flush(struct trail *trail, char **error)
{
	note_clock(trail);
	if (write_out(trail, error) < 0)
		return -1;
	return trail->written >= trail->size ? rotate(trail, error) : 0;
}

int trail_seal(struct trail *trail, char **error)
{
	write_seal(trail);
	if (trail_flush(trail, error) < 0)
		return -1;
	return fdatasync(trail->fd) < 0 ? error_set(error, "%s: %s", trail->directory, strerror(errno)) : 0;
}

/* --- beginning and end
 * ------------------------------------------------------------------------------------------- */

/* The chain goes on after the last whole line of the last file. */
static bool note_last(void *context, const struct trail_record *record)
{
	struct trail *trail = context;
	trail->records = record->number;
	return true;
}

static void go_on_after(struct trail *trail, unsigned file)
{
	char path[512], line[TRAIL_LINE + 2 * TRAIL_HASH + 2];
	struct trail_record record;
	uint8_t hash[TRAIL_HASH];
	trail_file_name(trail->directory, file, path);
	FILE *in = fopen(path, "re");
	while (in && fgets(line, sizeof line, in)) {
		size_t length = strlen(line);
		if (line[length - 1] == '\n' && trail_parse(line, length - 1, &record, hash)) {
			memcpy(trail->hash, hash, TRAIL_HASH);
			note_last(trail, &record);
		}
	}
	if (in)
		fclose(in);
}

struct trail *trail_open(
	const char *directory, uint64_t size, size_t keep, const struct identity *signer, char **error)
{
	struct trail *trail = calloc(1, sizeof *trail);
	if (!trail || strlen(directory) >= sizeof trail->directory) {
		error_set(error, "%s: is too long a name for a directory", directory);
		free(trail);
		return NULL;
	}
	strcpy(trail->directory, directory);
	trail->size = size;
	trail->keep = keep;
	trail->signer = signer;
	trail->fd = -1;
	trail->anchor_us = day_us();
	trail->anchor_ns = steady_ns();
	size_t count = 0;
	unsigned *files = NULL;
	int result = folders_make(directory, 0700, error);
	if (result == 0) {
		files = trail_files(directory, &count);
		trail->file = count ? files[count - 1] + 1 : 1;
		if (count)
			go_on_after(trail, files[count - 1]);
		free(files);
		result = begin_file(trail, error);
	}
	if (result == 0 && trail_flush(trail, error) == 0)
		return trail;
	if (trail->fd >= 0)
		close(trail->fd);
	free(trail->text);
	free(trail);
	return NULL;
}

void trail_close(struct trail *trail)
{
	if (!trail)
		return;
	char *error = NULL;
	(void)trail_seal(trail, &error);
	free(error);
	close(trail->fd);
	free(trail->text);
	free(trail);
}

uint64_t trail_records(const struct trail *trail)
{
	return trail->records;
}

uint64_t trail_dropped(const struct trail *trail)
{
	return trail->dropped;
}
