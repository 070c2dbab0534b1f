/* Unit: numbers as text. They are formatted by hand for speed; printf is the oracle. */
#include "analysis/output/emit.h"
#include "tests/unit/check.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { NUMBERS = 1000000, TEXT = 64 };

static uint64_t draw(uint64_t *random)
{
	/* xorshift64*: the same numbers every time. */
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * 0x2545f4914f6cdd1du;
}

/* The text of one real number; `emitter` has a buffer. */
static const char *said(struct emitter *emitter, double number)
{
	struct value value = {.kind = VALUE_REAL, .real = number};
	emitter->used = 0;
	emit_number(emitter, &value);
	emitter->buffer[emitter->used] = 0;
	return emitter->buffer;
}

static void expected(char text[static TEXT], double number)
{
	int length = snprintf(text, TEXT, "%.15g", number);
	if (number == floor(number) && fabs(number) < 1e15)
		snprintf(text + length, TEXT - (size_t)length, ".0");
}

static void check(struct emitter *emitter, double number)
{
	char text[TEXT];
	expected(text, number);
	if (strcmp(said(emitter, number), text) != 0)
		fail_msg("%a: %s, and printf says %s", number, emitter->buffer, text);
}

static void test_reals_are_printfs(void **state)
{
	(void)state;
	char buffer[EMIT_BUFFER];
	struct emitter emitter = {.buffer = buffer};
	uint64_t random = 2017;
	for (unsigned i = 0; i < NUMBERS; i++) {
		uint64_t bits = draw(&random);
		/* Any double; one of the sizes that reports have; a decimal; a whole number. */
		double any, part = (double)(bits >> 11) / 9007199254740992.0;
		memcpy(&any, &bits, sizeof any);
		int power = (int)(draw(&random) % 28) - 11;
		if (isfinite(any) && any != 0)
			check(&emitter, any);
		check(&emitter, part * pow(10, power) + DBL_MIN);
		check(&emitter, -part * pow(10, power) - DBL_MIN);
		check(&emitter, (double)(bits % 100000 + 1) / pow(10, (double)(i % 12)));
		check(&emitter, (double)(bits % 1000000000000000u + 1));
	}
}

/* Around the powers of ten, where a digit comes or goes, and in the middle between two texts. */
static void test_edges_are_printfs(void **state)
{
	(void)state;
	char buffer[EMIT_BUFFER];
	struct emitter emitter = {.buffer = buffer};
	for (int power = -12; power <= 18; power++) {
		double up = pow(10, power), down = up;
		for (unsigned i = 0; i < 3000; i++) {
			check(&emitter, up);
			check(&emitter, down);
			check(&emitter, up + up * ldexp((double)i, -20));
			up = nextafter(up, INFINITY);
			down = nextafter(down, 0);
		}
	}
	for (unsigned i = 0; i < 100000; i++)
		check(&emitter, (double)(100000000000000u + 7919u * i) + 0.5);
}

static void test_what_is_no_number(void **state)
{
	(void)state;
	char buffer[EMIT_BUFFER];
	struct emitter emitter = {.buffer = buffer};
	assert_string_equal(said(&emitter, 0), "0.0");
	assert_string_equal(said(&emitter, -0.0), "0.0");
	assert_string_equal(said(&emitter, NAN), "0.0");
	assert_string_equal(said(&emitter, INFINITY), "0.0");
}

/* What is longer than the buffer arrives whole. */
static void test_long_text_is_whole(void **state)
{
	(void)state;
	FILE *out = tmpfile();
	struct emitter emitter;
	assert_non_null(out);
	assert_int_equal(emit_start(&emitter, out), 0);
	static char piece[EMIT_BUFFER + 7];
	memset(piece, 'x', sizeof piece);
	emit_raw(&emitter, "a", 1);
	emit_raw(&emitter, piece, sizeof piece);
	emit_raw(&emitter, piece, EMIT_BUFFER);
	emit_raw(&emitter, "z", 1);
	assert_int_equal(emit_end(&emitter, NULL), 0);
	assert_int_equal(ftell(out), 2 + sizeof piece + EMIT_BUFFER);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reals_are_printfs),
		cmocka_unit_test(test_edges_are_printfs),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_long_text_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
