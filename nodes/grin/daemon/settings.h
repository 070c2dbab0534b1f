/* The configuration of liquidnet-grin; README.md has the keys. */
#ifndef LIQUIDNET_GRIN_SETTINGS_H
#define LIQUIDNET_GRIN_SETTINGS_H

#include "nodes/grin/plan.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
	struct conf *conf, *plan_conf;
	struct plan *plan; /* with what `use` leaves of the cables */
	unsigned me;
	char uplink[IF_NAMESIZE],
		cables[PLAN_LINKS]
		      [IF_NAMESIZE]; /* interfaces; those of cables in the order of this server's ends */
	enum plan_routing routing;
	unsigned subflows;
	uint64_t seed, gate;
	bool shuffle, affinity, priority;
	int64_t dead_ns;
};

/* NULL with *error "FILE:LINE: what; remedy". */
struct settings *settings_load(const char *path, char **error);
/* Of a text; `name` stands for its file. */
struct settings *settings_parse(const char *name, const char *text, size_t length, char **error);
void settings_free(struct settings *settings);
/* This server. */
const struct plan_server *settings_me(const struct settings *settings);

#endif
