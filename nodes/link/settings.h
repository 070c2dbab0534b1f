/* Settings of the link daemon: its YAML file as checked data. nodes/link/README.md describes the keys. */
#ifndef LIQUIDNET_LINK_SETTINGS_H
#define LIQUIDNET_LINK_SETTINGS_H

#include "lib/base/conf.h"
#include "lib/link/shape.h"
#include <stddef.h>
#include <stdint.h>

struct link_end_settings {
	const char *netns; /* pid, path or name of a network namespace; NULL: the daemon's own */
	const char *interface;
	const struct conf_node *at;
};

struct link_settings {
	const char *name;
	struct link_end_settings ends[2];
	struct shape direction[2]; /* [0] forward: from ends[0] to ends[1]; [1] reverse */
};

struct settings {
	struct conf *conf; /* owns every string */
	struct link_settings *links;
	size_t count;
	int64_t spin_ns;       /* this long before a departure the daemon stops sleeping, ... */
	double spin_share;     /* ... at most this share of the time, 0 to 1 */
	uint64_t memory_bytes; /* limit of all packets held */
	bool clock_waits;      /* computing takes no time: the clock is read once a wake-up */
	bool keep_offloads;    /* leave TSO, GSO and GRO of the interfaces as they are */
	bool orphaned_pass;    /* when the daemon is killed packets pass unshaped, in place of not at all */
};

/* NULL with *error (`FILE:LINE: ...`) when anything is unknown, missing or impossible. */
struct settings *settings_load(const char *path, char **error);
struct settings *settings_parse(const char *name, const char *text, size_t length, char **error);
void settings_free(struct settings *settings);

/* True when both describe the same links between the same interfaces, in the same order, whatever their
 * settings. */
bool settings_same_links(const struct settings *a, const struct settings *b);

/* Applies words like `rate=5Mbit/s` to one direction. -1 and *error: nothing was changed. */
int settings_change(struct shape *direction, int count, char **words, char **error);
/* Writes the names of the settings that it takes, with commas. */
void settings_write_keys(FILE *out);
/* Reads the words of a mapping, `{rate: 5Mbit/s, delay: 1ms}`, on top of *direction. -1 and *error: nothing
 * was changed. */
int settings_shape(struct shape *direction, int count, char **words, char **error);

#endif
