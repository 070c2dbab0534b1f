/* Ways: chains of cables, from a server on. */
#ifndef LIQUIDNET_GRIN_WAYS_H
#define LIQUIDNET_GRIN_WAYS_H

#include "nodes/grin/plan.h"

enum { WAY_CABLES = 4 };

/* From its first server over cables to the last; no server twice. */
struct way {
	unsigned count; /* of cables */
	unsigned servers[WAY_CABLES + 1];
	unsigned cables[WAY_CABLES]; /* numbers of directed cables, see way_cable */
};

struct ways {
	struct way *list;
	unsigned count, room;
};

/* The number of a cable's direction: of link L 2L, out of its end with the smaller server, or 2L + 1. */
unsigned way_cable(const struct plan *plan, unsigned server, int end);
/* All ways from a server with at most `most` cables, the one with none first; with `to` >= 0 only those that end there. */
void ways_from(const struct plan *plan, unsigned server, unsigned most, int to, struct ways *ways);

#endif
