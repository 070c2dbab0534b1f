/* What a results folder holds may come from anywhere: records, published tables and the notes on them are
 * read from arbitrary bytes. The first byte chooses which. */
#include "harness/cells/notes.h"
#include "harness/cells/published.h"
#include "harness/page/text.h"
#include "harness/record/records.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct measure measures[] = {
	{.name = "m", .unit = "mbps"}, {.name = "s", .unit = "ms", .kind = MEASURE_SAMPLES}};
static struct procedure procedures[] = {{.name = "p"}};
static struct configuration configurations[] = {{.name = "c"}};
static const struct experiment experiment = {.path = "x.yaml",
	.configurations = configurations,
	.configurations_count = 1,
	.procedures = procedures,
	.procedures_count = 1,
	.measures = measures,
	.measures_count = 2};

/* Quantiles of what was read are samples, in order, within their intervals. */
static void check_samples(const struct records *records)
{
	struct sample_list *lists = calloc(records->count + 1, sizeof *lists);
	struct quantile out[] = {{.p = 0.5}, {.p = 0.999}};
	size_t count;

	for (size_t i = 0; i < records->count; i++)
		lists[i] = records->items[i].samples[1];
	struct quantiles *quantiles = quantiles_new(lists, records->count);
	if (!quantiles || quantiles_fill(quantiles, 20, 1, out, 2) < 0)
		abort();
	const double *all = quantiles_samples(quantiles, &count);
	for (size_t i = 1; i < count; i++)
		if (!(all[i - 1] <= all[i]))
			abort();
	if (count && !(out[0].value <= out[1].value && out[1].value <= all[count - 1] &&
			     !(out[0].low > out[0].high)))
		abort();
	quantiles_free(quantiles);
	free(lists);
}

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
	int loaded = records_load(&records, &experiment, path, &error);
	if (loaded == 0)
		check_samples(&records);
	if (loaded == 0)
		for (size_t i = 0; i < records.count; i++)
			text_html(out, records.items[i].reasons);
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
