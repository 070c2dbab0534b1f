/* Lab: one experiment's network, built, set and shaped as a configuration and a procedure say it. Trials run in
 * it, and shells open in it. */
#ifndef LIQUIDNET_LAB_H
#define LIQUIDNET_LAB_H

#include "harness/links/shape.h"
#include "harness/place/network.h"

struct lab_options {
	const struct experiment *experiment;
	const struct configuration *configuration;
	const struct procedure *procedure;
	const char *root;            /* the project's folder */
	const char *files;           /* where the experiment's companions are: a topology of its own */
	const char *folder;          /* for back ends' files and logs */
	const char *backend;         /* "auto" or a name */
	const struct proofs *proofs; /* of back ends; may be NULL */
	uint64_t seed;
	const char *const
		*hosts; /* sockets of hosts' agents by node index, when the network is theirs; else NULL */
	bool waits;     /* as shaping's: of virtual time */
	int64_t deadline_ns; /* for the network to be up */
	/* Called when the network and its settings are there, and before its links are shaped; may be NULL. */
	void (*built)(void *context);
	void *context;
};

struct lab {
	struct network network;
	struct shaping shaping;
};

#define LAB_NONE ((struct lab){.shaping = {.daemon = PROCESS_NONE}})

/* Builds it, inside the sandbox. What it allocates hangs on `pool`. -1 and *error: the first step that failed;
 * lab_close is due either way. */
int lab_open(struct lab *lab, const struct lab_options *options, struct pool *pool, char **error);
/* Every sysctl that the experiment, the configuration and the procedure set, as it is now: {NODE: {KEY: VALUE}}.
 */
json_t *lab_settings(const struct lab *lab, const struct lab_options *options, struct pool *pool);
/* Ends what shapes the links and lets go of the network. Harmless before lab_open. The nodes live as long as the sandbox. */
void lab_close(struct lab *lab);

#endif
