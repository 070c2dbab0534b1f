/* Degrees and neighbours: what a seed means. A seed means the same on every machine: thresholds are whole numbers of 32 bits. */
#include "nodes/trevi/fountain_internal.h"

#include "lib/base/draw.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fountain_code *fountain_code_new(uint32_t k, double c, double delta, uint32_t least)
{
	struct fountain_code *code = NULL;

	if (k < 1 || k > FOUNTAIN_FRAGMENTS)
		return NULL;
	double *p = malloc((k + 1) * sizeof *p), sum = 0, up_to = 0;
	code = malloc(sizeof *code + (k + 1) * sizeof *code->threshold);
	if (!p || !code) {
		free(p);
		free(code);
		return NULL;
	}
	/* Luby, definitions 10 and 11: rho(1) = 1/k, rho(i) = 1/i(i-1); R = c ln(k/delta) sqrt(k); tau(i) = R/ik for i < k/R, R ln(R/delta)/k at k/R. */
	double r = c * log(k / delta) * sqrt(k);
	uint32_t spike = r > 1 ? (uint32_t)(k / r) : k;
	spike = spike < 1 ? 1 : spike > k ? k : spike;
	for (uint32_t i = 1; i <= k; i++) {
		double tau = i < spike    ? r / ((double)i * k)
			     : i == spike ? fmax(0, r * log(r / delta) / k)
					  : 0;
		p[i] = (i == 1 ? 1.0 / k : 1.0 / ((double)i * (i - 1))) + tau;
		sum += p[i];
	}
	*code = (struct fountain_code){.fragments = k};
	code->threshold[0] = 0;
	for (uint32_t i = 1; i <= k; i++) {
		up_to += p[i] / sum;
		code->mean += (i < least ? least : i) * p[i] / sum;
		if (i < least && i < k) {
			code->threshold[i] = 0;
			continue;
		}
		double t = up_to * 4294967296.0;
		code->threshold[i] = t < 4294967295.0 ? (uint32_t)t : UINT32_MAX;
	}
	code->threshold[k] = UINT32_MAX;
	free(p);
	return code;
}

struct fountain_code *fountain_code_of_tract(uint32_t k)
{
	if (k >= FOUNTAIN_FEW)
		return fountain_code_new(k, FOUNTAIN_C, FOUNTAIN_DELTA, 1);
	if (k < FOUNTAIN_FEWEST)
		return fountain_code_new(k, FOUNTAIN_C, FOUNTAIN_DELTA_FEWEST, 1);
	return fountain_code_new(k, k < FOUNTAIN_FEWER ? FOUNTAIN_C_FEWER : FOUNTAIN_C, FOUNTAIN_DELTA_FEW,
		FOUNTAIN_LEAST_FEW);
}

struct fountain_code *fountain_code_constant(uint32_t k, uint32_t degree)
{
	struct fountain_code *code = k < 1 || k > FOUNTAIN_FRAGMENTS || degree > k
					     ? NULL
					     : malloc(sizeof *code + (k + 1) * sizeof *code->threshold);

	if (!code)
		return NULL;
	*code = (struct fountain_code){.fragments = k, .mean = degree};
	for (uint32_t i = 0; i <= k; i++)
		code->threshold[i] = i >= degree ? UINT32_MAX : 0;
	return code;
}

struct fountain_code *fountain_code_systematic(uint32_t k, uint64_t salt)
{
	struct fountain_code *code = k < 1 || k > FOUNTAIN_SYSTEMATIC_MOST ? NULL : malloc(sizeof *code);

	if (code)
		*code = (struct fountain_code){.fragments = k, .mean = 1, .systematic = true, .salt = salt};
	return code;
}

void fountain_code_free(struct fountain_code *code)
{
	free(code);
}

uint32_t fountain_code_fragments(const struct fountain_code *code)
{
	return code->fragments;
}

double fountain_code_mean_degree(const struct fountain_code *code)
{
	return code->mean;
}

static uint32_t degree_of(const struct fountain_code *code, uint32_t draw)
{
	uint32_t low = 1, high = code->fragments;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (code->threshold[middle] < draw)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Few are compared with each other. Many are marked in a table of the size of their number: no memory of K bits that must be cleared. */
#define FEW 24

static bool is_new(const uint32_t *list, uint32_t count, uint32_t candidate)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == candidate)
			return false;
	return true;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Draws what is missing, sorts, drops what is there twice, until nothing was. */
static void choose_many(uint32_t k, uint32_t degree, uint64_t *draws, uint32_t *list)
{
	uint32_t count = 0;

	if (degree > k / 2) { /* all but some: then the choice is Knuth's, in one pass */
		uint32_t need = degree;
		for (uint32_t i = 0; need; i++)
			if (draw_below(draws, k - i) < need) {
				list[count++] = i;
				need--;
			}
		return;
	}
	while (count < degree) {
		for (uint32_t i = count; i < degree; i++)
			list[i] = (uint32_t)draw_below(draws, k);
		qsort(list, degree, sizeof *list, ascending);
		uint32_t kept = 1;
		for (uint32_t i = 1; i < degree; i++)
			if (list[i] != list[kept - 1])
				list[kept++] = list[i];
		count = kept;
	}
}

/* Bits of draws; the exclusive or is a sum of many, whose order does not matter. */
static uint32_t repair(const struct fountain_code *code, uint32_t number, uint32_t *list)
{
	uint64_t draws = draw_key(code->salt, number, 9);
	uint32_t k = code->fragments, count = 0;
	unsigned halvings = 1;

	for (uint32_t n = number; n >= FOUNTAIN_DENSE && k >> (halvings + 1) >= FOUNTAIN_LEAST_MEAN; n >>= 1)
		halvings++;
	for (uint32_t i = 0; i < k; i += 64) {
		uint64_t bits = number == 0 ? UINT64_MAX : draw_next(&draws);
		for (unsigned h = 1; h < halvings; h++)
			bits &= draw_next(&draws);
		if (k - i < 64)
			bits &= (UINT64_C(1) << (k - i)) - 1;
		for (; bits; bits &= bits - 1)
			list[count++] = i + (uint32_t)__builtin_ctzll(bits);
	}
	if (count == 0) /* of few fragments it may be */
		list[count++] = (uint32_t)draw_below(&draws, k);
	return count;
}

uint32_t fountain_neighbours(const struct fountain_code *code, uint32_t seed, uint32_t *list)
{
	if (code->systematic) {
		*list = seed;
		return seed < code->fragments ? 1 : repair(code, seed - code->fragments, list);
	}
	uint64_t draws = draw_mix(seed + DRAW_GOLDEN), word = draw_next(&draws);
	uint32_t k = code->fragments, degree = degree_of(code, (uint32_t)word), count = 0;

	if (degree > FEW) {
		choose_many(k, degree, &draws, list);
		return degree;
	}
	/* Two of 32 bits a draw: a product's high half is uniform but for k / 2^32. */
	uint32_t half = (uint32_t)(word >> 32);
	bool second = false;
	while (count < degree) {
		uint32_t candidate = (uint32_t)(((uint64_t)half * k) >> 32);
		if (is_new(list, count, candidate))
			list[count++] = candidate;
		if (!second)
			word = draw_next(&draws);
		half = second ? (uint32_t)(word >> 32) : (uint32_t)word;
		second = !second;
	}
	return degree;
}
