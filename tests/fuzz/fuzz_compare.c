/* Fuzz: any bytes as the records and the provenance of two runs, which `compare` puts side by side: on a terminal, as CSV, and
 * as a page. Records of A, of B, provenance of A, of B, with 0x1e between them; what is missing is not there. The two
 * experiments differ in a setting, a configuration and a procedure. */
#include "harness/cells/cells_load.h"
#include "harness/report/compare.h"
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

enum { A, B, SIDES };
static const char *const names[] = {"trials.jsonl", "provenance.json"};
static char folders[SIDES][64];

static struct measure measures[] = {{.name = "m", .unit = "mbps"}, {.name = "n", .unit = "ms", .less = true}};
static struct setting settings[] = {{.node = -1, .key = "net.k", .value = "1"}};
static struct procedure procedures[SIDES][2] = {
	{{.name = "p"}, {.name = "q"}}, {{.name = "q"}, {.name = "r"}}};
static struct configuration configurations[SIDES][2] = {
	{{.name = "c"}, {.name = "d"}}, {{.name = "c"}, {.name = "e"}}};
static struct experiment experiments[SIDES] = {
	{.path = "a.yaml", .name = "x", .title = "a title", .measures = measures, .measures_count = 2},
	{.path = "b.yaml",
		.name = "x",
		.title = "a title",
		.measures = measures,
		.measures_count = 2,
		.settings = settings,
		.settings_count = 1}};

static void clean(void)
{
	char path[128];
	for (int side = 0; side < SIDES; side++) {
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			snprintf(path, sizeof path, "%s/%s", folders[side], names[k]);
			unlink(path);
		}
		rmdir(folders[side]);
	}
}

static void set_up(void)
{
	for (int side = 0; side < SIDES && !*folders[B]; side++) {
		strcpy(folders[side], "/dev/shm/liquidnet-fuzz-XXXXXX");
		expect(mkdtemp(folders[side]) != NULL);
		experiments[side].configurations = configurations[side];
		experiments[side].procedures = procedures[side];
		experiments[side].configurations_count = experiments[side].procedures_count = 2;
		if (side == A)
			atexit(clean);
	}
}

/* The next part of the input as a file; one that is not there is no file. */
static void put(const char *folder, const char *name, const uint8_t **data, size_t *size)
{
	char path[128];
	const uint8_t *end = *size ? memchr(*data, 0x1e, *size) : NULL;
	size_t length = end ? (size_t)(end - *data) : *size;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	expect(fd >= 0 && write(fd, *data, length) == (ssize_t)length);
	close(fd);
	length += end != NULL;
	*data += length;
	*size -= length;
}

/* What is shown has nothing in it that a terminal would obey. */
static void check_forms(const struct compared *compared, bool page)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	expect(compare_print(compared, out, false) == 0);
	expect(compare_csv(compared, out) == 0);
	if (page)
		expect(compare_html(compared, out) == 0);
	fclose(out);
	for (size_t i = 0; i < length; i++)
		expect((unsigned char)text[i] >= 0x20 || text[i] == '\n' || text[i] == '\t');
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cells *cells[SIDES];
	char *error = NULL;
	bool page = size % 64 == 0; /* it takes a hundred times as long as all the rest */
	set_up();
	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		for (int side = 0; side < SIDES; side++)
			put(folders[side], names[k], &data, &size);
	cells[A] = cells_load(&experiments[A], "/", folders[A], &error);
	cells[B] = cells[A] ? cells_load(&experiments[B], "/", folders[B], &error) : NULL;
	if (cells[B]) {
		struct compared compared;
		if (compare_runs(&compared, cells[A], folders[A], cells[B], folders[B], &error) == 0) {
			expect(compared.count + compared.only_a <= 4 &&
				compared.count + compared.only_b <= 4);
			check_forms(&compared, page);
		}
		compared_free(&compared);
	}
	expect(!error || !strchr(error, '\n'));
	expect(error || (cells[A] && cells[B]));
	free(error);
	cells_free(cells[A]);
	cells_free(cells[B]);
	return 0;
}
