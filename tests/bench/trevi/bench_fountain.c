/* The fountain code: symbols that are needed, and speed on one core, beside memcpy of the same bytes in the same run. */
#include "lib/base/draw.h"
#include "lib/base/units.h"
#include "nodes/trevi/fountain.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of the processor: what others do on it meanwhile does not count. */
static int64_t processor_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static double seconds_since(int64_t began)
{
	return (double)(processor_ns() - began) / (double)NS_PER_S;
}

static double memcpy_rate(const uint8_t *from, uint8_t *to, size_t length)
{
	int64_t began = processor_ns();
	int times = 0;

	for (; seconds_since(began) < 0.3; times++) {
		memcpy(to, from, length);
		__asm__ volatile("" : : "r"(to) : "memory");
	}
	return (double)length * times / seconds_since(began) / 1e6;
}

static void overhead(uint32_t k, bool eliminate, int trials)
{
	struct fountain_code *code = fountain_code_new(k, FOUNTAIN_C, FOUNTAIN_DELTA, 1);
	double sum = 0, square = 0, worst = 0, inactive = 0;

	for (int t = 0; t < trials; t++) {
		struct fountain_decoder *d = fountain_decoder_new(code, 1, eliminate);
		uint32_t seed = (uint32_t)t * 1000003u;
		while (fountain_add(d, seed++, NULL) == FOUNTAIN_MORE)
			;
		double over = 100.0 * fountain_symbols(d) / k - 100;
		sum += over;
		square += over * over;
		worst = fmax(worst, over);
		inactive += fountain_inactive(d);
		fountain_decoder_free(d);
	}
	double mean = sum / trials;
	printf("overhead K=%-6u %-12s %6.2f %% sd %5.2f worst %6.2f  (%d tracts; %.0f inactive)\n", k,
		eliminate ? "elimination" : "peeling", mean, sqrt(fmax(0, square / trials - mean * mean)),
		worst, trials, inactive / trials);
	fountain_code_free(code);
}

static void speed(uint32_t k, uint32_t size, bool eliminate, int tracts)
{
	size_t length = (size_t)k * size;
	uint8_t *bytes = malloc(length), *out = malloc(length), *symbols = malloc(2 * length + 64ul * size);
	struct fountain_code *code = fountain_code_new(k, FOUNTAIN_C, FOUNTAIN_DELTA, 1);
	struct fountain_encoder *e = fountain_encoder_new(code, bytes, length, size);
	uint64_t draws = 1;
	double encoding = 0, decoding = 0, worst = 0, encoded = 0;
	int wrong = 0, undecoded = 0;

	for (size_t i = 0; i + 8 <= length; i += 8)
		memcpy(bytes + i, &(uint64_t){draw_next(&draws)}, 8);
	fountain_encoder_free(e);
	e = fountain_encoder_new(code, bytes, length, size);
	for (int t = 0; t < tracts; t++) {
		uint32_t first = (uint32_t)t * 1000003u, n = 2 * k;
		int64_t began = processor_ns();
		for (uint32_t i = 0; i < n; i++)
			fountain_encode(e, first + i, symbols + (size_t)i * size);
		encoding += seconds_since(began);
		encoded += (double)n * size;
		struct fountain_decoder *d = fountain_decoder_new(code, size, eliminate);
		began = processor_ns();
		uint32_t i = 0;
		enum fountain_added added = FOUNTAIN_MORE;
		for (; added == FOUNTAIN_MORE && i < n; i++)
			added = fountain_add(d, first + i, symbols + (size_t)i * size);
		int64_t enough = processor_ns();
		if (fountain_decode(d, out, length) < 0)
			undecoded++; /* peeling alone may ask for more than 2 K of few */
		else {
			decoding += seconds_since(began);
			worst = fmax(worst, seconds_since(enough));
			wrong += memcmp(out, bytes, length) != 0;
		}
		fountain_decoder_free(d);
	}
	double copy = memcpy_rate(bytes, out, length), in = encoded / encoding / 1e6,
	       from = (double)length * (tracts - undecoded) / decoding / 1e6;
	printf("speed    K=%-6u %-12s encode %5.0f MB/s (%.2f of memcpy), decode %5.0f MB/s (%.2f), last step %.2f ms at worst%s\n",
		k, eliminate ? "elimination" : "peeling", in, in / copy, from, from / copy, 1e3 * worst,
		wrong ? "  WRONG BYTES" : "");
	fountain_encoder_free(e);
	fountain_code_free(code);
	free(bytes);
	free(out);
	free(symbols);
	if (wrong)
		exit(1);
}

/* The systematic code where a share of the symbols is lost: those too many, and both ends' speed for the bytes of a tract. */
static void systematic(uint32_t k, uint32_t size, double loss, int tracts)
{
	size_t length = (size_t)k * size;
	uint8_t *bytes = malloc(length), *out = malloc(length), *symbol = malloc(size);
	uint64_t draws = 7;
	double encoding = 0, decoding = 0, surplus = 0, lost = 0;
	int wrong = 0;

	for (size_t i = 0; i + 8 <= length; i += 8)
		memcpy(bytes + i, &(uint64_t){draw_next(&draws)}, 8);
	for (int t = 0; t < tracts; t++) {
		struct fountain_code *code = fountain_code_systematic(k, (uint64_t)t);
		struct fountain_encoder *e = fountain_encoder_new(code, bytes, length, size);
		struct fountain_decoder *d = fountain_decoder_new(code, size, true);
		enum fountain_added added = FOUNTAIN_MORE;
		int64_t began;
		for (uint32_t seed = 0; added == FOUNTAIN_MORE; seed++) {
			began = processor_ns();
			fountain_encode(e, seed, symbol);
			encoding += seconds_since(began);
			if (draw_uniform(&draws) < loss) {
				lost += seed < k;
				continue;
			}
			began = processor_ns();
			added = fountain_add(d, seed, symbol);
			decoding += seconds_since(began);
		}
		began = processor_ns();
		wrong += fountain_decode(d, out, length) < 0;
		decoding += seconds_since(began);
		wrong += memcmp(out, bytes, length) != 0;
		surplus += fountain_symbols(d) - k;
		fountain_decoder_free(d);
		fountain_encoder_free(e);
		fountain_code_free(code);
	}
	printf("systematic K=%-6u loss %4.1f %%: %6.1f lost, %4.2f symbols too many, encode %5.0f MB/s, decode %5.0f MB/s%s\n",
		k, 100 * loss, lost / tracts, surplus / tracts, (double)length * tracts / encoding / 1e6,
		(double)length * tracts / decoding / 1e6, wrong ? "  WRONG BYTES" : "");
	free(bytes);
	free(out);
	free(symbol);
	if (wrong)
		exit(1);
}

int main(void)
{
	static const uint32_t stripes[] = {47, 94, 750};
	static const double losses[] = {0, 0.01, 0.02, 0.05, 0.3};

	for (int i = 0; i < 3; i++)
		for (int l = 0; l < 5; l++)
			systematic(stripes[i], 1400, losses[l], 75000 / (int)stripes[i]);
	static const uint32_t sizes[] = {100, 750, 3000, 10000};

	for (int i = 0; i < 4; i++)
		for (int eliminate = 0; eliminate < 2; eliminate++)
			overhead(sizes[i], eliminate, sizes[i] > 3000 ? 20 : 200);
	for (int i = 0; i < 4; i++)
		for (int eliminate = 0; eliminate < 2; eliminate++)
			speed(sizes[i], 1400, eliminate, sizes[i] > 1000 ? 5 : 100);
	return 0;
}
