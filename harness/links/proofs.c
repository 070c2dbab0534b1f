/* Proofs: see the header. */
#include "harness/links/proofs.h"

#include <stdlib.h>
#include <string.h>

struct proofs *proofs_new(void)
{
	return calloc(1, sizeof(struct proofs));
}

void proofs_free(struct proofs *proofs)
{
	if (!proofs)
		return;
	free(proofs->items);
	free(proofs->passed_on);
	free(proofs);
}

struct proof_item *proofs_find(
	const struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape)
{
	for (size_t i = 0; proofs && i < proofs->count; i++)
		if (proofs->items[i].backend == backend &&
			proof_same_shape(&proofs->items[i].proof.shape, shape))
			return &proofs->items[i];
	return NULL;
}

const char *proofs_refusal(
	const struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape)
{
	const struct proof_item *item = proofs_find(proofs, backend, shape);
	return item && item->proof.attempts && !item->proof.kept ? item->proof.why : NULL;
}

void proofs_setting(struct proofs *proofs, const struct shape_backend *backend, const struct shape *shape)
{
	if (proofs_find(proofs, backend, shape))
		return;
	proofs->items = realloc(proofs->items, (proofs->count + 1) * sizeof *proofs->items);
	proofs->items[proofs->count++] = (struct proof_item){.backend = backend, .proof = {.shape = *shape}};
}

/* `auto` prefers a back end on trial, which refused this link. */
void proofs_pass_on(struct proofs *proofs, const struct shape_backend *backend,
	const struct shape_backend *chosen, const char *link, const char *reason)
{
	for (size_t i = 0; i < proofs->passed_on_count; i++)
		if (strcmp(proofs->passed_on[i].reason, reason) == 0)
			return;
	proofs->passed_on =
		realloc(proofs->passed_on, (proofs->passed_on_count + 1) * sizeof *proofs->passed_on);
	struct passed_on *p = &proofs->passed_on[proofs->passed_on_count++];
	p->reason = reason;
	snprintf(p->text, sizeof p->text, "%s, and others like it, is shaped by %s, not by %s: %s", link,
		chosen->name, backend->name, reason);
}

void proofs_say(const struct proofs *proofs, FILE *out)
{
	char setting[200];
	for (size_t i = 0; i < proofs->passed_on_count; i++)
		fprintf(out, "%s\n", proofs->passed_on[i].text);
	for (size_t i = 0; i < proofs->count; i++) {
		const struct proof_item *item = &proofs->items[i];
		proof_describe(&item->proof.shape, setting, sizeof setting);
		if (!item->proof.kept)
			fprintf(out,
				"this machine's %s does not keep a link of %s: %s; the next back end gets it\n",
				item->backend->name, setting, item->proof.why);
	}
}

json_t *proofs_json(const struct proofs *proofs)
{
	json_t *tried = json_array(), *passed_on = json_array();
	for (size_t i = 0; i < proofs->count; i++) {
		json_t *one = proof_json(&proofs->items[i].proof);
		json_object_set_new(one, "backend", json_string(proofs->items[i].backend->name));
		json_array_append_new(tried, one);
	}
	for (size_t i = 0; i < proofs->passed_on_count; i++)
		json_array_append_new(passed_on, json_string(proofs->passed_on[i].text));
	return json_pack("{s:o, s:o}", "tried", tried, "passed_on", passed_on);
}
