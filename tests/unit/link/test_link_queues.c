/* Queue disciplines beyond drop-tail: drop-head, CoDel beside an independent model, marks instead of drops. */
#include "lib/base/draw.h"
#include "lib/link/codel.h"
#include "tests/unit/link/link_model.h"
#include <math.h>
#include <string.h>

/* 8 Mbit/s: a byte a microsecond. */
static void drop_head_makes_room(void **state)
{
	(void)state;
	struct model *m =
		make((struct shape){.rate_bps = 8000000, .queue = QUEUE_DROP_HEAD, .queue_packets = 3});
	static int tokens[5];
	struct model_packet packet = {0};
	for (int i = 0; i < 5; i++) /* 0 is served, 1 and 2 give way to 3 and 4 */
		assert_int_equal(model_offer(m, 10, 1000, false, &tokens[i]), MODEL_QUEUED);
	const struct {
		int token;
		enum model_end end;
		int64_t at;
	} expected[] = {{1, MODEL_DROPPED_HEAD, 10}, {2, MODEL_DROPPED_HEAD, 10}, {0, MODEL_LEAVES, 10 + MS},
		{3, MODEL_LEAVES, 10 + 2 * MS}, {4, MODEL_LEAVES, 10 + 3 * MS}};
	for (int i = 0; i < 5; i++) {
		assert_true(model_take(m, expected[i].at, &packet));
		assert_ptr_equal(packet.token, &tokens[expected[i].token]);
		assert_int_equal(packet.end, expected[i].end);
		assert_int_equal(packet.departure_ns, expected[i].at);
	}
	assert_true(model_next(m) == MODEL_NEVER);
	model_free(m);
}

/* RFC 8289's pseudocode as it stands, over a list of packets that are all there: what the model is compared with. */
struct slow {
	int64_t arrival[4000];
	unsigned head, tail, count, last_count;
	int64_t first_above, drop_next, target, interval;
	bool dropping;
	uint64_t bytes;
};

static bool slow_take(struct slow *q, int64_t now, unsigned *packet, bool *any)
{
	*any = q->head < q->tail && q->arrival[q->head] <= now;
	if (!*any) {
		q->first_above = 0;
		return false;
	}
	*packet = q->head++;
	unsigned behind = 0;
	while (q->head + behind < q->tail && q->arrival[q->head + behind] <= now)
		behind++;
	if (now - q->arrival[*packet] < q->target || behind * 1000 <= 1000) {
		q->first_above = 0;
		return false;
	}
	if (q->first_above == 0) {
		q->first_above = now + q->interval;
		return false;
	}
	return now >= q->first_above;
}

static int64_t slow_law(const struct slow *q, int64_t from)
{
	return from + (int64_t)((double)q->interval / sqrt(q->count));
}

static bool slow_dequeue(struct slow *q, int64_t now, unsigned *packet, bool *dropped)
{
	bool any, ok = slow_take(q, now, packet, &any);
	if (q->dropping) {
		if (!ok)
			q->dropping = false;
		while (now >= q->drop_next && q->dropping) {
			dropped[*packet] = true;
			++q->count;
			ok = slow_take(q, now, packet, &any);
			if (!ok)
				q->dropping = false;
			else
				q->drop_next = slow_law(q, q->drop_next);
		}
	} else if (ok) {
		dropped[*packet] = true;
		slow_take(q, now, packet, &any);
		q->dropping = true;
		unsigned delta = q->count - q->last_count;
		q->count = 1;
		if (delta > 1 && now - q->drop_next < 16 * q->interval)
			q->count = delta;
		q->drop_next = slow_law(q, now);
		q->last_count = q->count;
	}
	return any;
}

static void codel_is_the_rfcs(void **state)
{
	(void)state;
	static struct slow q;
	static bool expected[4000], seen[4000];
	static int tokens[4000];
	for (uint64_t load = 0; load < 6; load++) {
		memset(expected, 0, sizeof expected);
		memset(seen, 0, sizeof seen);
		memset(&q, 0, sizeof q);
		q.target = 5 * MS;
		q.interval = 100 * MS;
		int64_t at = 0;
		for (q.tail = 0; q.tail < 4000; q.tail++) { /* bursts and pauses around one packet a ms */
			at += (int64_t)(draw_number(load + 1, q.tail) %
					(q.tail / 400 % 2 ? 1600000 : 2600000 - 300000 * load));
			q.arrival[q.tail] = at;
		}
		struct model *m = make((struct shape){.rate_bps = 8000000,
			.queue = QUEUE_CODEL,
			.codel_target_ns = 5 * MS,
			.codel_interval_ns = 100 * MS,
			.queue_packets = 100000});
		struct model_packet packet = {0};
		for (unsigned i = 0; i < 4000; i++) {
			assert_int_equal(model_offer(m, q.arrival[i], 1000, false, &tokens[i]), MODEL_QUEUED);
			while (model_take(m, q.arrival[i], &packet))
				seen[(int *)packet.token - tokens] = packet.end == MODEL_DROPPED_CODEL;
		}
		while (model_take(m, INT64_MAX, &packet))
			seen[(int *)packet.token - tokens] = packet.end == MODEL_DROPPED_CODEL;
		unsigned packet_index, drops = 0;
		for (int64_t now = 0; q.head < q.tail;) {
			if (q.arrival[q.head] > now)
				now = q.arrival[q.head];
			if (slow_dequeue(&q, now, &packet_index, expected))
				now += MS;
		}
		for (unsigned i = 0; i < 4000; i++)
			drops += expected[i];
		assert_memory_equal(expected, seen, sizeof seen);
		assert_true(load == 0 || drops > 0);
		model_free(m);
	}
}

static void marks_instead_of_drops(void **state)
{
	(void)state;
	for (int ecn = 0; ecn < 2; ecn++) {
		struct model *m = make((struct shape){.rate_bps = 8000000,
			.queue = QUEUE_CODEL,
			.codel_target_ns = 5 * MS,
			.codel_interval_ns = 100 * MS,
			.queue_packets = 100000,
			.ecn = true});
		struct model_packet packet = {0};
		unsigned dropped = 0, marked = 0;
		for (int i = 0; i < 3000; i++)
			model_offer(m, i * MS / 2, 1000, ecn, NULL);
		while (model_take(m, INT64_MAX, &packet)) {
			dropped += packet.end == MODEL_DROPPED_CODEL;
			marked += packet.marked;
		}
		assert_int_equal(dropped == 0, ecn);
		assert_int_equal(marked > 20, ecn);
		model_free(m);
	}
	struct model *m = make((struct shape){.rate_bps = 8000000, .queue_packets = 10, .ecn_packets = 3});
	struct model_packet packet = {0};
	for (int i = 0; i < 6; i++)
		assert_int_equal(model_offer(m, 0, 1000, i != 5, NULL), MODEL_QUEUED);
	for (int i = 0; i < 6; i++) {
		assert_true(model_take(m, (i + 1) * MS, &packet));
		assert_int_equal(packet.marked, i == 3 || i == 4);
	}
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_head_makes_room),
		cmocka_unit_test(codel_is_the_rfcs),
		cmocka_unit_test(marks_instead_of_drops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
