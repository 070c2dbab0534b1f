/* The map that a daemon goes by; see the header. */
#include "nodes/balancer/current.h"

#include "lib/base/log.h"
#include <stdlib.h>

/* Takes the map over, or frees it. */
static int take(struct lb_current *current, struct lb_map *map, char **error)
{
	if (current->use(current->context, map, error) < 0) {
		lb_map_free(map);
		return -1;
	}
	lb_map_free(current->map);
	current->map = map;
	return 0;
}

static void on_map(void *context, struct lb_map *map)
{
	char *error = NULL;
	if (take(context, map, &error) < 0)
		log_error("map", "problem=\"%s\" action=\"the old map stays\"", error);
	free(error);
}

struct lb_source *lb_current_watch(
	struct lb_current *current, sd_event *loop, const char *where, char **error)
{
	const struct lb_source_events events = {on_map, current};
	return lb_source_watch(loop, where, &events, &current->map, error);
}

void lb_current_command(struct lb_current *current, struct control_request *request, const char *where)
{
	char *error = NULL;
	struct lb_map *map = lb_source_read(where, &error);
	if (map && take(current, map, &error) == 0)
		control_answer(request, json_pack("{s:I}", "generation", (json_int_t)map->generation));
	else
		control_refuse(request, "%s", error);
	free(error);
}
