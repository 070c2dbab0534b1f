/* Progress, with a clock of our own. */
#include "harness/run/progress.h"
#include "lib/base/clock.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fake {
	int64_t ns;
	char *text;
	size_t size;
	FILE *out;
	struct progress *progress;
};

static int64_t fake_monotonic(void *context)
{
	return ((struct fake *)context)->ns;
}

static time_t fake_wall(void *context)
{
	return 1000000000 + (time_t)(((struct fake *)context)->ns / NS_PER_S);
}

static void start(struct fake *fake, size_t total, double guess, bool terminal, int width)
{
	struct progress_clock clock = {fake_monotonic, fake_wall, fake};

	*fake = (struct fake){.ns = 5 * NS_PER_S};
	fake->out = open_memstream(&fake->text, &fake->size);
	fake->progress = progress_open_with(fake->out, total, guess, &clock, terminal, width);
	assert_non_null(fake->progress);
}

static void at(struct fake *fake, double seconds)
{
	fake->ns = 5 * NS_PER_S + llround(seconds * NS_PER_S);
}

static void finish(struct fake *fake)
{
	progress_close(fake->progress);
	fclose(fake->out);
	free(fake->text);
}

static void time_left(void **state)
{
	(void)state;
	assert_true(progress_left(18, 0, 12, 0, 0) == 216);   /* the guess */
	assert_true(progress_left(18, 0, 12, 0, 16) == 200);  /* less what has gone by */
	assert_true(progress_left(18, 6, 12, 60, 60) == 120); /* measured: 10 s each, two at once or not */
	assert_true(progress_left(18, 6, 12, 60, 65) == 115);
	assert_true(progress_left(18, 17, 12, 170, 500) == 0); /* overdue */
	assert_true(progress_left(18, 18, 12, 180, 181) == 0);
	assert_true(progress_left(0, 0, 12, 0, 0) == 0);
}

static void durations(void **state)
{
	(void)state;
	char buffer[32];

	assert_string_equal(progress_duration(-3, buffer), "0 s");
	assert_string_equal(progress_duration(59.4, buffer), "59 s");
	assert_string_equal(progress_duration(59.6, buffer), "1 min 00 s");
	assert_string_equal(progress_duration(200, buffer), "3 min 20 s");
	assert_string_equal(progress_duration(7500, buffer), "2 h 05 min");
}

static void a_log_gets_a_line_a_trial(void **state)
{
	(void)state;
	struct fake fake;

	start(&fake, 3, 12, false, 80);
	progress_step(fake.progress, 0, 2, "nat 1"); /* nothing ended: nothing is said */
	at(&fake, 5);
	progress_step(fake.progress, 0, 2, "nat 1");
	at(&fake, 20);
	progress_step(fake.progress, 1, 2, "nat 1");
	progress_note(fake.progress, "vpn %d failed", 1);
	at(&fake, 42);
	progress_step(fake.progress, 2, 1, "tcp 1");
	at(&fake, 60);
	progress_step(fake.progress, 3, 0, "vpn 1");
	fflush(fake.out);
	assert_string_equal(fake.text, "1/3 done, 40 s left: nat 1\n"
				       "vpn 1 failed\n"
				       "2/3 done, 21 s left: tcp 1\n"
				       "3/3 done, 0 s left: vpn 1\n");
	finish(&fake);
}

static void a_terminal_gets_one_line(void **state)
{
	(void)state;
	struct fake fake;

	setenv("TZ", "UTC", 1);
	start(&fake, 4, 10, true, 80);
	progress_step(fake.progress, 0, 1, "nat 1");
	fflush(fake.out);
	assert_string_equal(fake.text, "0/4 [................] 40 s left, ends 01:47, 1 running: nat 1");
	at(&fake, 0.1);
	progress_step(fake.progress, 1, 1, "nat 2"); /* too early to draw again, but not forgotten */
	fflush(fake.out);
	assert_null(strchr(fake.text, '\r'));
	at(&fake, 0.2);
	progress_step(fake.progress, 1, 1, "nat 2");
	fflush(fake.out);
	assert_non_null(strstr(fake.text, "nat 1\r\033[K1/4 [####............] 0 s left"));
	at(&fake, 60);
	fseek(fake.out, 0, SEEK_SET);
	progress_close(fake.progress);
	fclose(fake.out);
	assert_memory_equal(fake.text, "\r\033[K1 of 4 done in 1 min 00 s\n", 29);
	free(fake.text);
}

static void at_most_five_drawings_a_second(void **state)
{
	(void)state;
	struct fake fake;
	size_t drawn = 0;

	start(&fake, 1000, 1, true, 80);
	for (int i = 0; i < 1000; i++) { /* a second */
		at(&fake, i / 1000.0);
		progress_step(fake.progress, (size_t)i, 1, "x");
	}
	fflush(fake.out);
	for (const char *p = fake.text; (p = strchr(p, '[')); p++)
		drawn += p[1] == '.' || p[1] == '#';
	assert_int_equal(drawn, 5);
	finish(&fake);
}

static void a_line_never_wraps(void **state)
{
	(void)state;
	struct fake fake;

	start(&fake, 10, 1, true, 40);
	progress_step(fake.progress, 0, 1, "a label that is much longer than what the terminal has room for");
	fflush(fake.out);
	assert_int_equal(strlen(fake.text), 39);
	finish(&fake);
}

static void what_was_found_takes_the_place_of_what_runs(void **state)
{
	(void)state;
	struct fake fake;

	setenv("TZ", "UTC", 1);
	start(&fake, 4, 10, true, 100);
	progress_step(fake.progress, 0, 1, "nat 1");
	at(&fake, 20);
	progress_standing(fake.progress, "1 valid; nat 18.81 Mbit/s");
	progress_step(fake.progress, 1, 1, "nat 1");
	fflush(fake.out);
	assert_non_null(strstr(
		fake.text, "\r\033[K1/4 [##......] 1 min 00 s left (01:48); 1 valid; nat 18.81 Mbit/s"));
	finish(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_left),
		cmocka_unit_test(durations),
		cmocka_unit_test(a_log_gets_a_line_a_trial),
		cmocka_unit_test(a_terminal_gets_one_line),
		cmocka_unit_test(at_most_five_drawings_a_second),
		cmocka_unit_test(a_line_never_wraps),
		cmocka_unit_test(what_was_found_takes_the_place_of_what_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
