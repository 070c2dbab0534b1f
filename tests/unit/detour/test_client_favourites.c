/* The detour client: which destinations are its favourites. With invented times. */
#include "nodes/detour/client/favourites.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>

#define SEC 1000000000LL

static void favourites_are_what_was_used_most_of_late(void **unused)
{
	struct favourites *favourites = favourites_new(2);
	struct address local = address_of_v4((struct in_addr){inet_addr("10.0.1.1")});
	(void)unused;
	for (uint16_t port = 1; port <= 4; port++)
		for (int i = 0; i < port; i++)
			favourites_use(favourites, SEC, local, (struct place){local, port});
	assert_false(favourites_has(favourites, SEC, local, (struct place){local, 1}));
	assert_false(favourites_has(favourites, SEC, local, (struct place){local, 2}));
	assert_true(favourites_has(favourites, SEC, local, (struct place){local, 3}));
	assert_true(favourites_has(favourites, SEC, local, (struct place){local, 4}));
	/* After a while nothing is one any more; and a crowd of new ones keeps out none that is used. */
	assert_false(
		favourites_has(favourites, SEC + 4 * FAVOURITES_HALF_NS, local, (struct place){local, 4}));
	for (uint16_t port = 1000; port < 3000; port++)
		favourites_use(favourites, 2 * SEC, local, (struct place){local, port});
	assert_true(favourites_has(favourites, 3 * SEC, local, (struct place){local, 4}));
	favourites_free(favourites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(favourites_are_what_was_used_most_of_late)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
