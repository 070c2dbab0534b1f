/* Back ends: what shapes links. One seam, a struct of functions per back end: netem, where the kernel has it;
 * wheel, in the kernel without it; link, our daemon, wherever TUN/TAP, clsact and BPF are. Every back end acts on
 * the egress of each end's interface, so that the network itself is the same for all. */
#ifndef LIQUIDNET_BACKEND_H
#define LIQUIDNET_BACKEND_H

#include "harness/experiment/experiment.h"
#include "harness/place/network.h"
#include "lib/base/process.h"

struct shaping; /* what is installed in one network */

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
	/* Why a link cannot change from one shape to the other while packets pass, or NULL: it can. Both shapes are ones that
	 * it does not refuse. Absent: it can always. */
	const char *(*fixed)(const struct shape *from, const struct shape *to);
	/* Makes a direction of a link another, at once, and reads back that it is. Packets that wait stay. */
	int (*change)(
		struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error);
	/* Counters a link and direction, into {LINK: {"forward": {...}, "reverse": {...}}}. */
	int (*collect)(struct shaping *shaping, json_t *into, char **error);
	/* Ends what install started; harmless when that never happened. */
	void (*stop)(struct shaping *shaping);
};

struct shaping {
	const struct network *network;
	const struct link_shape *links;
	const struct shape_backend **chosen; /* by link; NULL: not shaped */
	const char *folder;                  /* for the back ends' files and logs */
	uint64_t seed;
	bool waits;     /* the clock waits for the machine: nothing is late, and nobody has to spin for it */
	size_t changed; /* how often netem was changed: each draws from another seed */
	struct process daemon; /* of the link back end */
	char control[256];
	struct wheel *wheel; /* of the wheel back end */
};

/* The seed of a link's draws: each has its own, made of the trial's and its position. */
uint64_t shape_seed(uint64_t seed, size_t link);
bool shaping_uses(const struct shaping *shaping, const struct shape_backend *backend, size_t link);

extern const struct shape_backend shape_netem, shape_wheel, shape_link;

#endif
