/* Proofs: what is known of back ends that lean on the kernel's inner workings: which settings of a link they
 * keep on this machine. prove.h fills them in; the choice between back ends asks them. */
#ifndef LIQUIDNET_PROOFS_H
#define LIQUIDNET_PROOFS_H

#include "harness/links/backend.h"
#include "harness/links/proof.h"
#include <jansson.h>
#include <stdio.h>

struct proof_item {
	const struct shape_backend *backend;
	struct proof proof;
};

struct proofs {
	bool elsewhere; /* links are shaped in another kernel, which has every back end: nothing is tried here */
	struct proof_item *items;
	size_t count;
	struct passed_on { /* a reason for which `auto` went past a back end */
		const char *reason;
		char text[300];
	} * passed_on;
	size_t passed_on_count;
};

struct proofs *proofs_new(void);
void proofs_free(struct proofs *proofs);
/* What is known, or is to be tried, of a setting; NULL: nothing. `proofs` may be NULL. */
struct proof_item *proofs_find(
	const struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape);
/* Why a back end was found not to keep this, or NULL (also when it was not tried, or `proofs` is NULL). */
const char *proofs_refusal(
	const struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape);
/* Keeps in mind a setting that is to be tried, once. */
void proofs_setting(struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape);
/* Notes that `auto` gave a link to `chosen`, because `backend`, which comes first, refused it. */
void proofs_pass_on(struct proofs *proofs, const struct shape_backend *backend,
	const struct shape_backend *chosen, const char *link, const char *reason);
/* One line for each setting that failed, and for each reason why the preferred back end got no chance. */
void proofs_say(const struct proofs *proofs, FILE *out);
/* {"tried": [...], "passed_on": [...]}, for the provenance. */
json_t *proofs_json(const struct proofs *proofs);

#endif
