/* Favourites: the destinations that were connected to most, of late. Their mappings are kept ready, so that the next connection
 * waits for no detour. Pure: a table of fixed size in which a use counts half after HALF_NS. */
#ifndef LIQUIDNET_CLIENT_FAVOURITES_H
#define LIQUIDNET_CLIENT_FAVOURITES_H

#include "lib/net/address.h"

#define FAVOURITES_HALF_NS (600 * 1000000000LL)

struct favourites;

/* The `most` first count as favourites (0: none ever does). Never fails: memory that runs out ends the program. */
struct favourites *favourites_new(unsigned most);
void favourites_free(struct favourites *favourites);
/* Somebody connected from `local` to `remote`. */
void favourites_use(struct favourites *favourites, int64_t now, struct address local, struct place remote);
/* Whether it is one, now: used more than once, and among the first. */
bool favourites_has(
	const struct favourites *favourites, int64_t now, struct address local, struct place remote);

#endif
