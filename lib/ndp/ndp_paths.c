/* The order of paths, and the score that makes one be passed over. */
#include "lib/ndp/ndp_paths.h"
#include "lib/base/draw.h"

#include <stdbool.h>
#include <stddef.h>

/* SIGCOMM 2017, section 3.2.3 gives the idea; the numbers are those of the authors' simulator. */
#define ANSWERS_LEAST 100 /* before a path is judged */
#define NACKS_LEAST 30    /* for 100 ACKs: below that no path is bad */
#define ANSWERS_MOST 512  /* that count in full: ours, theirs never forgets and so never takes a path back */
#define BOUNCE_NACKS 3

static uint32_t below(struct ndp_paths *paths, uint32_t count)
{
	return (uint32_t)(((draw_number(paths->key, paths->draws++) >> (DRAW_BITS - 32)) * count) >> 32);
}

/* Fisher and Yates. */
static void shuffle(struct ndp_paths *paths)
{
	for (uint32_t i = paths->count - 1; i > 0; i--) {
		uint32_t other = below(paths, i + 1);
		uint16_t path = paths->order[i];
		paths->order[i] = paths->order[other];
		paths->order[other] = path;
	}
	paths->at = 0;
}

void ndp_paths_init(struct ndp_paths *paths, uint16_t *order, struct ndp_path *scores, uint32_t count,
	enum ndp_spray spray, uint64_t seed)
{
	*paths = (struct ndp_paths){.order = order,
		.scores = scores,
		.count = count,
		.spray = spray,
		.key = draw_mix(seed + DRAW_GOLDEN)};
	for (uint32_t i = 0; i < count; i++)
		order[i] = (uint16_t)i;
	shuffle(paths);
}

static uint32_t in_turn(struct ndp_paths *paths)
{
	if (paths->at == paths->count)
		shuffle(paths);
	return paths->order[paths->at++];
}

uint32_t ndp_paths_next(struct ndp_paths *paths)
{
	if (paths->spray == NDP_SPRAY_FLOW)
		return paths->order[0];
	if (paths->spray == NDP_SPRAY_RANDOM)
		return below(paths, paths->count);
	uint32_t path = in_turn(paths);
	if (!paths->scores)
		return path;
	/* Where all are to be passed over, none is. */
	for (uint32_t i = 0; i < paths->count && paths->scores[path].skips > 0; i++) {
		paths->scores[path].skips--;
		path = in_turn(paths);
	}
	paths->scores[path].skips = paths->scores[path].avoid;
	return path;
}

/* Many NACKs for each ACK, and a quarter more than the paths have in the mean. */
static bool bad(const struct ndp_paths *paths, const struct ndp_path *path)
{
	uint64_t ratio = (uint64_t)path->nacks * 100 / (path->acks ? path->acks : 1);
	uint64_t mean = paths->nacks * 100 / (paths->acks ? paths->acks : 1);

	return (uint64_t)path->acks + path->nacks > ANSWERS_LEAST && ratio > NACKS_LEAST &&
	       4 * ratio > 5 * mean;
}

/* The past counts half, and then a quarter, so that a path that is well again can come back. */
static void forget(struct ndp_paths *paths, struct ndp_path *path)
{
	uint32_t acks = path->acks / 2, nacks = path->nacks / 2;

	path->acks -= acks;
	path->nacks -= nacks;
	paths->acks -= acks;
	paths->nacks -= nacks;
}

void ndp_paths_feedback(struct ndp_paths *paths, uint32_t number, enum ndp_feedback feedback)
{
	if (!paths->scores || number >= paths->count)
		return;
	struct ndp_path *path = &paths->scores[number];
	uint32_t nacks = feedback == NDP_FEEDBACK_BOUNCE ? BOUNCE_NACKS : feedback == NDP_FEEDBACK_NACK;

	path->acks += feedback == NDP_FEEDBACK_ACK;
	path->nacks += nacks;
	paths->acks += feedback == NDP_FEEDBACK_ACK;
	paths->nacks += nacks;
	if (bad(paths, path))
		path->avoid += nacks > 0;
	else if (path->avoid > 0)
		path->avoid--;
	if (path->acks + path->nacks >= ANSWERS_MOST)
		forget(paths, path);
}
