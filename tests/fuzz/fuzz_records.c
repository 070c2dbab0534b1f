/* What a results folder holds may come from anywhere: records, published tables and the notes on them are
 * read from arbitrary bytes. The first byte chooses which. */
#include "harness/record/records.h"
#include "harness/report/html.h"
#include "harness/report/notes.h"
#include "harness/report/published.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct measure measures[] = {{.name = "m", .unit = "mbps"}};
static struct procedure procedures[] = {{.name = "p"}};
static struct configuration configurations[] = {{.name = "c"}};
static const struct experiment experiment = {.path = "x.yaml",
	.configurations = configurations,
	.configurations_count = 1,
	.procedures = procedures,
	.procedures_count = 1,
	.measures = measures,
	.measures_count = 1};

static void read_records(const uint8_t *data, size_t size)
{
	char path[64], *error = NULL, *text = NULL;
	size_t length;
	struct records records;
	int fd = memfd_create("records", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	FILE *out = open_memstream(&text, &length);
	if (records_load(&records, &experiment, path, &error) == 0)
		for (size_t i = 0; i < records.count; i++)
			html_text(out, records.items[i].reasons);
	else if (!error || strchr(error, '\n'))
		abort(); /* one line, always */
	fclose(out);
	if (strpbrk(text, "<>\"'"))
		abort();
	free(text);
	records_free(&records);
	free(error);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct notes notes = {0};

	if (size == 0)
		return 0;
	const char *text = (const char *)data + 1;
	if (data[0] == 'r') {
		read_records(data + 1, size - 1);
	} else if (data[0] == 'n') {
		if (notes_parse(&notes, "notes", text, size - 1, &error) < 0 && !error)
			abort();
		for (size_t i = 0; i < notes.count; i++)
			note_applies(
				&notes.items[i], "t", "a-row", "column", "experiment", "procedure", true);
		notes_free(&notes);
	} else {
		published_free(published_parse("table", text, size - 1, &error));
	}
	free(error);
	return 0;
}
