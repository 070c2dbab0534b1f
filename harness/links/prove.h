/* Prove: before the first trial of a run, each distinct setting of a link that is given to a back end which
 * leans on the kernel's inner workings (backend.h: `on_trial`) is tried in a sandbox, with a second of packets
 * whose times the kernel takes. A setting that is not kept is refused like one that the back end
 * cannot do, so that `auto` gives the link to the next one. */
#ifndef LIQUIDNET_PROVE_H
#define LIQUIDNET_PROVE_H

#include "harness/links/proofs.h"

/* Chooses back ends for these links as shape_choose does, and keeps in mind what is to be tried of that. */
int proofs_add(struct proofs *proofs, const struct topology *topology, const struct link_shape *links,
	const char *wanted, char **error);
/* Tries what was added since, but for what an earlier run of this boot has proved (kept.h); side by side, so that many settings take little longer than one. What fails,
 * or cannot be installed, is tried up to three times more before it counts. -1 and *error when nothing could
 * be tried. */
int proofs_run(struct proofs *proofs, char **error);

#endif
