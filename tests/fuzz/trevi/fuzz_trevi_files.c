/* Any text as a locator table or a server's configuration: taken or refused with one line. */
#include "nodes/trevi/daemon/settings.h"
#include "nodes/trevi/table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error = NULL;
	uint8_t guid[WIRE_GUID] = {1};

	memcpy(text, data, size);
	text[size] = '\0';
	struct table *table = table_parse("fuzz", text, &error);
	if (!table == !error)
		abort();
	for (uint32_t tract = 0; table && tract < 3; tract++) {
		const struct table_row *row = table_locate(table, guid, tract);
		if (row->count < 1 || row->count > TABLE_REPLICAS)
			abort();
	}
	table_free(table);
	free(error);
	error = NULL;
	struct settings *settings = settings_parse("fuzz", text, &error);
	if (!settings == !error)
		abort();
	settings_free(settings);
	free(error);
	table_guid(text, guid);
	free(text);
	return 0;
}
