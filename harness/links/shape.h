/* Shaping: how the links of a network get their rate, delay, loss and queue: the choice between back ends
 * (backend.h), which do the work. */
#ifndef LIQUIDNET_SHAPE_H
#define LIQUIDNET_SHAPE_H

#include "harness/links/backend.h"

struct proofs; /* of what back ends keep on this machine, proofs.h */

extern const struct shape_backend *const shape_backends[]; /* in order of preference; NULL-ended */

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

#endif
