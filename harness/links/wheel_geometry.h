/* Wheel, its geometry: how a direction of a link maps onto levels and units. Pure. */
#ifndef LIQUIDNET_WHEEL_GEOMETRY_H
#define LIQUIDNET_WHEEL_GEOMETRY_H

#include "harness/experiment/experiment.h"
#include "harness/links/wheel.h"

/* Why the wheel cannot be this link, or NULL. */
const char *wheel_refuses(const struct shape *shape);
/* Why a direction cannot become another while packets pass, or NULL: the size table is made for one rate,
 * queue, delay and jitter. */
const char *wheel_fixed(const struct shape *from, const struct shape *to);
/* The longest that a packet can be held: the queue, its own serialisation, delay and jitter. ns */
int64_t wheel_horizon_ns(const struct shape *shape);
/* For a shape that is not refused. `seed` of the link, `direction` 0 or 1: as the link daemon draws. */
void wheel_settings_make(
	struct wheel_settings *settings, const struct shape *shape, uint64_t seed, unsigned direction);
/* The size table: WHEEL_SIZES prices, in units, of packets by length. */
void wheel_size_table(const struct wheel_settings *settings, uint16_t *table);

#endif
