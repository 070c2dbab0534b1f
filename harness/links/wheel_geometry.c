/* Wheel, its geometry: see the header. */
#include "harness/links/wheel_geometry.h"

#include "lib/base/clock.h"
#include "lib/base/draw.h"

#define FRAME_BYTES 1514
#define PRICES 65000          /* that the table's 16 bits can tell apart */
#define UNIT_MAX_NS 80000     /* coarser, and a packet's delay would no longer be exact */
#define RATE_MAX 100000000ULL /* at 200 Mbit/s TCP was 0.2 to 0.7 % short */

const char *wheel_refuses(const struct shape *shape)
{
	const char *what;
	if (!shape_is_plain(shape, &what))
		return "this goes beyond what the wheel does: use the link daemon";
	if (shape->rate_bps > RATE_MAX)
		return "the wheel goes to 100 Mbit/s";
	if (shape->rate_bps && !shape->queue_packets)
		return "the wheel needs a queue limit where there is a rate";
	if (shape->queue_packets > WHEEL_QUEUE)
		return "the wheel's longest queue is 32768 packets";
	if (wheel_horizon_ns(shape) + WHEEL_CREDIT_NS > (int64_t)PRICES * UNIT_MAX_NS)
		return "the wheel holds a packet for at most 4.9 s, its wait in a full queue included";
	return NULL;
}

const char *wheel_fixed(const struct shape *from, const struct shape *to)
{
	struct shape changed = *from;
	changed.loss = to->loss;
	return shape_equal(&changed, to) ? NULL
					 : "the wheel changes only its loss: for more use the link daemon";
}

int64_t wheel_horizon_ns(const struct shape *shape)
{
	double full = shape->rate_bps ? (double)(shape->queue_packets + 1) * FRAME_BYTES * 8e9 /
						(double)shape->rate_bps
				      : 0;
	return (int64_t)full + shape->delay_ns + shape->jitter_ns;
}

void wheel_settings_make(
	struct wheel_settings *w, const struct shape *shape, uint64_t seed, unsigned direction)
{
	int64_t horizon = wheel_horizon_ns(shape) + WHEEL_CREDIT_NS; /* an idle class's credit goes first */
	uint64_t unit = (uint64_t)(horizon / PRICES) + 1;
	int64_t soonest = WHEEL_CREDIT_NS + shape->delay_ns - shape->jitter_ns - 200 * NS_PER_US;
	unit = unit < NS_PER_US ? NS_PER_US : unit;
	*w = (struct wheel_settings){.unit_ns = unit,
		.fine_first_ns = soonest > 0 ? (uint64_t)soonest / unit * unit : 0,
		.coarse_ns = ((uint64_t)horizon / (WHEEL_COARSE - 1) / unit + 1) * unit,
		.rate_bps = shape->rate_bps,
		.ns_per_byte =
			shape->rate_bps ? (uint64_t)(8e9 * (1 << 22) / (double)shape->rate_bps + 0.5) : 0,
		.delay_ns = (uint64_t)shape->delay_ns,
		.jitter_ns = (uint64_t)shape->jitter_ns,
		.queue = shape->rate_bps ? shape->queue_packets : 0,
		.loss = (uint64_t)(shape->loss * 0x1p53),
		/* The streams of lib/link/model.c: the same seed loses the same packets there and here. */
		.loss_key = draw_key(seed, direction, 1),
		.jitter_key = draw_key(seed, direction, 2)};
}

void wheel_size_table(const struct wheel_settings *w, uint16_t *table)
{
	for (unsigned i = 0; i < WHEEL_BASE; i++)
		table[i] = 0;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t price = wheel_price_ns(w, level) / w->unit_ns;
		table[WHEEL_BASE + level] = (uint16_t)(price < UINT16_MAX ? price : UINT16_MAX);
	}
}
