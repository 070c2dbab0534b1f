/* Fuzz: any bytes as the records of two runs, which `rerun` compares trial by trial. A line of 0x1e stands between the two. */
#include "harness/record/identical.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static const char *const names[] = {"trials.jsonl"};

static char folders[2][64];

/* A file of a folder that stays from one input to the next, in memory. */
static void put(const char *folder, const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	expect(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void clean(void)
{
	char path[128];
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			snprintf(path, sizeof path, "%s/%s", folders[i], names[k]);
			unlink(path);
		}
		rmdir(folders[i]);
	}
}

static void make_folders(void)
{
	for (int i = 0; i < 2 && !*folders[1]; i++) {
		strcpy(folders[i], "/dev/shm/liquidnet-fuzz-XXXXXX");
		expect(mkdtemp(folders[i]) != NULL);
		if (i == 0)
			atexit(clean);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *middle = memchr(data, 0x1e, size);
	size_t first = middle ? (size_t)(middle - data) : size;
	struct identical found;
	char *error = NULL;
	make_folders();
	put(folders[0], names[0], data, first);
	put(folders[1], names[0], middle ? middle + 1 : data, middle ? size - first - 1 : size);
	if (identical_runs(folders[0], folders[1], &found, &error) == 0)
		expect(found.same <= found.trials && (found.same == found.trials || *found.first));
	else
		expect(error && !strchr(error, '\n'));
	free(error);
	return 0;
}
