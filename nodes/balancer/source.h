/* Load balancer: the place of the map: a file (`/run/liquidnet/lb.map`) or a ZooKeeper node
 * (`zk://HOST:PORT[,HOST:PORT]/PATH`). Daemons watch it; the control tool changes it. Changes of both kinds are atomic: a
 * reader sees one generation or the next, and if two writers write at once, neither change is lost. */
#ifndef LIQUIDNET_LB_SOURCE_H
#define LIQUIDNET_LB_SOURCE_H

#include "nodes/balancer/map.h"
#include <systemd/sd-event.h>

struct lb_source;

struct lb_source_events {
	/* A map of another generation than before. The callee owns it. */
	void (*map)(void *context, struct lb_map *map);
	void *context;
};

/* Who may change a ZooKeeper node; a file has its own permissions. Everybody may read it. */
struct lb_access {
	const char *
		secret; /* NAME:PASSWORD of ZooKeeper's scheme `digest`; who knows it may change the node; NULL: none */
	bool open; /* anybody who reaches the servers may change a node that is made */
};

/* Reads the map once; a ZooKeeper server has 10 s to answer. NULL and *error. */
struct lb_map *lb_source_read(const char *where, char **error);
/* Reads the map (as above, handed over in *map) and goes on watching. Later maps that cannot be read are
 * logged, and the one before stays. NULL and *error. */
struct lb_source *lb_source_watch(sd_event *loop, const char *where, const struct lb_source_events *events,
	struct lb_map **map, char **error);
void lb_source_close(struct lb_source *source);

/* Reads the map, calls `change`, and writes the result. If another writer was faster, it does all of this again. -1 and
 * *error, which `change` may set. */
int lb_source_change(const char *where, const struct lb_access *access,
	int (*change)(struct lb_map *map, void *context, char **error), void *context, char **error);
/* Writes a first map. Refused if there is one already, or if `access` does not say who may change it. */
int lb_source_create(
	const char *where, const struct lb_access *access, const struct lb_map *map, char **error);

/* --- what the two kinds implement; for lb_source.c only */
struct lb_source_kind {
	/* The text (allocated) and its version. *text NULL, 0: nothing is there. */
	int (*read)(void *place, char **text, size_t *length, int *version, char **error);
	/* 0: written; 1: another writer was faster. With version -1 there must be nothing yet. */
	int (*write)(void *place, const char *text, int version, char **error);
	/* Calls lb_source_changed(source) whenever the map may have changed. */
	int (*watch)(void *place, sd_event *loop, struct lb_source *source, char **error);
	void *(*open)(const char *where, const struct lb_access *access, char **error);
	void (*close)(void *place);
};
extern const struct lb_source_kind lb_source_file, lb_source_zookeeper;
void lb_source_changed(struct lb_source *source);

#endif
