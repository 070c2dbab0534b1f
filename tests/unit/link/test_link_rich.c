/* What a link does beyond a pipe, without any network: loss models, jitter, duplicates, corruption, delivery opportunities,
 * radio, marks. */
#include "lib/base/draw.h"
#include "nodes/link/packet.c"
#include "tests/unit/link/link_model.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 200000

/* Half a 99.9 % interval of a share p measured over n packets. */
static double half(double p, double n)
{
	return 3.2905 * sqrt(p * (1 - p) / n);
}

/* Offers n packets a millisecond apart; `lost` has room for them. */
static unsigned offer_all(struct model *m, unsigned n, bool *lost)
{
	struct model_packet packet = {0};
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		lost[i] = model_offer(m, i * MS, 100, false, NULL) == MODEL_LOST;
		count += lost[i];
		while (model_take(m, i * MS, &packet))
			;
	}
	return count;
}

static bool lost[N], lost_again[N];

static void random_loss_and_its_seed(void **state)
{
	(void)state;
	static const double shares[] = {0.001, 0.01, 0.05, 0.5};
	for (size_t i = 0; i < 4; i++) {
		struct model *a = make((struct shape){.loss = shares[i], .seed = 42});
		struct model *b = make((struct shape){.loss = shares[i], .seed = 42});
		double share = (double)offer_all(a, N, lost) / N;
		offer_all(b, N, lost_again);
		assert_true(fabs(share - shares[i]) <= half(shares[i], N));
		assert_memory_equal(lost, lost_again, sizeof lost);
		model_free(a);
		model_free(b);
	}
}

/* Stationary loss p/(p+r)*h and mean length of a bad spell 1/r. */
static void gilbert_elliott_is_stationary(void **state)
{
	(void)state;
	struct model *m = make((struct shape){.loss_model = LOSS_GILBERT_ELLIOTT,
		.to_bad = 0.01,
		.to_good = 0.2,
		.loss_bad = 1,
		.seed = 7});
	double share = (double)offer_all(m, N, lost) / N, bursts = 0, expected = 0.01 / 0.21;
	for (unsigned i = 0; i < N; i++)
		bursts += lost[i] && (i == 0 || !lost[i - 1]);
	/* Packets of one spell are not independent: the variance is larger by (2 - p - r) / (p + r). */
	assert_true(fabs(share - expected) <= half(expected, N * 0.21 / 1.79));
	double length = share * N / bursts; /* geometric: mean 5, standard deviation sqrt(20) */
	assert_true(fabs(length - 5) <= 3.2905 * sqrt(20 / bursts));
	model_free(m);
	m = make((struct shape){.loss_model = LOSS_GILBERT_ELLIOTT,
		.to_bad = 0.01,
		.to_good = 0.2,
		.loss_good = 0.001,
		.loss_bad = 0.4,
		.seed = 8});
	expected = 0.4 * 0.01 / 0.21 + 0.001 * 0.2 / 0.21;
	share = (double)offer_all(m, N, lost) / N;
	assert_true(fabs(share - expected) <= half(expected, N * 0.21 / 1.79));
	model_free(m);
}

static void every_nth_and_traces(void **state)
{
	(void)state;
	struct model *m = make((struct shape){.loss_model = LOSS_EVERY, .loss_every = 7});
	assert_int_equal(offer_all(m, 700, lost), 100);
	for (unsigned i = 0; i < 700; i++)
		assert_int_equal(lost[i], i % 7 == 6);
	model_free(m);
	char path[] = "/tmp/loss.XXXXXX", *error = NULL;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "0010\n1", 6), 6);
	close(fd);
	struct shape shape = {.loss_model = LOSS_TRACE};
	strcpy(shape.loss_trace, path);
	m = make(shape);
	assert_int_equal(offer_all(m, 1000, lost), 400);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(lost[i], i % 5 == 2 || i % 5 == 4);
	model_free(m);
	unlink(path);
	assert_null(model_new(&shape, 0, &error));
	assert_non_null(strstr(error, path));
	free(error);
}

static void moments(enum shape_jitter distribution, double *mean, double *deviation)
{
	struct model *m = make((struct shape){.delay_ns = 100 * MS,
		.jitter_ns = 10 * MS,
		.jitter = distribution,
		.jitter_reorders = true,
		.seed = 3});
	double sum = 0, squares = 0;
	struct model_packet packet = {0};
	for (int i = 0; i < N; i++) {
		int64_t now = i * 1000 * MS;
		assert_int_equal(model_offer(m, now, 100, false, NULL), MODEL_QUEUED);
		assert_true(model_take(m, model_next(m), &packet));
		double off = (double)(packet.departure_ns - now - 100 * MS) / (10 * MS);
		sum += off;
		squares += off * off;
	}
	*mean = sum / N;
	*deviation = sqrt(squares / N - *mean * *mean);
	model_free(m);
}

static void jitter_has_its_moments(void **state)
{
	(void)state;
	double mean, deviation;
	moments(JITTER_NORMAL, &mean, &deviation);
	assert_true(fabs(mean) < 3.2905 / sqrt(N));
	assert_true(fabs(deviation - 1) < 3.2905 / sqrt(2.0 * N));
	moments(JITTER_PARETO, &mean, &deviation); /* no fourth moment: wide bounds for the deviation */
	assert_true(fabs(mean) < 3.2905 / sqrt(N));
	assert_true(deviation > 0.8 && deviation < 1.3);
	moments(JITTER_UNIFORM, &mean, &deviation);
	assert_true(fabs(deviation - 1 / sqrt(3)) < 0.005);
}

static void jitter_overtakes_only_where_it_may(void **state)
{
	(void)state;
	for (int reorders = 0; reorders < 2; reorders++) {
		struct model *m = make((struct shape){
			.delay_ns = 100 * MS, .jitter_ns = 30 * MS, .jitter_reorders = reorders, .seed = 3});
		struct model_packet packet = {0};
		unsigned overtaken = 0;
		uint64_t last = 0;
		int64_t now = 0, before = 0;
		for (int i = 0; i < 5000 || model_next(m) != MODEL_NEVER; now += MS) {
			if (i++ < 5000)
				model_offer(m, now, 100, false, NULL);
			while (model_take(m, now, &packet)) {
				assert_true(
					packet.departure_ns >= before); /* given back in order of departure */
				before = packet.departure_ns;
				overtaken += packet.number < last;
				last = packet.number;
			}
		}
		assert_int_equal(overtaken > 500, reorders);
		assert_int_equal(overtaken == 0, !reorders);
		model_free(m);
	}
}

static void duplicates_corruption_reordering(void **state)
{
	(void)state;
	struct model *m = make((struct shape){
		.delay_ns = 10 * MS, .duplicate = 0.02, .corrupt = 0.03, .reorder = 0.05, .seed = 9});
	struct model_packet packet = {0};
	double twice = 0, corrupted = 0, soon = 0;
	for (int i = 0; i < N; i++) {
		int64_t now = i * 100 * MS;
		model_offer(m, now, 100, false, NULL);
		assert_true(model_take(m, model_next(m), &packet));
		twice += packet.twice;
		corrupted += packet.corrupted;
		soon += packet.departure_ns == now;
		assert_true(packet.departure_ns == now || packet.departure_ns == now + 10 * MS);
	}
	assert_true(fabs(twice / N - 0.02) <= half(0.02, N));
	assert_true(fabs(corrupted / N - 0.03) <= half(0.03, N));
	assert_true(fabs(soon / N - 0.05) <= half(0.05, N));
	model_free(m);
}

/* Opportunities at 2, 2 and 5 ms, again every 5 ms: 1504 bytes each, of one packet or several. */
static void opportunities_are_mahimahis(void **state)
{
	(void)state;
	char path[] = "/tmp/trace.XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "2\n2\n5\n", 6), 6);
	close(fd);
	struct shape shape = {.delay_ns = MS};
	strcpy(shape.opportunities, path);
	struct model *m = make(shape);
	unlink(path);
	struct model_packet packet = {0};
	static const uint32_t bytes[] = {1514, 762, 762, 1514, 1514};
	static const int64_t at[] = {2, 2, 2, 5, 7}; /* two halves share an opportunity */
	for (int i = 0; i < 5; i++)
		assert_int_equal(model_offer(m, 0, bytes[i], false, NULL), MODEL_QUEUED);
	for (int i = 0; i < 5; i++) {
		assert_true(model_take(m, INT64_MAX, &packet));
		assert_int_equal(packet.departure_ns, at[i] * MS + MS);
	}
	/* What nobody used is gone: the next one after 21 ms is at 22. */
	model_offer(m, 21 * MS, 1514, false, NULL);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 22 * MS + MS);
	/* Also after a long time, at once. */
	model_offer(m, 36000001 * MS, 1514, false, NULL);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 36000002 * MS + MS);
	model_free(m);
}

/* Each trace starts anew when it is another one, whatever else changes. */
static void traces_go_on(void **state)
{
	(void)state;
	char path[] = "/tmp/trace.XXXXXX", losses[] = "/tmp/loss.XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "2\n10\n", 5), 5);
	close(fd);
	fd = mkstemp(losses);
	assert_int_equal(write(fd, "01", 2), 2);
	close(fd);
	struct shape shape = {.loss_model = LOSS_TRACE};
	strcpy(shape.opportunities, path);
	strcpy(shape.loss_trace, losses);
	struct model *m = make(shape);
	struct model_packet packet = {0};
	model_offer(m, 0, 1514, false, NULL);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 2 * MS);
	/* Not even read again. */
	unlink(path);
	shape.loss_model = LOSS_RANDOM;
	*shape.loss_trace = 0;
	assert_int_equal(model_change(m, &shape, NULL), 0);
	model_offer(m, 3 * MS, 1514, false, NULL);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 10 * MS);
	/* One that cannot be read changes neither. */
	struct shape wrong = shape;
	wrong.loss_model = LOSS_TRACE;
	strcpy(wrong.loss_trace, losses);
	strcpy(wrong.opportunities, "/nonexistent");
	char *error = NULL;
	assert_int_equal(model_change(m, &wrong, &error), -1);
	free(error);
	shape.loss_model = LOSS_TRACE;
	strcpy(shape.loss_trace, losses);
	assert_int_equal(model_change(m, &shape, NULL), 0);
	unlink(losses);
	assert_int_equal(model_offer(m, 11 * MS, 1514, false, NULL), MODEL_QUEUED);
	assert_int_equal(model_offer(m, 11 * MS, 1514, false, NULL), MODEL_LOST);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 12 * MS);
	/* And none at all is none. */
	*shape.opportunities = 0;
	assert_int_equal(model_change(m, &shape, NULL), 0);
	assert_int_equal(model_offer(m, 13 * MS, 1514, false, NULL), MODEL_QUEUED);
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 13 * MS);
	model_free(m);
}

static void a_cellular_link_is_promoted_first(void **state)
{
	(void)state;
	const struct radio_profile *profile = &radio_profiles[0];
	struct radio radio;
	struct model *m = make((struct shape){.rate_bps = 8000000, .delay_ns = 50 * MS});
	struct model_packet packet = {0};
	radio_init(&radio, profile, 0);
	model_set_radio(m, &radio);
	model_offer(m, 1000 * MS, 1000, false, NULL);
	model_offer(m, 1001 * MS, 1000, false, NULL);
	int64_t up = 1000 * MS + profile->promotion_ns;
	for (int i = 1; i <= 2; i++) {
		assert_true(model_take(m, INT64_MAX, &packet));
		assert_int_equal(packet.departure_ns, up + i * MS + 50 * MS);
	}
	model_offer(m, up + 100 * MS, 1000, false, NULL); /* in the tail: at once */
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, up + 100 * MS + MS + 50 * MS);
	assert_int_equal(radio.promotions, 1);
	model_free(m);
}

/* The tail counts from the last bit, whenever the trace lets it leave. */
static void a_radio_waits_for_opportunities(void **state)
{
	(void)state;
	char path[] = "/tmp/trace.XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "3000\n4000\n", 10), 10);
	close(fd);
	struct radio radio;
	struct shape shape = {0};
	strcpy(shape.opportunities, path);
	struct model *m = make(shape);
	unlink(path);
	struct model_packet packet = {0};
	radio_init(&radio, radio_profile("lte"), 0);
	model_set_radio(m, &radio);
	model_offer(m, 0, 2000, false,
		NULL); /* two opportunities after 750 ms of promotion: the last bit at 4750 ms */
	assert_true(model_take(m, INT64_MAX, &packet));
	assert_int_equal(packet.departure_ns, 4750 * MS);
	radio_advance(&radio, 4749 * MS);
	assert_int_equal(radio.state, RADIO_HIGH);
	radio_advance(&radio, 4750 * MS);
	assert_int_equal(radio.state, RADIO_TAIL);
	assert_int_equal(radio_deadline(&radio), (4750 + 10120) * MS);
	assert_int_equal(radio.promotions, 1);
	model_free(m);
}

/* Each direction is looked at when it has something to do, and the radio they share has then moved on. */
static void directions_of_a_cellular_link_do_not_hold_each_other_up(void **state)
{
	(void)state;
	struct radio radio;
	struct model *there = make((struct shape){.rate_bps = 200000}),
		     *back = make((struct shape){.rate_bps = 200000});
	struct model_packet packet = {0}, last = {0};
	radio_init(&radio, &radio_profiles[0], 0);
	model_set_radio(there, &radio);
	model_set_radio(back, &radio);
	int64_t up = radio_profiles[0].promotion_ns;
	for (int i = 0; i < 100; i++)
		assert_int_equal(model_offer(there, 0, 1514, false, NULL), MODEL_QUEUED);
	for (int64_t now = 0; now < up + 7000 * MS; now += 13 * MS) {
		model_offer(back, now, 66, false, NULL);
		while (model_take(back, now, &packet))
			;
		while (model_take(there, now, &packet))
			last = packet;
	}
	assert_int_equal(last.departure_ns, up + 100 * 60560000LL); /* 1514 * 8 / 200000 s */
	model_free(there);
	model_free(back);
}

/* A header whose checksum is right stays right. */
static void marks_keep_the_checksum(void **state)
{
	(void)state;
	uint8_t frame[60] = {[12] = 0x08,
		[13] = 0,
		[14] = 0x45,
		[15] = 0x02,
		[16] = 0,
		[17] = 46,
		[22] = 64,
		[23] = 6,
		[26] = 10,
		[29] = 1,
		[30] = 10,
		[33] = 2};
	uint32_t sum = 0;
	for (int i = 14; i < 34; i += 2)
		sum += get16(frame + i);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (uint8_t)(~sum >> 8);
	frame[25] = (uint8_t)~sum;
	assert_true(packet_is_ecn(frame, sizeof frame));
	packet_mark(frame, sizeof frame);
	assert_int_equal(frame[15], 3);
	sum = 0;
	for (int i = 14; i < 34; i += 2)
		sum += get16(frame + i);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	frame[15] = 0;
	assert_false(packet_is_ecn(frame, sizeof frame));
	for (uint32_t cut = 0; cut < 34; cut++)
		assert_false(packet_is_ecn(frame, cut));
	uint8_t six[60] = {[12] = 0x86, [13] = 0xdd, [14] = 0x60, [15] = 0x10};
	assert_true(packet_is_ecn(six, sizeof six));
	packet_mark(six, sizeof six);
	assert_int_equal(six[15], 0x30);
	uint8_t before[60];
	for (uint64_t d = 0; d < 1000; d++) {
		unsigned changed = 0;
		memcpy(before, frame, sizeof before);
		packet_corrupt(frame, sizeof frame, d * 7919);
		for (size_t i = 0; i < sizeof frame; i++)
			changed += (unsigned)__builtin_popcount(frame[i] ^ before[i]);
		assert_int_equal(changed, 1);
		assert_memory_equal(frame, before, 14);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_loss_and_its_seed),
		cmocka_unit_test(gilbert_elliott_is_stationary),
		cmocka_unit_test(every_nth_and_traces),
		cmocka_unit_test(jitter_has_its_moments),
		cmocka_unit_test(jitter_overtakes_only_where_it_may),
		cmocka_unit_test(duplicates_corruption_reordering),
		cmocka_unit_test(opportunities_are_mahimahis),
		cmocka_unit_test(traces_go_on),
		cmocka_unit_test(a_cellular_link_is_promoted_first),
		cmocka_unit_test(a_radio_waits_for_opportunities),
		cmocka_unit_test(directions_of_a_cellular_link_do_not_hold_each_other_up),
		cmocka_unit_test(marks_keep_the_checksum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
