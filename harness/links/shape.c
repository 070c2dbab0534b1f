/* Shaping: the choice between back ends; the work is theirs. */
#include "harness/links/shape.h"

#include "harness/links/proofs.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

const struct shape_backend *const shape_backends[] = {&shape_netem, &shape_wheel, &shape_link, NULL};

/* One direction, and what it becomes. */
static const char *refusal_of(const struct shape_backend *backend, const struct link_shape *link, int k,
	const struct proofs *proofs)
{
	const struct shape *shape = &link->direction[k];
	const char *reason = backend->refuses(shape);
	reason = reason ? reason : proofs_refusal(proofs, backend, shape);
	for (size_t i = 0; !reason && i < link->changes_count; i++) {
		const struct shape *next = &link->changes[i].direction[k];
		reason = backend->refuses(next);
		if (!reason && backend->fixed)
			reason = backend->fixed(shape, next);
		shape = next;
	}
	return reason;
}

const char *shape_refusal(
	const struct shape_backend *backend, const struct link_shape *link, const struct proofs *proofs)
{
	const char *reason = refusal_of(backend, link, 0, proofs);
	return reason ? reason : refusal_of(backend, link, 1, proofs);
}

static int choose(const struct topology_link *at, const struct link_shape *link, const char *wanted,
	const struct proofs *proofs, const struct shape_backend **chosen, char **error)
{
	const char *why = NULL;
	bool known = strcmp(wanted, "auto") == 0;
	for (const struct shape_backend *const *b = shape_backends; *b; b++) {
		bool named = strcmp(wanted, (*b)->name) == 0;
		known |= named;
		if (!named && strcmp(wanted, "auto") != 0)
			continue;
		bool there = (proofs && proofs->elsewhere) || (*b)->available();
		const char *reason = there ? shape_refusal(*b, link, proofs)
					   : "this machine lacks it (see liquidnet doctor)";
		if (!reason) {
			*chosen = *b;
			return 0;
		}
		why = reason;
	}
	if (!known)
		return error_set(error, "no shaping back end `%s`; write auto, netem, wheel or link", wanted);
	return error_set(error, "link %s cannot be shaped as asked: %s", at->name, why);
}

int shape_choose(const struct topology *topology, const struct link_shape *links, const char *wanted,
	const struct proofs *proofs, const struct shape_backend **chosen, char **error)
{
	for (size_t i = 0; i < topology->links_count; i++) {
		chosen[i] = NULL;
		if (links[i].shaped &&
			choose(&topology->links[i], &links[i], wanted, proofs, &chosen[i], error) < 0)
			return -1;
	}
	return 0;
}

static bool in_use(const struct shaping *shaping, const struct shape_backend *backend)
{
	for (size_t i = 0; i < shaping->network->topology->links_count; i++)
		if (shaping->chosen[i] == backend)
			return true;
	return false;
}

int shape_change(struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error)
{
	int result = shaping->chosen[link]->change(shaping, link, direction, shape, error);
	return result < 0 ? error_prefix(error, "link %s", shaping->network->topology->links[link].name) : 0;
}

int shape_install(struct shaping *shaping, char **error)
{
	shaping->daemon = PROCESS_NONE;
	for (const struct shape_backend *const *b = shape_backends; *b; b++)
		if (in_use(shaping, *b) && (*b)->install(shaping, error) < 0)
			return -1;
	return 0;
}

json_t *shape_collect(struct shaping *shaping, char **error)
{
	json_t *all = json_object();
	for (const struct shape_backend *const *b = shape_backends; *b; b++)
		if (in_use(shaping, *b) && (*b)->collect(shaping, all, error) < 0) {
			json_decref(all);
			return NULL;
		}
	return all;
}

void shape_stop(struct shaping *shaping)
{
	for (const struct shape_backend *const *b = shape_backends; *b; b++)
		if ((*b)->stop)
			(*b)->stop(shaping);
}
