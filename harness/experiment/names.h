/* Names: what ${...} stands for in an experiment's templates.
 *   address:NODE/LINK    the node's IPv4 address on a link; or another address of the node, by its name
 *   address6:NODE/LINK   its IPv6 address there
 *   interface:NODE/LINK  its interface there
 *   file:NAME            a file of the experiment (`files`)
 *   capture:NODE/LINK    the file of a capture, whole once the workload has ended
 *   output:PROGRAM       what a program of the workload has printed, a file
 *   factor.NAME          the configuration's value of a factor (`value` of its level)
 *   with.KEY             the procedure's own value
 *   AS.FIELD             a field of an earlier answer
 *   scratch, seed        the trial's private folder; its seed
 *   config, control, ready: of the program at hand
 * topology.PARAMETER, each and index are filled in when the file is read (experiment_expand.c). */
#ifndef LIQUIDNET_NAMES_H
#define LIQUIDNET_NAMES_H

#include "harness/experiment/experiment.h"
#include <jansson.h>

/* Returns the text for a name, or NULL with *error; the result lives as long as the caller's pool. */
typedef const char *(*template_lookup)(void *context, const char *name, char **error);
/* The text with every ${NAME} replaced, on `pool`. `$$` is a dollar. NULL with *error. */
char *template_expand(
	struct pool *pool, const char *text, template_lookup lookup, void *context, char **error);

struct names {
	const struct experiment *experiment;
	const struct procedure *procedure;
	const struct configuration *configuration; /* NULL: only the names are checked */
	struct pool *pool;
	const char *scratch, *seed;
	const char *files;                    /* folder of the experiment's files */
	const char *folder;                   /* the trial's: captures and outputs */
	const char *config, *control, *ready; /* NULL: the program at hand has none */
	json_t *answers;                      /* AS -> object; NULL: only the names are checked */
	int depth;
};

/* The text with every name replaced, on names->pool; NULL with *error. */
char *names_expand(struct names *names, const char *text, char **error);

/* The file of a capture in the trial's folder. */
char *names_capture(struct pool *pool, const char *folder, const char *point);

/* The words of a service's command, ${ready} filled in with a descriptor. NULL and *error: another name in
 * it. */
const char **service_words(struct pool *pool, const struct program *service, int ready_fd, char **error);

#endif
