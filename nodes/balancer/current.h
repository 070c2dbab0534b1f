/* Load balancer: the map that a daemon uses now. A newer map comes from the watched source or from the `map` command. If the
 * daemon cannot use it, it keeps the present one. */
#ifndef LIQUIDNET_LB_CURRENT_H
#define LIQUIDNET_LB_CURRENT_H

#include "lib/base/control.h"
#include "nodes/balancer/source.h"

struct lb_current {
	struct lb_map *map;
	/* Begins to use a map. -1 with *error: nothing has changed. */
	int (*use)(void *context, const struct lb_map *map, char **error);
	void *context;
};

/* Reads the map from `where` into current->map, which is not used yet, and watches it from now on. NULL and *error. */
struct lb_source *lb_current_watch(
	struct lb_current *current, sd_event *loop, const char *where, char **error);
/* The `map FILE` command: takes the map of that file now, and answers its generation. */
void lb_current_command(struct lb_current *current, struct control_request *request, const char *where);

#endif
