/* Air that links share, without any network: who sends when, to the nanosecond; a radio that switches
 * channels; and the words that describe them. */
#include "lib/base/draw.h"
#include "nodes/link/settings.h"
#include "tests/unit/link/link_model.h"
#include <stdlib.h>
#include <string.h>

#define FRAME 1514

static struct shape on_air(uint64_t phy_rate_bps, int64_t overhead_ns, uint32_t channel)
{
	return (struct shape){.medium = {.name = "wifi",
				      .phy_rate_bps = phy_rate_bps,
				      .overhead_ns = overhead_ns,
				      .channel = channel}};
}

static struct shape by_radio(uint32_t channel, int64_t switching_ns, int64_t dwell_ns, int64_t idle_ns)
{
	struct shape shape = on_air(8000000, 0, channel); /* a byte takes a microsecond */
	strcpy(shape.medium.radio, "phone");
	shape.medium.switching_ns = switching_ns;
	shape.medium.dwell_ns = dwell_ns;
	shape.medium.idle_ns = idle_ns;
	return shape;
}

static struct model *join(struct medium **list, struct shape shape)
{
	struct model *m = model_new(&shape, 0, NULL);
	assert_non_null(m);
	assert_int_equal(model_set_medium(m, medium_get(list, shape.medium.name)), 0);
	return m;
}

static void offer(struct model *m, int64_t at, uint32_t bytes)
{
	assert_int_equal(model_offer(m, at, bytes, false, NULL), MODEL_QUEUED);
}

/* The next departure of a direction, whenever that is. */
static int64_t departs(struct model *m)
{
	struct model_packet packet;
	int64_t next;
	for (int i = 0; i < 1000; i++) {
		next = model_next(m);
		assert_true(next != MODEL_NEVER);
		if (!model_take(m, next, &packet))
			continue;
		assert_int_equal(packet.end, MODEL_LEAVES);
		assert_int_equal(packet.departure_ns, next);
		return next;
	}
	fail_msg("it never departs");
	return 0;
}

static void air_time_is_exact(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct shape shape = on_air(54000000, 100 * US, 1);
	shape.delay_ns = 2 * MS;
	struct model *m = join(&list, shape);
	offer(m, 5000, FRAME);
	offer(m, 5000, 60);
	/* 12112 bits at 54 Mbit/s are 224296.3 ns, 480 are 8888.9 ns: rounded up. */
	assert_int_equal(departs(m), 5000 + 100000 + 224297 + 2 * MS);
	assert_int_equal(departs(m), 5000 + 100000 + 224297 + 100000 + 8889 + 2 * MS);
	const struct station *s = model_station(m);
	assert_int_equal(s->packets, 2);
	assert_int_equal(s->waits, 0); /* for its own packets it does not wait: nobody else was in the way */
	assert_int_equal(s->air_ns, 200000 + 224297 + 8889);
	assert_int_equal(s->channel->busy_ns, s->air_ns);
	/* The radio moved away: less of a rate from the next packet on. */
	shape.medium.phy_rate_bps = 6000000;
	assert_int_equal(model_change(m, &shape, NULL), 0);
	offer(m, 100 * MS, 60);
	assert_int_equal(departs(m), 100 * MS + 100000 + 80000 + 2 * MS);
	medium_forget(list);
	assert_int_equal(s->packets + (uint64_t)s->air_ns + (uint64_t)s->channel->busy_ns, 0);
	model_free(m);
	medium_free(&list);
}

/* Two that always have something to send alternate, and the slow one takes the time of the fast one. */
static void stations_alternate(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *fast = join(&list, on_air(48000000, 100 * US, 1)),
		     *slow = join(&list, on_air(1000000, 200 * US, 1));
	for (int i = 0; i < 100; i++) {
		offer(fast, 0, 1200); /* 100 + 200 us */
		offer(slow, 0, 1200); /* 200 + 9600 us */
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(departs(fast), i * 10100 * US + 300 * US);
		assert_int_equal(departs(slow), (i + 1) * 10100 * US);
	}
	assert_int_equal(model_next(fast), MODEL_NEVER);
	assert_int_equal(model_station(fast)->waits, 99);
	assert_int_equal(model_station(fast)->waited_ns, 99 * 9800 * US);
	assert_int_equal(model_station(fast)->longest_wait_ns, 9800 * US);
	assert_int_equal(model_station(slow)->waits, 100);
	assert_int_equal(model_station(slow)->longest_wait_ns, 300 * US);
	model_free(fast);
	model_free(slow);
	medium_free(&list);
}

/* Who has waited longest is next, and not who was there first. */
static void the_longest_wait_is_next(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *a = join(&list, on_air(8000000, 0, 1)), *b = join(&list, on_air(8000000, 0, 1)),
		     *c = join(&list, on_air(8000000, 0, 1));
	offer(b, 0, 1000);
	offer(c, 100 * US, 1000);
	offer(a, 200 * US, 1000);
	offer(b, 300 * US, 1000);
	assert_int_equal(departs(c), 2000 * US);
	assert_int_equal(departs(b), 1000 * US);
	assert_int_equal(departs(a), 3000 * US);
	assert_int_equal(departs(b), 4000 * US);
	model_free(a);
	model_free(b);
	model_free(c);
	medium_free(&list);
}

static void channels_and_media_are_apart(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct shape elsewhere = on_air(8000000, 0, 1);
	strcpy(elsewhere.medium.name, "next-door");
	struct model *a = join(&list, on_air(8000000, 0, 1)), *b = join(&list, on_air(8000000, 0, 6)),
		     *c = join(&list, elsewhere);
	offer(a, 0, 1000);
	offer(b, 0, 1000);
	offer(c, 0, 1000);
	assert_int_equal(departs(a), 1000 * US);
	assert_int_equal(departs(b), 1000 * US);
	assert_int_equal(departs(c), 1000 * US);
	model_free(a);
	model_free(b);
	model_free(c);
	medium_free(&list);
}

/* Nothing to do on its first channel: it leaves after `idle`, and is on the next after `switching`. */
static void a_radio_leaves_an_idle_channel(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *a = join(&list, by_radio(1, 3 * MS, 100 * MS, 10 * MS)),
		     *b = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	offer(b, 0, 1000);
	assert_int_equal(departs(b), 14 * MS);
	/* It stays for 10 ms after that packet: another one finds it there, */
	offer(b, 23 * MS, 1000);
	assert_int_equal(departs(b), 24 * MS);
	/* but at 34 ms it has gone: channel 1 from 37 to 47, channel 6 again from 50. */
	offer(b, 34 * MS, 1000);
	assert_int_equal(departs(b), 51 * MS);
	/* An hour later: rounds of 26 ms go on all the time, from 61 + 3 ms on at channel 1. */
	int64_t hour = 3600000 * MS, into = (hour - 64 * MS) % (26 * MS),
		expected = hour - into + (into < 23 * MS ? 13 : 39) * MS;
	if (into >= 13 * MS && into < 23 * MS)
		expected = hour;
	offer(b, hour, 1000);
	assert_int_equal(departs(b), expected + MS);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

/* With enough for both it takes turns of `dwell`, and finishes what it sends. */
static void a_radio_takes_turns(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *a = join(&list, by_radio(1, 3 * MS, 100 * MS, 10 * MS)),
		     *b = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	for (int i = 0; i < 200; i++) {
		offer(a, 0, 1500);
		offer(b, 0, 1500);
	}
	/* 67 packets of 1.5 ms until 100.5 ms, then the other channel from 103.5 ms, */
	for (int i = 0; i < 67; i++)
		assert_int_equal(departs(a), (i + 1) * 1500 * US);
	for (int i = 0; i < 67; i++)
		assert_int_equal(departs(b), 103500 * US + (i + 1) * 1500 * US);
	/* and back at 207 ms. */
	assert_int_equal(departs(a), 207 * MS + 1500 * US);
	assert_int_equal(model_station(a)->radio->switches, 2);
	assert_int_equal(model_station(b)->longest_wait_ns, 103500 * US);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

/* Without `idle` it stays for all of `dwell`; one whose links are all on one channel never goes. */
static void a_radio_may_stay(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *a = join(&list, by_radio(1, 3 * MS, 100 * MS, 0)),
		     *b = join(&list, by_radio(6, 3 * MS, 100 * MS, 0));
	offer(b, 0, 1000);
	assert_int_equal(departs(b), 104 * MS);
	model_free(a);
	model_free(b);
	medium_free(&list);
	a = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	b = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	offer(b, 0, 1000);
	assert_int_equal(departs(b), MS);
	offer(a, 5000 * MS, 1000);
	assert_int_equal(departs(a), 5001 * MS);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

static int moves;
static uint32_t channels_seen[16];

static void moved(void *context, const struct medium *medium, const struct medium_radio *radio, int64_t at_ns)
{
	(void)medium;
	(void)at_ns;
	assert_ptr_equal(context, &moves);
	assert_true(moves < 16);
	channels_seen[moves++] = radio->worked_on;
}

static void moves_are_told(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *a = join(&list, by_radio(1, 3 * MS, 100 * MS, 10 * MS)),
		     *b = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	moves = 0;
	list->moved = moved;
	list->context = &moves;
	offer(a, 0, 1000);
	offer(a, 0, 1000);
	offer(b, 0, 1000);
	departs(a);
	departs(b);
	/* An hour of empty rounds is no news. */
	offer(b, 3600000 * MS, 1000);
	departs(b);
	assert_int_equal(moves, 2);
	assert_int_equal(channels_seen[0], 1);
	assert_int_equal(channels_seen[1], 6);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

/* ---- what holds for any load */

#define STATIONS 4 /* two bits of a draw */
#define OFFERS 2000

struct sent {
	int64_t asked, start, end;
	int station;
};

static int by_start(const void *a, const void *b)
{
	const struct sent *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Random offers to four stations: two with radios of their own on channels 1 and 6, two that share one.
 * `lazily`: what departs is looked at once, at the end. Returns how many were sent. */
static size_t any_load(bool lazily, struct sent sent[OFFERS])
{
	struct medium *list = NULL;
	struct model *m[STATIONS] = {join(&list, on_air(8000000, 0, 1)), join(&list, on_air(8000000, 0, 6)),
		join(&list, by_radio(1, MS, 20 * MS, 4 * MS)), join(&list, by_radio(6, MS, 20 * MS, 4 * MS))};
	static int64_t arrivals[STATIONS][OFFERS];
	size_t offered[STATIONS] = {0}, taken[STATIONS] = {0}, count = 0;
	int64_t last[STATIONS] = {0};
	uint64_t random = 1;
	int64_t now = 0;
	struct model_packet packet;
	for (int i = 0; i <= OFFERS; i++) {
		uint64_t drawn = draw_next(&random);
		/* Spells of load and of none. */
		now += (int64_t)(drawn >> 33) % (i / 100 % 2 ? 3 * MS : 500 * US);
		int station = (int)(drawn >> 20 & 3);
		if (i == OFFERS)
			now += 100000 * MS;
		for (int k = 0; k < STATIONS && (!lazily || i == OFFERS); k++)
			while (model_take(m[k], now, &packet)) {
				int64_t arrived = arrivals[k][taken[k]++],
					start = packet.departure_ns - packet.bytes * US;
				sent[count++] = (struct sent){
					arrived > last[k] ? arrived : last[k], start, packet.departure_ns, k};
				last[k] = packet.departure_ns;
			}
		if (i == OFFERS)
			break;
		arrivals[station][offered[station]++] = now;
		offer(m[station], now, 60 + (uint32_t)(drawn >> 40) % 1400);
	}
	for (int k = 0; k < STATIONS; k++)
		model_free(m[k]);
	medium_free(&list);
	return count;
}

static int channel(const struct sent *s)
{
	return s->station % 2;
}

static void nobody_talks_over_others(void **state)
{
	(void)state;
	static struct sent sent[OFFERS], again[OFFERS];
	assert_int_equal(any_load(false, sent), OFFERS);
	assert_int_equal(any_load(true, again), OFFERS);
	qsort(sent, OFFERS, sizeof *sent, by_start);
	qsort(again, OFFERS, sizeof *again, by_start);
	assert_memory_equal(sent, again, sizeof sent);
	int64_t free_ns[2] = {0, 0};
	const struct sent *visit = NULL, *before = NULL; /* of the shared radio */
	int changes = 0;
	for (int i = 0; i < OFFERS; i++) {
		const struct sent *s = &sent[i];
		bool shared = s->station >= 2;
		assert_true(s->start >= s->asked && s->start >= free_ns[channel(s)]);
		/* Who has a radio of its own never waits but for the channel. */
		if (!shared)
			assert_int_equal(
				s->start, s->asked > free_ns[channel(s)] ? s->asked : free_ns[channel(s)]);
		free_ns[channel(s)] = s->end;
		if (!shared)
			continue;
		if (before && channel(before) != channel(s)) {
			assert_true(s->start >= before->end + MS);
			visit = NULL;
			changes++;
		}
		if (before && s->start - before->end >= 4 * MS)
			visit = NULL;
		visit = visit ? visit : s;
		assert_true(s->start < visit->start + 20 * MS);
		before = s;
	}
	assert_true(changes > 100);
}

/* ---- with the queue's disciplines */

static void queues_of_a_medium(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct shape short_one = on_air(8000000, 0, 1);
	short_one.queue = QUEUE_DROP_HEAD;
	short_one.queue_packets = 2; /* one in the air, one that waits */
	struct model *a = join(&list, short_one), *b = join(&list, on_air(8000000, 0, 1));
	struct model_packet packet;
	offer(a, 0, 1000);
	offer(b, 0, 5000);
	offer(a, 0, 1001);
	offer(a, 10 * US, 1002); /* its predecessor is dropped and it asks in its place */
	assert_true(model_take(a, 10 * US, &packet));
	assert_int_equal(packet.end, MODEL_DROPPED_HEAD);
	assert_int_equal(packet.bytes, 1001);
	assert_int_equal(departs(a), 1000 * US);
	assert_int_equal(departs(a), 7002 * US);
	assert_int_equal(departs(b), 6000 * US);
	model_free(a);
	/* With room for one alone, nothing may wait and nothing is asked for. */
	short_one.queue_packets = 1;
	a = join(&list, short_one);
	offer(a, 10 * MS, 1000);
	assert_int_equal(model_offer(a, 10 * MS, 1000, false, NULL), MODEL_OVERFLOW);
	assert_int_equal(departs(a), 11 * MS);
	assert_int_equal(model_next(a), MODEL_NEVER);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

static void codel_sees_the_wait_for_the_medium(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct shape patient = on_air(8000000, 0, 1);
	patient.queue = QUEUE_CODEL;
	patient.codel_target_ns = 5 * MS;
	patient.codel_interval_ns = 100 * MS;
	struct model *a = join(&list, patient), *b = join(&list, on_air(8000000, 0, 1));
	int dropped = 0, left = 0;
	struct model_packet packet;
	/* Alone it would send twice what it is offered. */
	for (int i = 0; i < 300; i++) {
		offer(b, i * 2 * MS, 1500);
		offer(a, i * 2 * MS, 1000);
		while (model_take(a, i * 2 * MS, &packet))
			packet.end == MODEL_LEAVES ? left++ : dropped++;
	}
	assert_true(dropped > 3 && left > 200);
	assert_int_equal(model_station(a)->packets, left);
	model_free(a);
	model_free(b);
	medium_free(&list);
}

/* ---- words */

static char *refusal(const char *text)
{
	char *error = NULL;
	struct settings *settings = settings_parse("link.yaml", text, strlen(text), &error);
	assert_null(settings);
	assert_non_null(error);
	return error;
}

#define LINK(name, words)                                                                                    \
	"  - name: " name "\n    ends: [{interface: " name "0}, {interface: " name "1}]\n    " words "\n"

static void words_of_a_medium(void **state)
{
	(void)state;
	const char *text = "links:\n" LINK("a",
		"medium: {name: wifi, phy_rate: 54Mbit/s, overhead: 150us, channel: 6, radio: phone}\n    reverse: {medium: {phy_rate: 11Mbit/s}}");
	struct settings *settings = settings_parse("link.yaml", text, strlen(text), NULL);
	assert_non_null(settings);
	const struct shape *f = &settings->links[0].direction[0], *r = &settings->links[0].direction[1];
	assert_string_equal(f->medium.name, "wifi");
	assert_int_equal(f->medium.phy_rate_bps, 54000000);
	assert_int_equal(r->medium.phy_rate_bps, 11000000);
	assert_int_equal(r->medium.overhead_ns, 150 * US);
	assert_int_equal(r->medium.channel, 6);
	assert_string_equal(r->medium.radio, "phone");
	assert_int_equal(r->medium.switching_ns, 3 * MS);
	assert_int_equal(r->medium.dwell_ns, 100 * MS);
	assert_int_equal(r->medium.idle_ns, 10 * MS);
	/* Written and read again, it is the same. */
	char *written = shape_text(r);
	struct shape again = {0};
	struct conf *conf = conf_parse("again", written, strlen(written), NULL);
	assert_int_equal(shape_read(conf_root(conf), &again, NULL), 0);
	assert_true(shape_equal(r, &again));
	assert_false(shape_equal(f, &again));
	assert_true(shape_same_place(f, &again));
	const char *what;
	assert_false(shape_is_plain(r, &what));
	assert_string_equal(what, "a shared medium");
	conf_free(conf);
	free(written);
	settings_free(settings);
}

/* The longest shape there is, which the harness sends in one line of the `shape` command: 63 words with the
 * link's name and the direction, less than 4096 bytes. */
static void the_longest_shape_fits_a_command(void **state)
{
	(void)state;
	struct shape shape = by_radio(6, 3 * MS, 100 * MS, 10 * MS), again = {0};
	shape.delay_ns = shape.jitter_ns = 59999999999;
	shape.jitter = JITTER_PARETO;
	shape.loss_model = LOSS_GILBERT_ELLIOTT;
	shape.to_bad = shape.to_good = shape.loss_good = shape.loss_bad = 1 / 3.0;
	shape.duplicate = shape.corrupt = shape.reorder = 1 / 3.0;
	shape.queue = QUEUE_CODEL;
	shape.queue_packets = shape.ecn_packets = 1000000;
	shape.queue_bytes = 1ULL << 32;
	shape.codel_target_ns = shape.codel_interval_ns = 999999999;
	shape.seed = INT64_MAX;
	char *text = shape_text(&shape), *words[80], *error = NULL;
	int count = 0;
	assert_true(strlen(text) < 4000);
	for (char *rest = NULL, *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	assert_in_range(count, 40, 61);
	if (settings_shape(&again, count, words, &error) < 0)
		fail_msg("%s", error);
	assert_true(shape_equal(&shape, &again));
	free(text);
}

static void bad_words_of_a_medium(void **state)
{
	(void)state;
	static const struct {
		const char *text, *begins;
	} bad[] = {
		{LINK("a", "medium: wifi"), "link.yaml:4: "},
		{LINK("a", "medium: {phy_rate: 54Mbit/s}"), "link.yaml:4: a medium has a name"},
		{LINK("a", "medium: {name: wifi}"), "link.yaml:4: a medium has a name and a phy_rate"},
		{LINK("a", "medium: {name: 'wi fi', phy_rate: 1Mbit/s}"),
			"link.yaml:4: `wi fi` cannot be a name"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s, channel: 0}"),
			"link.yaml:4: `channel: 0`"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s, dwell: 1s}"),
			"link.yaml:4: `dwell` is that of a radio"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s, power: 1}"),
			"link.yaml:4: unknown key `power`"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s}\n    rate: 1Mbit/s"),
			"link.yaml:4: what is on a medium"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s}\n    cellular: lte"),
			"link.yaml:4: what is on a medium"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s}\n    reverse: {medium: {channel: 2}}"),
			"link.yaml:2: its directions are in two places"},
		{LINK("a", "forward: {cellular: lte}"),
			"link.yaml:2: only one of its directions is cellular"},
		{LINK("a", "cellular: lte\n    reverse: {cellular: \"\"}"),
			"link.yaml:2: only one of its directions is cellular"},
		{LINK("a", "cellular: lte\n    reverse: {cellular: 3g}"),
			"link.yaml:2: its directions name two radios"},
		{LINK("a", "medium: {name: wifi, phy_rate: 1Mbit/s, radio: r}")
				LINK("b", "medium: {name: wifi, phy_rate: 1Mbit/s, radio: r, dwell: 50ms}"),
			"link.yaml:5: radio r of medium wifi"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[1024];
		snprintf(text, sizeof text, "links:\n%s", bad[i].text);
		char *error = refusal(text);
		if (strncmp(error, bad[i].begins, strlen(bad[i].begins)) != 0)
			fail_msg("`%s` instead of `%s`", error, bad[i].begins);
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(air_time_is_exact),
		cmocka_unit_test(stations_alternate),
		cmocka_unit_test(the_longest_wait_is_next),
		cmocka_unit_test(channels_and_media_are_apart),
		cmocka_unit_test(a_radio_leaves_an_idle_channel),
		cmocka_unit_test(a_radio_takes_turns),
		cmocka_unit_test(a_radio_may_stay),
		cmocka_unit_test(moves_are_told),
		cmocka_unit_test(nobody_talks_over_others),
		cmocka_unit_test(queues_of_a_medium),
		cmocka_unit_test(codel_sees_the_wait_for_the_medium),
		cmocka_unit_test(words_of_a_medium),
		cmocka_unit_test(the_longest_shape_fits_a_command),
		cmocka_unit_test(bad_words_of_a_medium),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
