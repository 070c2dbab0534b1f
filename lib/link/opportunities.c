/* Delivery opportunities; see the header. */
#include "lib/link/opportunities.h"

#include "lib/base/units.h"

#define OPPORTUNITY_BYTES 1504
#define ETHERNET_TO_MAHIMAHI (14 - 4)

void opportunities_init(struct opportunities *o, struct trace *trace)
{
	*o = (struct opportunities){.trace = trace, .start_ns = INT64_MIN};
}

static int64_t when(const struct opportunities *o, uint64_t index)
{
	const struct trace *t = o->trace;
	uint64_t round = index / t->count, period = t->items[t->count - 1];
	return o->start_ns + (int64_t)(round * period + t->items[index % t->count]) * NS_PER_MS;
}

/* What has passed before a packet came is lost: whole periods at once, then one by one. */
static void skip_missed(struct opportunities *o, int64_t start)
{
	const struct trace *t = o->trace;
	int64_t period = t->items[t->count - 1] * NS_PER_MS, late = start - when(o, o->index);
	if (late > period) {
		o->index += (uint64_t)(late / period) * t->count;
		o->left = OPPORTUNITY_BYTES;
	}
	while (when(o, o->index) < start) {
		o->index++;
		o->left = OPPORTUNITY_BYTES;
	}
}

int64_t opportunities_serve(struct opportunities *o, int64_t start, uint32_t bytes)
{
	uint32_t left = bytes > ETHERNET_TO_MAHIMAHI ? bytes - ETHERNET_TO_MAHIMAHI : 1;
	if (o->start_ns == INT64_MIN) {
		o->start_ns = start;
		o->index = 0;
		o->left = OPPORTUNITY_BYTES;
	}
	for (;;) {
		skip_missed(o, start);
		int64_t now = when(o, o->index);
		uint32_t used = left < o->left ? left : o->left;
		left -= used;
		o->left -= used;
		if (o->left == 0) {
			o->index++;
			o->left = OPPORTUNITY_BYTES;
		}
		if (left == 0)
			return now;
	}
}
