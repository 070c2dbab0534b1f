/* A space of radio conditions and wires: the policies' results at each point, beside the best possible there. */
#ifndef LIQUIDNET_VISITS_SPACE_H
#define LIQUIDNET_VISITS_SPACE_H

#include "nodes/visits/sim/scenario.h"
#include <stddef.h>
#include <stdint.h>

struct space_point {
	struct scenario dynamic; /* its words, the two access points among them */
	double alone[2]; /* goodput, Mbit/s: of each access point with a radio of its own and nothing else */
	double air[2];   /* the same without its wire's limit */
	double fixed, moved; /* by the fixed policy (Tw = 10 ms), by the dynamic one */
	double better,
		bound; /* the better alone; the most that one radio without switching times could have of both */
};

struct space {
	struct space_point *points;
	size_t count;
};

/* So many points of a Sobol sequence, shifted by the seed: PHY rates 6 to 54 Mbit/s, success 30 to 100 %, wires 1 to 30 Mbit/s, rates evenly by their logarithms; `words` at
 * the end of each scenario. -1 with *error. */
int space_measure(struct space *space, size_t points, uint64_t seed, const char *words, char **error);
void space_free(struct space *space);

#endif
