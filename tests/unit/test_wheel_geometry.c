/* The wheel's geometry over its whole range: prices, units and levels hold for every link that is not refused.
 */
#include "harness/links/wheel_geometry.c"
#include "lib/link/codel.h"
#include "lib/link/medium.h"
#include "lib/link/model.h"
#include "lib/link/ring.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>

static const uint64_t rates[] = {0, 56000, 1000000, 10000000, 33333333, 99999999, 100000000};
static const int64_t delays[] = {0, 1000, 500000, 5000000, 50000000, 250000000, 1000000000, 5000000000};
static const uint32_t queues[] = {1, 20, 100, 1000, 4096, 32768};

/* What a debt costs: the level that the program chooses, at the kernel's price. */
static uint64_t paid_ns(const struct wheel_settings *w, const uint16_t *table, uint64_t debt)
{
	uint32_t level = wheel_level(w, debt);
	assert_true(level < WHEEL_LEVELS);
	assert_true(level > 0 || debt < w->unit_ns); /* level 0 means that no primer is needed */
	uint64_t paid = table[WHEEL_BASE + level] * w->unit_ns;
	assert_int_equal(paid, wheel_price_ns(w, level)); /* the program's own account */
	return paid;
}

static void check(const struct shape *shape)
{
	static uint16_t table[WHEEL_SIZES];
	struct wheel_settings w;
	int64_t horizon = wheel_horizon_ns(shape) + WHEEL_CREDIT_NS;
	wheel_settings_make(&w, shape, 7, 1);
	wheel_size_table(&w, table);
	assert_true(w.unit_ns >= 1000 && w.unit_ns <= UNIT_MAX_NS + 1);
	assert_true(w.unit_ns * UINT16_MAX >= (uint64_t)horizon);
	assert_int_equal(w.fine_first_ns % w.unit_ns, 0);
	assert_int_equal(w.coarse_ns % w.unit_ns, 0);
	for (unsigned i = 0; i < WHEEL_BASE; i++) /* packets of the wire cost nothing */
		assert_int_equal(table[i], 0);
	/* An idle link's packets are exact to half a unit, all others to half a coarse step besides. */
	for (int i = 0; i <= 1000; i++) {
		uint64_t debt = (uint64_t)((double)horizon * i / 1000);
		uint64_t paid = paid_ns(&w, table, debt), off = paid > debt ? paid - debt : debt - paid;
		uint64_t nearest = debt + w.unit_ns / 2;
		bool fine = nearest < WHEEL_FINE * w.unit_ns ||
			    (debt >= w.fine_first_ns && nearest < w.fine_first_ns + WHEEL_FINE * w.unit_ns);
		assert_true(off <= w.unit_ns / 2 + 1 + (fine ? 0 : w.coarse_ns / 2 + w.unit_ns));
	}
	uint64_t idle = (uint64_t)shape->delay_ns + WHEEL_CREDIT_NS, paid = paid_ns(&w, table, idle);
	if (!shape->jitter_ns)
		assert_true((paid > idle ? paid - idle : idle - paid) <= w.unit_ns / 2 + 1);
}

static void every_link_in_range(void **state)
{
	(void)state;
	unsigned accepted = 0, refused = 0;
	for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
		for (size_t d = 0; d < sizeof delays / sizeof *delays; d++)
			for (size_t q = 0; q < sizeof queues / sizeof *queues; q++)
				for (int jitter = 0; jitter < 2; jitter++) {
					struct shape shape = {.rate_bps = rates[r],
						.delay_ns = delays[d],
						.queue_packets = queues[q],
						.jitter_ns = jitter ? delays[d] / 3 : 0};
					if (wheel_refuses(&shape)) {
						refused++;
						continue;
					}
					accepted++;
					check(&shape);
				}
	assert_true(accepted > 300 && refused > 20);
}

static void what_it_refuses(void **state)
{
	(void)state;
	assert_null(wheel_refuses(
		&(struct shape){.rate_bps = 10000000, .queue_packets = 1000, .delay_ns = 250000000}));
	assert_non_null(wheel_refuses(&(struct shape){.rate_bps = 10000000}));
	assert_non_null(wheel_refuses(&(struct shape){.rate_bps = 500000000, .queue_packets = 100}));
	assert_non_null(wheel_refuses(&(struct shape){.rate_bps = 10000000, .queue_packets = 5000}));
	assert_non_null(wheel_refuses(&(struct shape){.rate_bps = 1000000, .queue_packets = 1000}));
	assert_non_null(wheel_refuses(&(struct shape){.delay_ns = 6000000000}));
}

/* The same seed loses the same packets here and in the link daemon. */
static void draws_are_those_of_the_link_daemon(void **state)
{
	(void)state;
	for (unsigned direction = 0; direction < 2; direction++) {
		struct shape shape = {.loss = 0.02};
		struct wheel_settings w;
		wheel_settings_make(&w, &shape, 12345, direction);
		struct model *model =
			model_new(&(struct shape){.loss = 0.02, .seed = 12345}, direction, NULL);
		unsigned lost = 0;
		for (uint64_t number = 0; number < 20000; number++) {
			struct model_packet packet;
			bool here = draw_number(w.loss_key, number) < w.loss;
			bool there = model_offer(model, (int64_t)number, 100, false, &shape) == MODEL_LOST;
			while (model_take(model, (int64_t)number, &packet))
				;
			assert_int_equal(here, there);
			lost += here;
		}
		assert_in_range(lost, 340, 460);
		model_free(model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_link_in_range),
		cmocka_unit_test(what_it_refuses), cmocka_unit_test(draws_are_those_of_the_link_daemon)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
