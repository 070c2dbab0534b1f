/* Names: what ${...} stands for in an experiment's templates.
 *   address:NODE/LINK  the node's address on a link       scratch  the trial's private folder
 *   with.KEY           the procedure's own value          seed     the trial's seed
 *   AS.FIELD           a field of an earlier answer       config, control, ready: of the program at hand */
#ifndef LIQUIDNET_NAMES_H
#define LIQUIDNET_NAMES_H

#include "harness/experiment/experiment.h"
#include <jansson.h>

struct names {
	const struct experiment *experiment;
	const struct procedure *procedure;
	struct pool *pool;
	const char *scratch, *seed;
	const char *config, *control, *ready; /* NULL: the program at hand has none */
	json_t *answers;                      /* AS -> object; NULL: only the names are checked */
	int depth;
};

/* The text with every name replaced, on names->pool; NULL with *error. */
char *names_expand(struct names *names, const char *text, char **error);

/* The words of a service's command, ${ready} filled in with a descriptor. NULL and *error: another name in
 * it. */
const char **service_words(struct pool *pool, const struct program *service, int ready_fd, char **error);

#endif
