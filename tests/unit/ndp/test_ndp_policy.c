/* NDP's policy (nodes/ndp/): the rules one by one; paths, the pull queue, sender and receiver against slow models; and the two ends joined
 * by a network that loses, repeats and reorders. */
#include "lib/base/draw.h"
#include "lib/ndp/ndp_paths.h"
#include "nodes/ndp/receiver.h"
#include "nodes/ndp/sender.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

struct dice {
	uint64_t key, n;
};

static uint32_t below(struct dice *dice, uint32_t count)
{
	return (uint32_t)(draw_number(dice->key, dice->n++) % count);
}

/* ---- paths */

static void every_path_in_turn(void **state)
{
	struct ndp_paths paths;
	uint16_t order[36];
	unsigned first[36] = {0};

	(void)state;
	ndp_paths_init(&paths, order, NULL, 36, NDP_SPRAY_PERMUTE, 5);
	for (int round = 0; round < 3600; round++) {
		uint64_t seen = 0;
		for (int i = 0; i < 36; i++) {
			uint32_t path = ndp_paths_next(&paths);
			assert_in_range(path, 0, 35);
			assert_false(seen >> path & 1);
			seen |= 1ULL << path;
			first[path] += i == 0;
		}
	}
	for (int i = 0; i < 36; i++)
		assert_in_range(first[i], 60, 145); /* 100 expected, 10 the standard deviation */
}

static void other_sprays(void **state)
{
	struct ndp_paths paths;
	uint16_t order[8];
	unsigned uses[8] = {0};

	(void)state;
	ndp_paths_init(&paths, order, NULL, 8, NDP_SPRAY_RANDOM, 5);
	for (int i = 0; i < 8000; i++)
		uses[ndp_paths_next(&paths)]++;
	for (int i = 0; i < 8; i++)
		assert_in_range(uses[i], 850, 1150);
	ndp_paths_init(&paths, order, NULL, 8, NDP_SPRAY_FLOW, 5);
	uint32_t path = ndp_paths_next(&paths);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ndp_paths_next(&paths), path);
	ndp_paths_init(&paths, order, NULL, 1, NDP_SPRAY_PERMUTE, 5);
	assert_int_equal(ndp_paths_next(&paths), 0);
}

/* A path that trims nine of ten is soon used rarely, the others as before; when it is well again, it comes back. */
static void bad_path(void **state)
{
	struct ndp_path scores[16] = {0};
	struct ndp_paths paths;
	uint16_t order[16];
	unsigned uses = 0;

	(void)state;
	ndp_paths_init(&paths, order, scores, 16, NDP_SPRAY_PERMUTE, 9);
	for (int i = 0; i < 32000; i++) {
		uint32_t path = ndp_paths_next(&paths);
		bool trimmed = path == 3 ? i % 10 != 0 : i % 50 == 0;
		ndp_paths_feedback(&paths, path, trimmed ? NDP_FEEDBACK_NACK : NDP_FEEDBACK_ACK);
		uses += i >= 16000 && path == 3;
	}
	assert_in_range(uses, 1, 60); /* of 1,000 turns */
	uses = 0;
	for (int i = 0; i < 600000; i++) {
		uint32_t path = ndp_paths_next(&paths);
		ndp_paths_feedback(&paths, path, NDP_FEEDBACK_ACK);
		uses += i >= 599000 && path == 3;
	}
	assert_in_range(uses, 50, 75);                    /* of 1,000 packets over 16 paths */
	ndp_paths_feedback(&paths, 16, NDP_FEEDBACK_ACK); /* of no path */
}

/* Where every path is bad, every path is used. */
static void all_paths_bad(void **state)
{
	struct ndp_path scores[4] = {{100, 900, 1000, 1000}, {100, 900, 1000, 1000}, {100, 900, 1000, 1000},
		{100, 900, 1000, 1000}};
	struct ndp_paths paths;
	uint16_t order[4];
	unsigned seen = 0;

	(void)state;
	ndp_paths_init(&paths, order, scores, 4, NDP_SPRAY_PERMUTE, 2);
	for (int i = 0; i < 100; i++)
		seen |= 1U << ndp_paths_next(&paths);
	assert_int_equal(seen, 15);
}

/* ---- the pull queue */

#define FLOWS 12

/* The same, slowly: every pull on its own in a list of flows. */
struct slow_pulls {
	uint64_t last;
	bool begun;
	int queue[4096], count;
	uint32_t sent[FLOWS];
};

static uint32_t slow_owe(struct slow_pulls *slow, int flow, uint64_t now)
{
	if (slow->count == 0 && (!slow->begun || now - slow->last >= 7200)) {
		slow->begun = true;
		slow->last = now;
		return ++slow->sent[flow];
	}
	slow->queue[slow->count++] = flow;
	return 0;
}

static void slow_remove(struct slow_pulls *slow, int at)
{
	slow->count--;
	for (int i = at; i < slow->count; i++)
		slow->queue[i] = slow->queue[i + 1];
}

static void slow_forget(struct slow_pulls *slow, int flow)
{
	for (int i = 0; i < slow->count;)
		if (slow->queue[i] == flow)
			slow_remove(slow, i);
		else
			i++;
}

static int waiting(const struct slow_pulls *slow, int flow)
{
	int count = 0;

	for (int i = 0; i < slow->count; i++)
		count += slow->queue[i] == flow;
	return count;
}

/* Any history: pulls leave no sooner than allowed, as many as owed, numbered one by one; in order where that is asked for; and else the
 * preferred before the others, and nobody twice while another of his kind has waited all the time since. */
static void pulls_history(uint64_t seed, bool in_order)
{
	struct dice dice = {seed, 0};
	struct ndp_pull_flow flows[FLOWS] = {0}, *places[64];
	struct slow_pulls slow = {0};
	struct ndp_pulls pulls;
	uint64_t now = 0;
	int passed[FLOWS][FLOWS] = {{0}}; /* turns of the one since the other began to wait */

	ndp_pulls_init(&pulls, 7200, below(&dice, 2) ? NDP_PATIENCE : 0);
	if (in_order)
		ndp_pulls_in_order(&pulls, places, 64);
	for (int i = 0; i < FLOWS; i++)
		flows[i].preferred = !in_order && i < 3;
	for (int step = 0; step < 600; step++) {
		int flow = (int)below(&dice, FLOWS);
		now += below(&dice, 9000);
		uint64_t due = slow.count ? slow.last + 7200 : NDP_NEVER;
		assert_int_equal(ndp_pulls_due(&pulls), due);
		if (below(&dice, 40) == 0) {
			ndp_pulls_forget(&pulls, &flows[flow]);
			slow_forget(&slow, flow);
			for (int i = 0; i < FLOWS; i++)
				passed[i][flow] = 0; /* another flow from now on */
			continue;
		}
		if (slow.count < 60 && below(&dice, 3)) {
			if (waiting(&slow, flow) == 0)
				for (int i = 0; i < FLOWS; i++)
					passed[flow][i] = 0;
			assert_int_equal(
				ndp_pulls_owe(&pulls, &flows[flow], now), slow_owe(&slow, flow, now));
			continue;
		}
		struct ndp_pull_flow *taken = ndp_pulls_take(&pulls, now);
		assert_int_equal(taken != NULL, due != NDP_NEVER && now >= due);
		if (!taken)
			continue;
		int who = (int)(taken - flows);
		assert_true(waiting(&slow, who) > 0);
		assert_int_equal(taken->sent, ++slow.sent[who]);
		if (in_order)
			assert_int_equal(who, slow.queue[0]);
		for (int i = 0; i < FLOWS; i++) {
			if (i == who || !waiting(&slow, i))
				continue;
			assert_true(flows[who].preferred >= flows[i].preferred);
			if (!in_order && flows[who].preferred == flows[i].preferred)
				assert_true(++passed[i][who] <= 1);
		}
		for (int i = 0; i < FLOWS; i++)
			passed[who][i] = 0;
		for (int i = 0; i < slow.count; i++)
			if (slow.queue[i] == who) {
				slow_remove(&slow, i);
				break;
			}
		slow.last = now - due < 7200 ? due : now;
	}
}

static void pulls_as_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 800; seed++)
		pulls_history(seed, seed % 2);
}

/* A full order: what finds no place is taken in turns, after those that have one; none is lost. */
static void order_overflows(void **state)
{
	struct ndp_pull_flow flows[2] = {0}, *places[4];
	struct ndp_pulls pulls;
	unsigned taken[2] = {0};

	(void)state;
	ndp_pulls_init(&pulls, 10, 0);
	ndp_pulls_in_order(&pulls, places, 4);
	assert_int_equal(ndp_pulls_owe(&pulls, &flows[0], 0), 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ndp_pulls_owe(&pulls, &flows[i % 2], 1), 0);
	for (uint64_t now = 10; ndp_pulls_due(&pulls) != NDP_NEVER; now += 10)
		taken[ndp_pulls_take(&pulls, now) - flows]++;
	assert_int_equal(taken[0], 10);
	assert_int_equal(taken[1], 10);
}

/* ---- the sender */

static void first_window(void **state)
{
	struct ndp_slot slots[64] = {0};
	struct ndp_sender sender;
	uint32_t sequence;
	bool again;

	(void)state;
	ndp_sender_init(&sender, 30, 10, slots, NULL, 64);
	assert_int_equal(ndp_sender_start(&sender, 0), 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(ndp_sender_next(&sender, 0, &sequence, &again));
		assert_int_equal(sequence, i);
		assert_false(again);
	}
	/* ACKs alone send nothing; a pull sends as many as its number rises by, first what is to be sent again. */
	assert_int_equal(ndp_sender_ack(&sender, 0, 1), 0);
	assert_int_equal(ndp_sender_nack(&sender, 4, 1), 0);
	assert_int_equal(ndp_sender_pull(&sender, 2, 2), 2);
	assert_true(ndp_sender_next(&sender, 2, &sequence, &again));
	assert_int_equal(sequence, 4);
	assert_true(again);
	assert_true(ndp_sender_next(&sender, 2, &sequence, &again));
	assert_int_equal(sequence, 10);
	assert_int_equal(ndp_sender_pull(&sender, 1, 3), 0);       /* late: made good already */
	assert_int_equal(ndp_sender_pull(&sender, 1000000, 3), 0); /* no receiver's */
	assert_int_equal(ndp_sender_ack(&sender, 11, 3), 0);       /* was never sent */
	assert_int_equal(sender.counters.strange, 2);
	assert_int_equal(ndp_sender_nack(&sender, 0, 3), 0); /* is there already: not again */
	assert_true(ndp_sender_next(&sender, 3, &sequence, &again));
	assert_int_equal(sequence, 11);
	ndp_sender_init(&sender, 0, 10, slots, NULL, 64);
	assert_int_equal(ndp_sender_start(&sender, 0), 0);
	assert_true(ndp_sender_done(&sender)); /* of 0 bytes: at once */
}

/* A bounce waits for a pull, unless nothing else would come, or most answers are ACKs. */
static void bounces(void **state)
{
	struct ndp_slot slots[16] = {0};
	struct ndp_sender sender;
	uint32_t sequence;
	bool again;

	(void)state;
	ndp_sender_init(&sender, 12, 3, slots, NULL, 16);
	for (uint32_t n = ndp_sender_start(&sender, 0); n > 0; n--)
		ndp_sender_next(&sender, 0, &sequence, &again);
	assert_int_equal(ndp_sender_bounced(&sender, 1, 1), 0);
	assert_int_equal(ndp_sender_bounced(&sender, 1, 1), 0); /* the same again: is in no flight */
	assert_int_equal(sender.expected, 2);
	assert_int_equal(ndp_sender_bounced(&sender, 0, 1), 1); /* one is left, and no pull is owed */
	assert_true(ndp_sender_next(&sender, 1, &sequence, &again));
	assert_int_equal(sequence, 0); /* in front of those that wait */
	ndp_sender_init(&sender, 12, 8, slots, NULL, 16);
	memset(slots, 0, sizeof slots);
	for (uint32_t n = ndp_sender_start(&sender, 0); n > 0; n--)
		ndp_sender_next(&sender, 0, &sequence, &again);
	for (uint32_t i = 0; i < 3; i++)
		ndp_sender_ack(&sender, i, 1);
	assert_int_equal(
		ndp_sender_bounced(&sender, 5, 2), 1); /* three of four were ACKs: the path is to blame */
}

/* Time-outs: after an RTO, to be sent again; at once where nothing else is on its way. Then keep-alives, further and further apart. */
static void timeouts(void **state)
{
	struct ndp_slot slots[16] = {0};
	uint64_t sent[16] = {0}, keepalives[3];
	struct ndp_sender sender;
	uint32_t sequence;
	bool again;

	(void)state;
	ndp_sender_init(&sender, 4, 4, slots, sent, 16);
	for (uint32_t n = ndp_sender_start(&sender, 0); n > 0; n--)
		ndp_sender_next(
			&sender, 100 * n, &sequence, &again); /* at 400, 300, 200, 100: sequences 0 to 3 */
	assert_int_equal(ndp_sender_due(&sender, 1000), 1400);
	ndp_sender_ack(&sender, 0, 500);
	assert_int_equal(ndp_sender_due(&sender, 1000), 1300);
	assert_int_equal(ndp_sender_timeout(&sender, 1000, 1299), 0);
	assert_int_equal(ndp_sender_timeout(&sender, 1000, 1300), 0); /* a pull is owed for the ACK */
	assert_int_equal(sender.counters.timeouts, 3);
	for (int i = 0; i < 3; i++) {
		keepalives[i] = ndp_sender_due(&sender, 1000);
		assert_int_equal(ndp_sender_timeout(&sender, 1000, keepalives[i]), 1);
	}
	assert_int_equal(keepalives[0], 500 + 16000);
	assert_int_equal(keepalives[1] - keepalives[0], 32000);
	assert_int_equal(keepalives[2] - keepalives[1], 64000);
	assert_int_equal(ndp_sender_pull(&sender, 1, 200000), 1);
	assert_true(ndp_sender_next(&sender, 200000, &sequence, &again));
	assert_int_equal(ndp_sender_due(&sender, 1000), 201000);
}

/* No more is in the air than there are slots: the pull is remembered, and used when the oldest has its ACK. */
static void out_of_slots(void **state)
{
	struct ndp_slot slots[4] = {0};
	uint64_t sent[4];
	struct ndp_sender sender;
	uint32_t sequence;
	bool again;

	(void)state;
	ndp_sender_init(&sender, 100, 4, slots, sent, 4);
	for (uint32_t n = ndp_sender_start(&sender, 0); n > 0; n--)
		ndp_sender_next(&sender, 0, &sequence, &again);
	assert_int_equal(ndp_sender_ack(&sender, 2, 1), 0);
	assert_int_equal(ndp_sender_pull(&sender, 1, 1), 1);
	assert_false(ndp_sender_next(&sender, 1, &sequence, &again));
	assert_int_equal(ndp_sender_ack(&sender, 0, 2), 1);
	assert_true(ndp_sender_next(&sender, 2, &sequence, &again));
	assert_int_equal(sequence, 4);
}

/* ---- the receiver */

/* Against a plain array of what is here. */
static void receives_as_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct dice dice = {seed, 0};
		uint64_t bits[2] = {0};
		bool here[400] = {false};
		struct ndp_receiver receiver;
		struct ndp_pulls pulls;
		uint32_t total = 1 + below(&dice, 390), count = 0, base = 0, completions = 0;
		ndp_pulls_init(&pulls, 10, NDP_PATIENCE);
		ndp_receiver_init(&receiver, bits, 128, false);
		for (int step = 0; step < 6000 && completions == 0; step++) {
			uint32_t sequence = below(&dice, total);
			bool whole = below(&dice, 4), room = sequence - base < 128 || sequence < base;
			bool known = here[sequence];
			struct ndp_answer answer = ndp_receive(
				&receiver, &pulls, whole, sequence, sequence == total - 1, (uint64_t)step);
			bool fresh = whole && !known && room;
			assert_int_equal(answer.fresh, fresh);
			assert_int_equal(answer.reply, known || fresh ? NDP_REPLY_ACK : NDP_REPLY_NACK);
			here[sequence] |= fresh;
			count += fresh;
			while (base < total && here[base])
				base++;
			assert_int_equal(receiver.base, base);
			assert_int_equal(receiver.received, count);
			completions += answer.complete;
			assert_int_equal(answer.complete, fresh && count == total);
		}
		if (completions) {
			assert_int_equal(ndp_pulls_due(&pulls), NDP_NEVER); /* nothing more is asked for */
			struct ndp_answer late = ndp_receive(&receiver, &pulls, true, 0, total == 1, 7000);
			assert_int_equal(late.reply, NDP_REPLY_ACK);
			assert_false(late.fresh || late.complete || late.pull);
		}
	}
}

static void strange_packets(void **state)
{
	uint64_t bits[1] = {0};
	struct ndp_receiver receiver;
	struct ndp_pulls pulls;

	(void)state;
	ndp_pulls_init(&pulls, 10, NDP_PATIENCE);
	ndp_receiver_init(&receiver, bits, 64, false);
	assert_int_equal(ndp_receive(&receiver, &pulls, true, 5, false, 0).reply, NDP_REPLY_ACK);
	assert_int_equal(ndp_receive(&receiver, &pulls, true, 4, true, 0).reply,
		NDP_REPLY_NONE); /* 5 came, so 4 is not the last */
	assert_int_equal(ndp_receive(&receiver, &pulls, true, 7, true, 0).reply, NDP_REPLY_ACK);
	assert_int_equal(ndp_receive(&receiver, &pulls, true, 8, false, 0).reply,
		NDP_REPLY_NONE); /* behind the last */
	assert_int_equal(
		ndp_receive(&receiver, &pulls, true, 7, false, 0).reply, NDP_REPLY_NONE); /* was the last */
	assert_int_equal(ndp_receive(&receiver, &pulls, true, UINT32_MAX, false, 0).reply, NDP_REPLY_NONE);
	assert_int_equal(receiver.received, 2);
}

/* ---- both ends */

struct letter {
	enum { TO_RECEIVER, ACK, NACK, PULL, BOUNCED } kind;
	uint32_t sequence, pull;
	bool whole;
	uint64_t at;
};

struct line {
	struct letter letters[4096];
	int count;
};

static void put(struct line *line, struct letter letter)
{
	assert_true(line->count < 4096);
	line->letters[line->count++] = letter;
}

/* The earliest letter, taken out. */
static struct letter take(struct line *line)
{
	int first = 0;

	for (int i = 1; i < line->count; i++)
		if (line->letters[i].at < line->letters[first].at)
			first = i;
	struct letter letter = line->letters[first];
	line->letters[first] = line->letters[--line->count];
	return letter;
}

/* A flow over a network that trims, bounces, loses, repeats and reorders with chances of its own: all of it arrives, once, and the
 * sender knows. */
static void flow_over_chaos(uint64_t seed)
{
	struct dice dice = {seed, 0};
	uint32_t total = 1 + below(&dice, 300), window = 1 + below(&dice, 30), delivered = 0, sequence,
		 completions = 0;
	uint32_t trims = below(&dice, 60), bounce = below(&dice, 20), loses = below(&dice, 20),
		 repeats = below(&dice, 20);
	struct ndp_slot slots[64] = {0};
	uint64_t sent[64], bits[2] = {0}, now = 0, rto = 5000;
	struct ndp_sender sender;
	struct ndp_receiver receiver;
	struct ndp_pulls pulls;
	struct line *line = calloc(1, sizeof *line);
	bool again;

	ndp_sender_init(&sender, total, window, slots, sent, 64);
	ndp_receiver_init(&receiver, bits, 128, false);
	ndp_pulls_init(&pulls, 70, NDP_PATIENCE);
	uint32_t may = ndp_sender_start(&sender, now);
	for (int steps = 0; !ndp_sender_done(&sender); steps++) {
		assert_true(steps < 400000);
		while (may-- > 0 && ndp_sender_next(&sender, now, &sequence, &again)) {
			struct letter letter = {TO_RECEIVER, sequence, 0, below(&dice, 100) >= trims,
				now + 50 + below(&dice, 400)};
			if (!letter.whole && below(&dice, 100) < bounce)
				letter.kind = BOUNCED;
			if (below(&dice, 100) >= loses)
				put(line, letter);
			if (below(&dice, 100) < repeats)
				put(line, letter);
		}
		may = 0;
		uint64_t due = ndp_pulls_due(&pulls), timer = ndp_sender_due(&sender, rto),
			 letter_at = NDP_NEVER;
		for (int i = 0; i < line->count; i++)
			letter_at = line->letters[i].at < letter_at ? line->letters[i].at : letter_at;
		assert_true(due != NDP_NEVER || timer != NDP_NEVER ||
			    letter_at != NDP_NEVER); /* it never stands still */
		struct letter reply = {.kind = TO_RECEIVER};
		if (letter_at <= due && letter_at <= timer) {
			struct letter letter = take(line);
			now = letter.at;
			if (letter.kind == TO_RECEIVER) {
				struct ndp_answer answer = ndp_receive(&receiver, &pulls, letter.whole,
					letter.sequence, letter.sequence == total - 1, now);
				assert_int_not_equal(answer.reply, NDP_REPLY_NONE);
				delivered += answer.fresh;
				completions += answer.complete;
				reply = (struct letter){answer.reply == NDP_REPLY_ACK ? ACK : NACK,
					letter.sequence, answer.pull, false, now + 50 + below(&dice, 400)};
			} else {
				may = letter.kind == ACK    ? ndp_sender_ack(&sender, letter.sequence, now)
				      : letter.kind == NACK ? ndp_sender_nack(&sender, letter.sequence, now)
				      : letter.kind == BOUNCED
					      ? ndp_sender_bounced(&sender, letter.sequence, now)
					      : 0;
				if (letter.pull)
					may += ndp_sender_pull(&sender, letter.pull, now);
			}
		} else if (due <= timer) {
			now = due;
			reply = (struct letter){PULL, 0, ndp_pulls_take(&pulls, now)->sent, false,
				now + 50 + below(&dice, 400)};
		} else {
			now = timer > now ? timer : now;
			may = ndp_sender_timeout(&sender, rto, now);
		}
		if (reply.kind != TO_RECEIVER && below(&dice, 100) >= loses)
			put(line, reply);
	}
	assert_int_equal(delivered, total);
	assert_int_equal(completions, 1);
	assert_int_equal(sender.counters.strange, 0);
	free(line);
}

static void all_arrives(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 600; seed++)
		flow_over_chaos(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_path_in_turn),
		cmocka_unit_test(other_sprays),
		cmocka_unit_test(bad_path),
		cmocka_unit_test(all_paths_bad),
		cmocka_unit_test(pulls_as_the_model),
		cmocka_unit_test(order_overflows),
		cmocka_unit_test(first_window),
		cmocka_unit_test(bounces),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(out_of_slots),
		cmocka_unit_test(receives_as_the_model),
		cmocka_unit_test(strange_packets),
		cmocka_unit_test(all_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
