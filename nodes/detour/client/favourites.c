/* Favourites: a small table; the least used entry gives way to a new one. */
#include "nodes/detour/client/favourites.h"
#include <math.h>
#include <stdlib.h>

#define ROOM 256
#define ENOUGH 1.5 /* uses: one alone makes no favourite */

struct entry {
	struct address local;
	struct place remote;
	double uses; /* at `when` */
	int64_t when;
};

struct favourites {
	unsigned most, count;
	struct entry entries[ROOM];
};

struct favourites *favourites_new(unsigned most)
{
	struct favourites *favourites = calloc(1, sizeof *favourites);

	if (!favourites)
		abort();
	favourites->most = most;
	return favourites;
}

void favourites_free(struct favourites *favourites)
{
	free(favourites);
}

static double uses_now(const struct entry *entry, int64_t now)
{
	return entry->uses * exp2(-(double)(now - entry->when) / (double)FAVOURITES_HALF_NS);
}

static struct entry *find(const struct favourites *favourites, struct address local, struct place remote)
{
	for (unsigned i = 0; i < favourites->count; i++) {
		const struct entry *e = &favourites->entries[i];
		if (address_equal(&e->local, &local) && place_equal(&e->remote, &remote))
			return (struct entry *)e;
	}
	return NULL;
}

static struct entry *least(struct favourites *favourites, int64_t now)
{
	struct entry *found = &favourites->entries[0];

	if (favourites->count < ROOM)
		return &favourites->entries[favourites->count++];
	for (unsigned i = 1; i < ROOM; i++)
		if (uses_now(&favourites->entries[i], now) < uses_now(found, now))
			found = &favourites->entries[i];
	return found;
}

void favourites_use(struct favourites *favourites, int64_t now, struct address local, struct place remote)
{
	struct entry *entry = find(favourites, local, remote);

	if (!favourites->most)
		return;
	if (!entry) {
		entry = least(favourites, now);
		*entry = (struct entry){.local = local, .remote = remote, .when = now};
	}
	entry->uses = uses_now(entry, now) + 1;
	entry->when = now;
}

bool favourites_has(
	const struct favourites *favourites, int64_t now, struct address local, struct place remote)
{
	const struct entry *entry = find(favourites, local, remote);
	unsigned before = 0;

	if (!favourites->most || !entry || uses_now(entry, now) < ENOUGH)
		return false;
	for (unsigned i = 0; i < favourites->count; i++)
		before += uses_now(&favourites->entries[i], now) > uses_now(entry, now);
	return before < favourites->most;
}
