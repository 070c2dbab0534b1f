/* What a medium does besides sharing its air: tries that fail, access points that buffer for a radio that is away, and that come late when it is
 * back; and that a medium without any of it is what it was. */
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

static struct shape attempts(struct shape shape, double success, uint32_t tries, int64_t backoff_ns)
{
	shape.medium.success = success;
	shape.medium.tries = tries;
	shape.medium.backoff_ns = backoff_ns;
	return shape;
}

static struct shape access_point(struct shape shape, int64_t stale_ns)
{
	shape.medium.access_point = true;
	shape.medium.stale_ns = stale_ns;
	return shape;
}

static struct shape dynamic(struct shape shape)
{
	shape.medium.policy = VISITS_DYNAMIC;
	shape.medium.dwell_step_ns = 100 * MS;
	shape.medium.dwell_most_ns = 500 * MS;
	shape.medium.boost_above_bps = 15000000;
	shape.medium.idle_factor = 4;
	shape.medium.flush_ns = 5 * MS;
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

/* The next packet that the model gives back, whenever that is. */
static struct model_packet next_of(struct model *m)
{
	struct model_packet packet;

	for (int i = 0; i < 10000; i++) {
		int64_t next = model_next(m);
		assert_true(next != MODEL_NEVER);
		if (model_take(m, next, &packet))
			return packet;
	}
	fail_msg("it never departs");
	return packet;
}

/* ---- tries that fail */

static void a_packet_is_lost_after_its_last_try(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *weak = join(&list, attempts(on_air(8000000, 0, 1), 1e-15, 3, 100 * US)),
		     *other = join(&list, on_air(8000000, 0, 1));
	offer(weak, 0, 1000);
	offer(other, 0, 500);
	/* Tries from 0; from 1500 us, a back-off and the other's packet later; and from 2800 us, three back-offs later. */
	struct model_packet sent = next_of(other), lost = next_of(weak);
	assert_int_equal(sent.departure_ns, 1500 * US);
	assert_int_equal(lost.end, MODEL_LOST_IN_AIR);
	assert_int_equal(lost.departure_ns, 3800 * US);
	const struct station *s = model_station(weak);
	assert_int_equal(s->failed, 3);
	assert_int_equal(s->lost, 1);
	assert_int_equal(s->packets, 0);
	assert_int_equal(s->air_ns, 3000 * US);
	assert_int_equal(s->channel->busy_ns, 3500 * US);
	assert_int_equal(model_next(weak), MODEL_NEVER);
	medium_forget(list);
	assert_int_equal(s->failed + s->lost, 0);
	model_free(weak);
	model_free(other);
	medium_free(&list);
}

/* 20,000 packets at 40 %: lost are 0.6^7 of them; tries are (1 - 0.6^7) / 0.4 each. Four standard deviations. */
static void tries_fail_as_often_as_they_should(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *m = join(&list, attempts(on_air(8000000, 0, 1), 0.4, 7, 0));
	struct model_packet packet;
	for (int i = 0; i < 20000; i++) {
		offer(m, i * 100 * MS, 1000);
		packet = next_of(m);
		assert_int_equal((packet.departure_ns - i * 100 * MS) % MS, 0);
	}
	const struct station *s = model_station(m);
	assert_int_equal(s->packets + s->lost, 20000);
	assert_in_range(s->lost, 560 - 4 * 24, 560 + 4 * 24);
	assert_in_range(s->failed + s->packets, 48600 - 4 * 250, 48600 + 4 * 250);
	model_free(m);
	medium_free(&list);
}

/* The same seed fails the same tries; another seed others. */
static void tries_are_drawn_by_the_seed(void **state)
{
	(void)state;
	int64_t ends[3];
	for (int k = 0; k < 3; k++) {
		struct medium *list = NULL;
		struct shape shape = attempts(on_air(8000000, 0, 1), 0.5, 7, 68 * US);
		shape.seed = k == 2 ? 2 : 1;
		struct model *m = join(&list, shape);
		for (int i = 0; i < 100; i++)
			offer(m, 0, 1000);
		for (int i = 0; i < 100; i++)
			ends[k] = next_of(m).departure_ns;
		model_free(m);
		medium_free(&list);
	}
	assert_int_equal(ends[0], ends[1]);
	assert_int_not_equal(ends[0], ends[2]);
}

static void tries_are_no_activity(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *weak = join(&list, attempts(by_radio(1, 3 * MS, 100 * MS, 10 * MS), 1e-15, 32, 0)),
		     *other = join(&list, by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	offer(weak, 0, 3000); /* tries of 3 ms from 0 on: the fourth ends at 12 */
	offer(other, 0, 1000);
	assert_int_equal(next_of(other).departure_ns, 16 * MS);
	assert_int_equal(model_station(weak)->failed, 4);
	assert_int_equal(model_station(weak)->radio->visits.ended[VISITS_IDLE], 1);
	/* Its tries go on when the radio is back: three more, from 28 ms on; then the radio leaves again. */
	assert_int_equal(next_of(weak).end, MODEL_LOST_IN_AIR);
	assert_int_equal(model_station(weak)->failed, 32);
	assert_int_equal(model_station(weak)->radio->visits.ended[VISITS_WHOLE], 0);
	model_free(weak);
	model_free(other);
	medium_free(&list);
}

/* ---- access points */

static void an_access_point_that_was_left_comes_late(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *ap = join(&list, access_point(by_radio(1, 3 * MS, 20 * MS, 10 * MS), 8 * MS)),
		     *other = join(&list, by_radio(6, 3 * MS, 20 * MS, 10 * MS));
	int64_t least = INT64_MAX, most = 0, sum = 0, before = 0;
	int returns = 0;
	for (int i = 0; i < 4000; i++)
		offer(ap, 0, 1000);
	for (int i = 0; i < 4000; i++) {
		int64_t start = next_of(ap).departure_ns - MS, late = start - before - 16 * MS;
		before = start + MS;
		/* It sent until the end of a visit. Away for 3 + 10 + 3 ms, then late. */
		if (late < 0)
			continue;
		least = late < least ? late : least;
		most = late > most ? late : most;
		sum += late;
		returns++;
	}
	assert_in_range(returns, 200, 300);
	/* Visits end within a packet of T: late is drawn from 0 to 8 ms. */
	assert_true(least < 300 * US && most < 8 * MS && most > 7700 * US);
	assert_in_range(sum / returns, 3600 * US, 4400 * US);
	/* Nothing was left there before a packet that came while the radio was away: it is sent at once. */
	offer(ap, before + 1000 * MS, 1000);
	int64_t first = next_of(ap).departure_ns, again = first + 1000 * MS;
	offer(ap, again, 1000);
	assert_in_range(next_of(ap).departure_ns - again, MS, 17 * MS);
	model_free(ap);
	model_free(other);
	medium_free(&list);
}

/* Late beyond Tw: the radio has gone again, as often as it takes. What is late is late by a new draw each time. */
static void a_short_tw_misses_a_late_access_point(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct model *ap = join(&list, access_point(by_radio(1, 3 * MS, 100 * MS, MS), 10 * MS)),
		     *other = join(&list, by_radio(6, 3 * MS, 100 * MS, MS));
	struct model_packet packet;
	for (int i = 0; i < 40000; i++)
		offer(ap, 0, 500);
	int sent = 0;
	while (model_next(ap) <= 20000 * MS)
		sent += model_take(ap, model_next(ap), &packet);
	/* One visit in ten meets it and lasts for 100 ms, nine take 4 ms, and so do all on the other channel: about 100 of 179 ms. */
	assert_in_range(sent, 40000 * 50 / 100, 40000 * 62 / 100);
	model_free(ap);
	model_free(other);
	medium_free(&list);
}

/* Two whole visits, one after the other: what the access point has buffered may still pass, the client stops. */
static void what_was_buffered_is_waited_for(void **state)
{
	(void)state;
	struct medium *list = NULL;
	struct shape one = dynamic(by_radio(1, 3 * MS, 100 * MS, 10 * MS)),
		     two = dynamic(by_radio(6, 3 * MS, 100 * MS, 10 * MS));
	struct model *up = join(&list, one), *down = join(&list, access_point(one, 10 * MS)),
		     *other = join(&list, access_point(two, 10 * MS));
	for (int i = 0; i < 105; i++)
		offer(other, 0, 1000); /* five more than fit */
	for (int i = 0; i < 100; i++)
		offer(down, 0, 1000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(next_of(down).departure_ns, (i + 1) * MS);
	for (int i = 0; i < 105; i++)
		assert_int_equal(next_of(other).departure_ns, (103 + i + 1) * MS);
	const struct visits *v = &model_station(other)->radio->visits;
	assert_int_equal(v->at, 1);
	assert_int_equal(visits_end(v), (103 + 105 + 5) * MS);
	/* Back on channel 1 at 216 ms. */
	offer(up, 210 * MS, 1000);
	assert_int_equal(next_of(up).departure_ns, 217 * MS);
	model_free(up);
	model_free(down);
	model_free(other);
	medium_free(&list);
}

/* ---- what holds for any load, and a medium without any of it */

struct load {
	uint64_t seed;
	bool lazily; /* what departs is looked at once, at the end */
};

#define LOAD_STATIONS 4
#define LOAD_OFFERS 3000

/* A hash, per station, of what left and when. */
static void any_load(struct load load, uint64_t hash[LOAD_STATIONS])
{
	struct medium *list = NULL;
	struct model *m[LOAD_STATIONS];
	uint64_t random = load.seed;
	int64_t now = 0;
	struct model_packet packet;
	for (uint32_t k = 0; k < LOAD_STATIONS; k++) {
		struct shape shape =
			by_radio(1 + k / 2 * 5, 3 * MS, 30 * MS, (int64_t)(1 + load.seed % 9) * MS);
		shape.seed = load.seed * 8 + k;
		if (load.seed % 2)
			shape = dynamic(shape);
		if (k % 2)
			shape = access_point(shape, 10 * MS);
		m[k] = join(&list, attempts(shape, 0.2 + 0.8 * draw_uniform(&random), 7, 68 * US));
		hash[k] = 1;
	}
	for (int i = 0; i <= LOAD_OFFERS; i++) {
		uint64_t drawn = draw_next(&random);
		now += i == LOAD_OFFERS ? 1000000 * MS
					: (int64_t)(drawn >> 33) % (i / 100 % 2 ? 30 * MS : MS);
		for (uint32_t k = 0; k < LOAD_STATIONS && (!load.lazily || i == LOAD_OFFERS); k++)
			while (model_take(m[k], now, &packet))
				hash[k] = hash[k] * 0x100000001b3ULL + (uint64_t)packet.departure_ns +
					  packet.end;
		if (i < LOAD_OFFERS)
			offer(m[drawn >> 20 & 3], now, 60 + (uint32_t)(drawn >> 40) % 1400);
	}
	uint64_t passed = 0;
	for (uint32_t k = 0; k < LOAD_STATIONS; k++)
		passed += model_station(m[k])->packets + model_station(m[k])->lost;
	assert_int_equal(passed, LOAD_OFFERS);
	for (uint32_t k = 0; k < LOAD_STATIONS; k++)
		model_free(m[k]);
	medium_free(&list);
}

static void it_does_not_matter_when_it_is_looked_at(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		uint64_t hash[LOAD_STATIONS], again[LOAD_STATIONS];
		any_load((struct load){seed, false}, hash);
		any_load((struct load){seed, true}, again);
		assert_memory_equal(hash, again, sizeof hash);
	}
}

#define GOLDEN_STATIONS 6
#define GOLDEN_OFFERS 20000

/* Random offers to six stations: four share one radio on three channels, two have their own. Returns a hash of who left when. */
static uint64_t golden(uint64_t seed)
{
	struct medium *list = NULL;
	struct model *m[GOLDEN_STATIONS];
	uint64_t random = seed, hash = 0xcbf29ce484222325ULL;
	int64_t switching = (int64_t)draw_below(&random, 5) * MS,
		dwell = (int64_t)(5 + draw_below(&random, 100)) * MS,
		idle = (int64_t)draw_below(&random, 12) * MS, now = 0;
	struct model_packet packet;

	for (uint32_t k = 0; k < GOLDEN_STATIONS; k++)
		m[k] = join(&list, k < 4 ? by_radio(1 + k % 3 * 5, switching, dwell, idle)
					 : on_air(11000000 * k, 50 * US, 1 + k % 2 * 5));
	for (int i = 0; i <= GOLDEN_OFFERS; i++) {
		uint64_t drawn = draw_next(&random);
		now += (int64_t)(drawn >> 33) % (i / 500 % 3 == 2     ? 300 * MS
							: i / 500 % 3 ? 4 * MS
								      : 400 * US);
		if (i == GOLDEN_OFFERS)
			now += 100000 * MS;
		for (uint32_t k = 0; k < GOLDEN_STATIONS; k++)
			while (model_take(m[k], now, &packet)) {
				hash = (hash ^ (uint64_t)packet.departure_ns) * 0x100000001b3ULL;
				hash = (hash ^ k) * 0x100000001b3ULL;
			}
		if (i < GOLDEN_OFFERS)
			offer(m[drawn >> 20 & 3 ? drawn >> 24 & 3 : 4 + (drawn >> 24 & 1)], now,
				60 + (uint32_t)(drawn >> 40) % 1400);
	}
	for (uint32_t k = 0; k < GOLDEN_STATIONS; k++) {
		const struct station *s = model_station(m[k]);
		hash = (hash ^ (uint64_t)(s->waited_ns + s->longest_wait_ns + s->air_ns) ^ s->packets ^
			       s->waits << 32) *
		       0x100000001b3ULL;
		hash = (hash ^ (s->radio ? s->radio->switches : 0)) * 0x100000001b3ULL;
	}
	for (uint32_t k = 0; k < GOLDEN_STATIONS; k++)
		model_free(m[k]);
	medium_free(&list);
	return hash;
}

/* With the fixed policy, one try and no access point, packets leave as they did before there was anything else: hashes of commit c40a846. */
static void the_fixed_policy_is_what_it_was(void **state)
{
	(void)state;
	static const uint64_t was[] = {0x4d0bf1ddf292d6b4ULL, 0xdb2bd739441da050ULL, 0xeec617d842ab9b89ULL,
		0x7c94db833ba86544ULL, 0x9f1e0dc4042c1853ULL, 0x62128cdbe36e7467ULL, 0xd1364cfeb99d27eeULL,
		0x958c2d79f0daa4c8ULL, 0xfc1923d8c99fccecULL, 0xea79605beb33393fULL, 0xb4745b2d0e534f04ULL,
		0x628248f30420091cULL, 0x34814f9862302210ULL, 0xf7fcd3479147a81aULL, 0xb2958ecb78e0485fULL,
		0x90d21d1b70f5e7deULL, 0x55e11e5b87d999b6ULL, 0x1b4d3ee8019f6467ULL, 0x21777d50c39b2fe0ULL,
		0x9ef8ee4e00bfe137ULL, 0x1eb4c8159d675eb1ULL, 0x82da0c4e55b8fcfaULL, 0xd413f924b7e0e60aULL,
		0xd66dd618d78b82daULL, 0x25e6173c4adc6298ULL, 0x282859afd4b82eb3ULL, 0x579472aaafcfbd22ULL,
		0x632f5a06bc0d3147ULL, 0xcfbeaece9006fae9ULL, 0x27688f2af7038812ULL, 0x6cac0d814ad3b3a6ULL,
		0xe70837957990fe18ULL};
	for (uint64_t seed = 1; seed <= sizeof was / sizeof *was; seed++)
		assert_int_equal(golden(seed), was[seed - 1]);
}

/* ---- words */

#define LINK(name, words)                                                                                    \
	"  - name: " name "\n    ends: [{interface: " name "0}, {interface: " name "1}]\n    " words "\n"
#define AIR "medium: {name: wifi, phy_rate: 54Mbit/s"

static void words_go_round(void **state)
{
	(void)state;
	const char *text = "links:\n" LINK("a", AIR
		", radio: phone, policy: dynamic, idle_factor: 3.5, attempts: {success: 40%}}\n    reverse: {medium: {sender: access-point, stale: 10ms}}");
	char *error = NULL;
	struct settings *settings = settings_parse("link.yaml", text, strlen(text), &error);
	if (!settings)
		fail_msg("%s", error);
	const struct shape *r = &settings->links[0].direction[1];
	assert_int_equal(r->medium.policy, VISITS_DYNAMIC);
	assert_int_equal(r->medium.dwell_most_ns, 500 * MS);
	assert_int_equal(r->medium.dwell_step_ns, 100 * MS);
	assert_int_equal(r->medium.boost_above_bps, 15000000);
	assert_int_equal(r->medium.flush_ns, 5 * MS);
	assert_true(r->medium.idle_factor == 3.5 && r->medium.success == 0.4);
	assert_int_equal(r->medium.tries, 7);
	assert_int_equal(r->medium.backoff_ns, 68 * US);
	assert_true(r->medium.access_point && !settings->links[0].direction[0].medium.access_point);
	assert_false(shape_same_place(r, &settings->links[0].direction[0]));
	char *written = shape_text(r);
	struct shape again = {0};
	struct conf *conf = conf_parse("again", written, strlen(written), NULL);
	assert_int_equal(shape_read(conf_root(conf), &again, NULL), 0);
	assert_true(shape_equal(r, &again));
	/* Every word of it counts, and what may change while the link runs does not move it. */
	struct shape other = again;
	other.medium.success = 0.5;
	assert_true(shape_same_place(&again, &other) && !shape_equal(&again, &other));
	other = again;
	other.medium.idle_factor = 4;
	assert_false(shape_same_place(&again, &other));
	conf_free(conf);
	free(written);
	settings_free(settings);
}

/* A line of the `shape` command has at most 128 words, of less than 4096 bytes, the link's name and its direction included. */
static void the_longest_shape_fits_a_command(void **state)
{
	(void)state;
	struct shape shape = access_point(dynamic(by_radio(6, 3 * MS, 100 * MS, 10 * MS)), 9999999),
		     again = {0};
	shape = attempts(shape, 1 / 3.0, 32, 999999);
	shape.medium.idle_factor = 1000 / 3.0;
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
	char *text = shape_text(&shape), *words[200], *error = NULL;
	int count = 0;
	assert_true(strlen(text) < 4000);
	for (char *rest = NULL, *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	assert_in_range(count, 70, 120);
	if (settings_shape(&again, count, words, &error) < 0)
		fail_msg("%s", error);
	assert_true(shape_equal(&shape, &again));
	free(text);
}

static void bad_words(void **state)
{
	(void)state;
	static const struct {
		const char *text, *begins;
	} bad[] = {
		{LINK("a", AIR ", policy: dynamic}"), "link.yaml:4: `policy` is that of a radio"},
		{LINK("a", AIR ", radio: r, policy: clever}"), "link.yaml:4: `policy: clever`"},
		{LINK("a", AIR ", radio: r, policy: dynamic}"),
			"link.yaml:2: the dynamic policy counts what the access point sends"},
		{LINK("a", AIR ", radio: r, sender: access-point}"),
			"link.yaml:2: both of its directions are sent by an access point"},
		{LINK("a", AIR ", radio: r, idle_factor: 4}"),
			"link.yaml:4: `idle_factor` is that of the dynamic policy"},
		{LINK("a", AIR ", radio: r, policy: dynamic, idle_factor: 0.5}"),
			"link.yaml:4: `idle_factor: 0.5`"},
		{LINK("a", AIR ", radio: r, policy: dynamic, idle: 200ms}"),
			"link.yaml:4: idle exceeds dwell"},
		{LINK("a", AIR ", radio: r, policy: dynamic, dwell_most: 50ms}"),
			"link.yaml:4: dwell_most is less than dwell"},
		{LINK("a", AIR ", radio: r, stale: 8ms}"), "link.yaml:4: `stale` is that of an access point"},
		{LINK("a", AIR
			 ", radio: r, idle: 10us}\n    reverse: {medium: {sender: access-point, stale: 8ms}}"),
			"link.yaml:5: `stale` is more than 100 times"},
		{LINK("a", AIR ", stale: 8ms}"), "link.yaml:4: `stale` is that of a radio"},
		{LINK("a", AIR ", attempts: 40%}"), "link.yaml:4: "},
		{LINK("a", AIR ", attempts: {success: 0%}}"), "link.yaml:4: success must be above 0"},
		{LINK("a", AIR ", attempts: {success: 0.4}}"), "link.yaml:4: `success: 0.4`"},
		{LINK("a", AIR ", attempts: {success: 40%, limit: 0}}"), "link.yaml:4: `limit: 0`"},
		{LINK("a", AIR ", attempts: {chance: 40%}}"), "link.yaml:4: unknown key `chance`"},
		{LINK("a", AIR ", radio: r}\n    reverse: {medium: {policy: dynamic, sender: access-point}}"),
			"link.yaml:2: its directions are in two places"},
		{LINK("a", AIR ", radio: r, policy: dynamic}\n    reverse: {medium: {sender: access-point}}")
				LINK("b", AIR ", radio: r, channel: 6}"),
			"link.yaml:6: radio r of medium wifi has other values"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[1024], *error = NULL;
		snprintf(text, sizeof text, "links:\n%s", bad[i].text);
		struct settings *settings = settings_parse("link.yaml", text, strlen(text), &error);
		if (settings)
			fail_msg("accepted: %s", text);
		if (strncmp(error, bad[i].begins, strlen(bad[i].begins)) != 0)
			fail_msg("`%s` instead of `%s`", error, bad[i].begins);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_lost_after_its_last_try),
		cmocka_unit_test(tries_fail_as_often_as_they_should),
		cmocka_unit_test(tries_are_drawn_by_the_seed),
		cmocka_unit_test(tries_are_no_activity),
		cmocka_unit_test(an_access_point_that_was_left_comes_late),
		cmocka_unit_test(a_short_tw_misses_a_late_access_point),
		cmocka_unit_test(what_was_buffered_is_waited_for),
		cmocka_unit_test(it_does_not_matter_when_it_is_looked_at),
		cmocka_unit_test(the_fixed_policy_is_what_it_was),
		cmocka_unit_test(words_go_round),
		cmocka_unit_test(the_longest_shape_fits_a_command),
		cmocka_unit_test(bad_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
