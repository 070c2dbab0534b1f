/* Fluid: connections as streams over paths of resources (links, one direction each), and the rates that they get. No packets, no time. */
#ifndef LIQUIDNET_GRIN_FLUID_H
#define LIQUIDNET_GRIN_FLUID_H

#include <stddef.h>
#include <stdint.h>

enum { FLUID_PATH = 6 }; /* resources of a path at most */

struct fluid_path {
	unsigned connection;
	unsigned count, back_count;
	unsigned resources[FLUID_PATH], back[FLUID_PATH]; /* back: what its acknowledgements pass */
};

struct fluid {
	unsigned resources, connections, paths, room;
	double *capacity;
	double acks; /* what the acknowledgements of a path take on their way back, as a share of its rate */
	struct fluid_path *path; /* those of a connection stand together */
	double *rate;            /* per path: the result */
};

/* LIA: where RFC 6356's windows come to rest, by the loss rates of links. TCP: each subflow a TCP of its own at rest, its losses and its round trip those of the full links that
 * it passes. UNCOUPLED: each subflow its fair share: max-min over subflows. OPTIMUM: the greatest sum, by linear programming: what no congestion control exceeds. */
enum fluid_model { FLUID_LIA, FLUID_TCP, FLUID_UNCOUPLED, FLUID_OPTIMUM, FLUID_MODELS };
extern const char *const fluid_model_names[FLUID_MODELS + 1];

/* Of so many resources of capacity 1 each. */
struct fluid *fluid_new(unsigned resources);
void fluid_free(struct fluid *fluid);
/* A new connection, and a path of the newest one. */
void fluid_connection(struct fluid *fluid);
void fluid_path(struct fluid *fluid, unsigned count, const unsigned *resources);
/* What the acknowledgements of the newest path pass; else nothing. */
void fluid_way_back(struct fluid *fluid, unsigned count, const unsigned *resources);
/* Sets the rates. Acknowledgements go first: what they leave is shared out. -1 with *error. */
int fluid_solve(struct fluid *fluid, enum fluid_model model, char **error);
/* What a connection gets. */
double fluid_rate(const struct fluid *fluid, unsigned connection);
/* How much the fullest resource is beyond its capacity, as a share of it; acknowledgements count. */
double fluid_excess(const struct fluid *fluid);

#endif
