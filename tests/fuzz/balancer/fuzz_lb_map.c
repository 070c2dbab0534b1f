/* Fuzz: any text is either refused with a line, or is a map that, written and read again, is the same map. */
#include "nodes/balancer/map.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct lb_map *map = lb_map_parse("map", (const char *)data, size, &error);
	if (!map) {
		if (!error || strncmp(error, "map:", 4) != 0)
			abort();
		free(error);
		return 0;
	}
	char *text = lb_map_format(map);
	struct lb_map *again = lb_map_parse("map", text, strlen(text), &error);
	if (!again || again->tokens != map->tokens || again->generation != map->generation ||
		memcmp(again->chains, map->chains, map->tokens * sizeof *map->chains) != 0 ||
		memcmp(again->servers, map->servers, sizeof map->servers) != 0)
		abort();
	lb_map_free(again);
	lb_map_free(map);
	free(text);
	return 0;
}
