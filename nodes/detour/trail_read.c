/* The trail, read back: file by file, line by line, the chain and its seals checked on the way. */
#include "lib/base/error.h"
#include "nodes/detour/trail.h"
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

void trail_file_name(const char *directory, unsigned number, char path[512])
{
	snprintf(path, 512, "%s/trail-%08u", directory, number);
}

static int ascending(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

unsigned *trail_files(const char *directory, size_t *count)
{
	unsigned *files = NULL, number;
	char rest;
	DIR *dir = opendir(directory);
	*count = 0;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (sscanf(entry->d_name, "trail-%8u%c", &number, &rest) != 1 || strlen(entry->d_name) != 14)
			continue;
		unsigned *grown = realloc(files, (*count + 1) * sizeof *files);
		if (!grown)
			break;
		files = grown;
		files[(*count)++] = number;
	}
	if (dir)
		closedir(dir);
	if (*count)
		qsort(files, *count, sizeof *files, ascending);
	return files;
}

struct reading {
	struct trail_check *check;
	bool (*each)(void *context, const struct trail_record *record);
	void *context;
	uint8_t hash[TRAIL_HASH], key[SEAL_PUBLIC];
	bool chained; /* hash is that of the record before */
	bool stopped;
	uint64_t number;
	char path[512];
	unsigned line;
};

static void fault(struct reading *r, const char *what)
{
	struct trail_check *check = r->check;
	if (check->what[0])
		return;
	snprintf(check->place, sizeof check->place, "%.490s:%u", r->path, r->line);
	snprintf(check->what, sizeof check->what, "%s", what);
}

static void check_open(struct reading *r, const struct trail_record *record)
{
	if (r->line != 1)
		fault(r, "a beginning in the middle of a file");
	if (r->chained && sodium_memcmp(r->hash, record->previous, TRAIL_HASH) != 0)
		fault(r, "the file does not go on where the one before ended");
	if (r->check->key && memcmp(r->check->key, record->key, SEAL_PUBLIC) != 0)
		fault(r, "the file is another detour's");
	memcpy(r->key, record->key, SEAL_PUBLIC);
	memcpy(r->hash, record->previous, TRAIL_HASH);
}

static void check_seal(struct reading *r, const struct trail_record *record)
{
	struct trail_sealed sealed = trail_sealed(r->hash); /* of the record before it */
	r->check->seals++;
	if (crypto_sign_verify_detached(record->signature, (const uint8_t *)&sealed, sizeof sealed, r->key) !=
		0)
		fault(r, "the seal is not by the detour's key, or of another chain");
}

static void take_line(struct reading *r, const char *line, size_t length)
{
	struct trail_record record;
	uint8_t claimed[TRAIL_HASH], hash[TRAIL_HASH];
	r->line++;
	if (!trail_parse(line, length, &record, claimed)) {
		fault(r, "is no record");
		r->chained = false;
		return;
	}
	if (record.kind == TRAIL_OPEN)
		check_open(r, &record);
	else if (r->line == 1)
		fault(r, "the file has no beginning");
	if (record.kind == TRAIL_SEAL)
		check_seal(r, &record);
	if (r->number && record.number != r->number + 1)
		fault(r, "records are missing before it");
	trail_hash(r->hash, line, length - 2 * TRAIL_HASH - 1, hash);
	if (memcmp(hash, claimed, TRAIL_HASH) != 0)
		fault(r, "was changed, or what is before it was");
	memcpy(r->hash, claimed, TRAIL_HASH);
	r->chained = true;
	r->number = record.number;
	r->check->records++;
	if (!r->each(r->context, &record))
		r->stopped = true;
}

static void read_file(struct reading *r, bool last)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *in = fopen(r->path, "re");
	r->line = 0;
	if (!in) {
		fault(r, "cannot be read");
		return;
	}
	while (!r->stopped && (length = getline(&line, &room, in)) > 0) {
		if (line[length - 1] == '\n')
			take_line(r, line, (size_t)length - 1);
		else if (last)
			r->check->torn = true;
		/* else: cut by a crash; the next file goes on after the line before it, or its beginning says so */
	}
	free(line);
	fclose(in);
	r->check->files++;
}

int trail_read(const char *directory, struct trail_check *check,
	bool (*each)(void *context, const struct trail_record *record), void *context, char **error)
{
	size_t count;
	unsigned *files = trail_files(directory, &count);
	struct reading r = {.check = check, .each = each, .context = context};
	if (!count)
		return error_set(error, "%s: has no trail", directory);
	for (size_t i = 0; i < count && !r.stopped; i++) {
		trail_file_name(directory, files[i], r.path);
		if (i && files[i] != files[i - 1] + 1) {
			r.line = 1;
			fault(&r, "the file before it is missing");
			r.chained = false;
			r.number = 0;
		}
		read_file(&r, i + 1 == count);
	}
	free(files);
	return 0;
}
