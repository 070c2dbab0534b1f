/* Templates and the values that they are filled with, from arbitrary bytes: the first byte is the number of lines of the
 * template; what follows them is JSON. What comes out is either the whole page or one line of error, and within the steps
 * that are allowed; a text of the values never becomes markup unless the template takes it as it is. */
#include "harness/page/template.h"
#include "harness/report/pages.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char helper[] = "({{.}})\n{{#list}}{{@number}}{{/list}}\n";

/* Writes a template and returns the page; NULL where it was refused. */
static char *page_of(const char *text, size_t length, const json_t *values)
{
	const struct template_source sources[] = {
		{"helper", helper, sizeof helper - 1}, {"page", text, length}};
	char *error = NULL, *page = NULL;
	size_t size;
	struct templates *set = templates_parse(sources, 2, pages_formats, &error);
	FILE *out = open_memstream(&page, &size);
	int result = set ? templates_write(set, "page", values, 20000, out, &error) : -1;

	fclose(out);
	if ((result < 0) != (error != NULL) || (error && strchr(error, '\n')))
		abort(); /* one line, always and only then */
	if (result < 0) {
		free(page);
		page = NULL;
	}
	free(error);
	templates_free(set);
	return page;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t lines = data[0] % 16, at = 1;
	for (size_t i = 0; i < lines && at < size; at++)
		i += data[at] == '\n';
	char *text = malloc(at);
	memcpy(text, data + 1, at - 1);
	json_t *values = json_loadb((const char *)data + at, size - at, 0, NULL);
	char *page = page_of(text, at - 1, values);
	/* Neither the template nor a raw value has a `<`: nor has the page. */
	if (page && !memchr(text, '<', at - 1) && !memmem(text, at - 1, "{{{", 3) &&
		!memmem(text, at - 1, "{{&", 3) && strchr(page, '<'))
		abort();
	free(page);
	free(text);
	json_decref(values);
	return 0;
}
