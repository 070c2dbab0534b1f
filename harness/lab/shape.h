/* Shaping: how the links of a network get their rate, delay, loss and queue. Every back end acts on the
 * egress of each end's interface, so that the network itself is the same for all. One seam, a struct of
 * functions a back end: netem, where the kernel has it; wheel, in the kernel without it; link, our daemon,
 * wherever TUN/TAP, clsact and BPF are.
 */
#ifndef LIQUIDNET_SHAPE_H
#define LIQUIDNET_SHAPE_H

#include "harness/experiment/experiment.h"
#include "harness/lab/network.h"
#include "lib/base/process.h"

struct shaping; /* what is installed in one network */
struct proofs;  /* of what back ends keep on this machine, see prove.h */

struct shape_backend {
	const char *name, *summary;
	/* It leans on the kernel's inner workings: each setting is tried before the first trial. */
	bool on_trial;
	/* Whether this machine has it. */
	bool (*available)(void);
	/* Why it cannot do this, or NULL. */
	const char *(*refuses)(const struct shape *shape);
	/* Shapes the links that chose this back end (shaping_uses), and reads back what it installed. */
	int (*install)(struct shaping *shaping, char **error);
	/* Why it cannot go from one shape that it does not refuse to another while packets pass, or NULL;
	 * absent: it can. */
	const char *(*fixed)(const struct shape *from, const struct shape *to);
	/* Makes a direction of a link another, at once, and reads back that it is. Packets that wait stay. */
	int (*change)(
		struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error);
	/* Counters a link and direction, into {LINK: {"forward": {...}, "reverse": {...}}}. */
	int (*collect)(struct shaping *shaping, json_t *into, char **error);
	/* Ends what install started; harmless when that never happened. */
	void (*stop)(struct shaping *shaping);
};

extern const struct shape_backend *const shape_backends[]; /* in order of preference; NULL-ended */

struct shaping {
	const struct network *network;
	const struct link_shape *links;
	const struct shape_backend **chosen; /* by link; NULL: not shaped */
	const char *folder;                  /* for the back ends' files and logs */
	uint64_t seed;
	struct process daemon; /* of the link back end */
	char control[256];
	struct wheel *wheel; /* of the wheel back end */
};

/* Chooses a back end a link: `wanted` is "auto" or a name. Called before the first trial too, without a
 * network. What `proofs` (may be NULL) found a back end not to keep, it is not chosen for. -1 and *error when
 * no back end can do what is asked. */
int shape_choose(const struct topology *topology, const struct link_shape *links, const char *wanted,
	const struct proofs *proofs, const struct shape_backend **chosen, char **error);
/* As the back end's `change`. */
int shape_change(
	struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error);
/* Why a back end cannot be this link, its changes included, or NULL. `proofs` may be NULL. */
const char *shape_refusal(
	const struct shape_backend *backend, const struct link_shape *link, const struct proofs *proofs);
int shape_install(struct shaping *shaping, char **error);
/* {LINK: {"backend":..., "forward":..., "reverse":...}} */
json_t *shape_collect(struct shaping *shaping, char **error);
void shape_stop(struct shaping *shaping);

/* The seed of a link's draws: each has its own, made of the trial's and its position. */
uint64_t shape_seed(uint64_t seed, size_t link);
bool shaping_uses(const struct shaping *shaping, const struct shape_backend *backend, size_t link);

extern const struct shape_backend shape_netem, shape_wheel, shape_link;

#endif
