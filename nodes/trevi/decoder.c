/* A symbol is an equation over fragments. On arrival only its structure is looked at, the bytes are kept as they came:
 *
 * - Peeling: an equation with one unknown fragment solves it, which takes it out of all others. `order` says which equation solved which fragment.
 * - When there are K equations and some fragments are still unknown, as few of them as possible are set aside (inactive), until peeling has an order for all
 *   others: of the equation with the fewest unknowns all but one are set aside. Every fragment is now a sum of inactive ones and of bytes. The
 *   equations that solved nothing are equations between inactive fragments alone; so is each that still comes. When as many of them are independent as there are
 *   inactive fragments, all is known.
 *
 * Only then bytes are added: fragments in order with the inactive ones as zero, the equations between inactive ones, those, and in order again the fragments that
 * depend on them. */
#include "nodes/trevi/fountain_internal.h"

#include "nodes/trevi/xor.h"
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum column_state { UNKNOWN, SOLVED, INACTIVE };

struct column {
	enum column_state state;
	uint32_t edges; /* the first of the equations that it is unknown in */
	uint32_t place; /* SOLVED: in `order`; INACTIVE: which of them */
};

struct row {
	uint32_t seed;
	uint32_t first, count; /* of `neighbours` */
	uint32_t unknown;      /* so many of them, and their exclusive or */
	uint32_t sum;
	bool used; /* it solved a fragment */
};

struct edge {
	uint32_t row, next;
};

struct solved {
	uint32_t column, row;
};

struct fountain_decoder {
	const struct fountain_code *code;
	uint32_t size, rows_max, rows, solved;
	bool eliminate, inactivated, done;
	struct column *columns;
	struct row *rows_of;
	struct solved *order;
	uint32_t *neighbours, neighbour_count, neighbour_room;
	struct edge *edges;
	uint32_t edge_count, edge_room;
	uint32_t *stack, stacked;
	uint8_t *bytes; /* of all symbols */
	uint32_t *seen,
		seen_mask; /* seeds: a table with open addresses; 0 is an empty place, seeds are kept plus one */
	bool seen_zero;    /* the seed whose successor is 0 */
	/* elimination */
	uint32_t inactive, *inactive_columns, words,
		inactive_from; /* inactive_from: place in `order` of the first fragment that depends on them */
	uint64_t *depends;     /* per column, `words` each: on which inactive fragments */
	uint64_t *
		dense; /* per pivot: an equation between inactive fragments, and which of the chosen equations it is the sum of: 2 x words */
	bool *pivot;   /* is there an equation with that as its first */
	uint32_t *chosen, chosen_count; /* equations */
	uint64_t *scratch;
	const uint8_t **sources;
};

struct fountain_decoder *fountain_decoder_new(const struct fountain_code *code, uint32_t size, bool eliminate)
{
	struct fountain_decoder *d = calloc(1, sizeof *d);
	uint32_t k = code->fragments, seen = 64;

	if (!d)
		return NULL;
	d->code = code;
	d->size = size;
	d->eliminate = eliminate;
	d->rows_max = 2 * k + FOUNTAIN_SPARE;
	while (seen < 2 * d->rows_max)
		seen *= 2;
	d->seen_mask = seen - 1;
	/* Twice what the mean degree asks: what is beyond grows. */
	d->neighbour_room = d->edge_room = (uint32_t)(2 * code->mean * (k + 64)) + k;
	d->columns = calloc(k, sizeof *d->columns);
	d->rows_of = malloc(d->rows_max * sizeof *d->rows_of);
	d->order = malloc(k * sizeof *d->order);
	d->neighbours = malloc(d->neighbour_room * sizeof *d->neighbours);
	d->edges = malloc(d->edge_room * sizeof *d->edges);
	d->stack = malloc(d->rows_max * sizeof *d->stack);
	d->bytes = malloc((size_t)d->rows_max * size); /* pages that are never written cost nothing */
	d->seen = calloc(seen, sizeof *d->seen);
	d->sources = malloc((k + 1) * sizeof *d->sources);
	if (!d->columns || !d->rows_of || !d->order || !d->neighbours || !d->edges || !d->stack ||
		!d->bytes || !d->seen || !d->sources) {
		fountain_decoder_free(d);
		return NULL;
	}
	for (uint32_t i = 0; i < k; i++)
		d->columns[i].edges = NONE;
	return d;
}

void fountain_decoder_free(struct fountain_decoder *d)
{
	if (!d)
		return;
	void *parts[] = {d->columns, d->rows_of, d->order, d->neighbours, d->edges, d->stack, d->bytes,
		d->seen, d->sources, d->inactive_columns, d->depends, d->dense, d->pivot, d->chosen,
		d->scratch};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		free(parts[i]);
	free(d);
}

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Where the seed is or would be in the table. */
static uint32_t *place_of_seed(const struct fountain_decoder *d, uint32_t key)
{
	uint32_t place = (key * 0x9e3779b1u) & d->seen_mask;

	while (d->seen[place] && d->seen[place] != key)
		place = (place + 1) & d->seen_mask;
	return &d->seen[place];
}

static bool was_seen(const struct fountain_decoder *d, uint32_t seed)
{
	return seed + 1 ? *place_of_seed(d, seed + 1) != 0 : d->seen_zero;
}

static void note_seed(struct fountain_decoder *d, uint32_t seed)
{
	if (seed + 1)
		*place_of_seed(d, seed + 1) = seed + 1;
	else
		d->seen_zero = true;
}

/* ---- peeling ---- */

static void add_edge(struct fountain_decoder *d, uint32_t column, uint32_t row)
{
	if (d->edge_count == d->edge_room) {
		d->edge_room *= 2;
		d->edges = must(realloc(d->edges, d->edge_room * sizeof *d->edges));
	}
	d->edges[d->edge_count] = (struct edge){row, d->columns[column].edges};
	d->columns[column].edges = d->edge_count++;
}

/* A fragment is unknown no more: its equations have one unknown less. */
static void take_out(struct fountain_decoder *d, uint32_t column)
{
	for (uint32_t e = d->columns[column].edges; e != NONE; e = d->edges[e].next) {
		struct row *row = &d->rows_of[d->edges[e].row];
		row->unknown--;
		row->sum ^= column;
		if (row->unknown == 1)
			d->stack[d->stacked++] = d->edges[e].row;
	}
}

static void peel(struct fountain_decoder *d)
{
	while (d->stacked) {
		uint32_t r = d->stack[--d->stacked];
		struct row *row = &d->rows_of[r];
		if (row->unknown != 1)
			continue;
		uint32_t column = row->sum;
		row->used = true;
		d->columns[column].state = SOLVED;
		d->columns[column].place = d->solved;
		d->order[d->solved++] = (struct solved){column, r};
		take_out(d, column);
	}
}

static void add_row(struct fountain_decoder *d, uint32_t seed)
{
	if (d->neighbour_count + d->code->fragments > d->neighbour_room) {
		d->neighbour_room = 2 * d->neighbour_room + d->code->fragments;
		d->neighbours = must(realloc(d->neighbours, d->neighbour_room * sizeof *d->neighbours));
	}
	uint32_t *list = d->neighbours + d->neighbour_count, number = d->rows++;
	struct row *row = &d->rows_of[number];
	*row = (struct row){
		.seed = seed, .first = d->neighbour_count, .count = fountain_neighbours(d->code, seed, list)};
	d->neighbour_count += row->count;
	for (uint32_t i = 0; i < row->count; i++)
		if (d->columns[list[i]].state == UNKNOWN) {
			row->unknown++;
			row->sum ^= list[i];
			add_edge(d, list[i], number);
		}
	if (row->unknown == 1)
		d->stack[d->stacked++] = number;
}

/* ---- elimination ---- */

/* Of an equation's unknown fragments all but the first are set aside: it then solves that one. */
static void set_aside(struct fountain_decoder *d, uint32_t r)
{
	const struct row *row = &d->rows_of[r];
	bool first = true;

	for (uint32_t i = 0; i < row->count; i++) {
		uint32_t column = d->neighbours[row->first + i];
		if (d->columns[column].state != UNKNOWN)
			continue;
		if (!first) {
			d->columns[column].state = INACTIVE;
			d->columns[column].place = d->inactive;
			d->inactive_columns[d->inactive++] = column;
			take_out(d, column);
		}
		first = false;
	}
}

static uint32_t fewest_unknown(const struct fountain_decoder *d)
{
	uint32_t best = NONE, least = NONE;

	for (uint32_t r = 0; r < d->rows && least > 2; r++)
		if (d->rows_of[r].unknown >= 2 && d->rows_of[r].unknown < least) {
			least = d->rows_of[r].unknown;
			best = r;
		}
	return best;
}

/* Fragments that no equation has are inactive as well: one that comes may have them. */
static void set_rest_aside(struct fountain_decoder *d)
{
	for (uint32_t i = 0; i < d->code->fragments; i++)
		if (d->columns[i].state == UNKNOWN) {
			d->columns[i].state = INACTIVE;
			d->columns[i].place = d->inactive;
			d->inactive_columns[d->inactive++] = i;
		}
}

static void add_depends(const struct fountain_decoder *d, uint64_t *sum, const struct row *row, uint32_t but)
{
	for (uint32_t i = 0; i < row->count; i++) {
		uint32_t column = d->neighbours[row->first + i];
		if (column == but)
			continue;
		const struct column *c = &d->columns[column];
		if (c->state == INACTIVE)
			sum[c->place / 64] ^= UINT64_C(1) << c->place % 64;
		else if (c->place >= d->inactive_from)
			for (uint32_t w = 0; w < d->words; w++)
				sum[w] ^= d->depends[(size_t)column * d->words + w];
	}
}

/* An equation that solved nothing: between inactive fragments. If those that are there do not imply it, it is one more. */
static void add_dense(struct fountain_decoder *d, uint32_t r)
{
	uint32_t w2 = 2 * d->words;
	uint64_t *sum = d->scratch;

	if (d->chosen_count == d->inactive)
		return;
	memset(sum, 0, w2 * sizeof *sum);
	add_depends(d, sum, &d->rows_of[r], NONE);
	sum[d->words + d->chosen_count / 64] ^= UINT64_C(1) << d->chosen_count % 64;
	for (uint32_t w = 0; w < d->words; w++)
		while (sum[w]) {
			uint32_t bit = w * 64 + (uint32_t)__builtin_ctzll(sum[w]);
			uint64_t *pivot = d->dense + (size_t)bit * w2;
			if (!d->pivot[bit]) {
				memcpy(pivot, sum, w2 * sizeof *sum);
				d->pivot[bit] = true;
				d->chosen[d->chosen_count++] = r;
				return;
			}
			for (uint32_t i = 0; i < w2; i++)
				sum[i] ^= pivot[i];
		}
}

static void inactivate(struct fountain_decoder *d)
{
	uint32_t k = d->code->fragments, r;

	d->inactivated = true;
	d->inactive_from = d->solved;
	d->inactive_columns = must(malloc(k * sizeof *d->inactive_columns));
	while ((r = fewest_unknown(d)) != NONE) {
		set_aside(d, r);
		peel(d);
	}
	set_rest_aside(d);
	d->words = (d->inactive + 63) / 64;
	d->depends = must(calloc((size_t)k * d->words + 1, sizeof *d->depends));
	d->dense = must(calloc((size_t)d->inactive * 2 * d->words + 1, sizeof *d->dense));
	d->pivot = must(calloc(d->inactive + 1, sizeof *d->pivot));
	d->chosen = must(calloc(d->inactive + 1, sizeof *d->chosen));
	d->scratch = must(calloc(2 * d->words + 1, sizeof *d->scratch));
	for (uint32_t i = d->inactive_from; i < d->solved; i++)
		add_depends(d, d->depends + (size_t)d->order[i].column * d->words,
			&d->rows_of[d->order[i].row], d->order[i].column);
	for (r = 0; r < d->rows; r++)
		if (!d->rows_of[r].used)
			add_dense(d, r);
}

enum fountain_added fountain_add(struct fountain_decoder *d, uint32_t seed, const uint8_t *symbol)
{
	if (d->done)
		return FOUNTAIN_DONE;
	if (was_seen(d, seed))
		return FOUNTAIN_DUPLICATE;
	if (d->rows == d->rows_max)
		return FOUNTAIN_FULL;
	note_seed(d, seed);
	if (symbol)
		memcpy(d->bytes + (size_t)d->rows * d->size, symbol, d->size);
	add_row(d, seed);
	if (d->inactivated)
		add_dense(d, d->rows - 1);
	else {
		peel(d);
		if (d->eliminate && d->rows >= d->code->fragments && d->solved < d->code->fragments)
			inactivate(d);
	}
	d->done = d->solved + d->chosen_count == d->code->fragments;
	return d->done ? FOUNTAIN_DONE : FOUNTAIN_MORE;
}

/* ---- bytes ---- */

struct out {
	uint8_t *bytes, *last; /* last: the last fragment, which has its filling elsewhere */
	uint32_t k, size;
};

static uint8_t *fragment(const struct out *out, uint32_t column)
{
	return column == out->k - 1 ? out->last : out->bytes + (size_t)column * out->size;
}

/* An equation's bytes and its fragments' but one's, added; inactive ones count when they are known. */
static void add_bytes(struct fountain_decoder *d, const struct out *out, uint32_t r, uint32_t but,
	bool inactive_known, uint8_t *to)
{
	const struct row *row = &d->rows_of[r];
	uint32_t count = 0;

	for (uint32_t i = 0; i < row->count; i++) {
		uint32_t column = d->neighbours[row->first + i];
		if (column != but && (inactive_known || d->columns[column].state == SOLVED))
			d->sources[count++] = fragment(out, column);
	}
	xor_gather(to, d->bytes + (size_t)r * d->size, d->sources, count, d->size);
}

static void solve_in_order(
	struct fountain_decoder *d, const struct out *out, uint32_t from, bool inactive_known)
{
	for (uint32_t i = from; i < d->solved; i++)
		add_bytes(d, out, d->order[i].row, d->order[i].column, inactive_known,
			fragment(out, d->order[i].column));
}

/* From the last pivot to the first, each equation loses all but its own: then the second half of its words says which of the chosen equations give the
 * fragment. */
static void back_substitute(struct fountain_decoder *d)
{
	uint32_t w2 = 2 * d->words;

	for (uint32_t bit = d->inactive; bit-- > 0;) {
		uint64_t *row = d->dense + (size_t)bit * w2;
		for (uint32_t w = bit / 64; w < d->words; w++)
			for (uint64_t rest = row[w]; rest; rest &= rest - 1) {
				uint32_t other = w * 64 + (uint32_t)__builtin_ctzll(rest);
				if (other <= bit)
					continue;
				const uint64_t *pivot = d->dense + (size_t)other * w2;
				for (uint32_t i = 0; i < w2; i++)
					row[i] ^= pivot[i];
			}
	}
}

static void solve_inactive(struct fountain_decoder *d, const struct out *out)
{
	uint32_t w2 = 2 * d->words;

	/* The chosen equations' bytes, in their own places. */
	for (uint32_t i = 0; i < d->chosen_count; i++)
		add_bytes(d, out, d->chosen[i], NONE, false, d->bytes + (size_t)d->chosen[i] * d->size);
	back_substitute(d);
	for (uint32_t bit = 0; bit < d->inactive; bit++) {
		const uint64_t *which = d->dense + (size_t)bit * w2 + d->words;
		uint32_t count = 0;
		for (uint32_t w = 0; w < d->words; w++)
			for (uint64_t rest = which[w]; rest; rest &= rest - 1)
				d->sources[count++] =
					d->bytes +
					(size_t)d->chosen[w * 64 + (uint32_t)__builtin_ctzll(rest)] * d->size;
		xor_gather(fragment(out, d->inactive_columns[bit]), NULL, d->sources, count, d->size);
	}
}

int fountain_decode(struct fountain_decoder *d, uint8_t *bytes, size_t length)
{
	uint32_t k = d->code->fragments;
	size_t before = (size_t)(k - 1) * d->size;

	if (!d->done || length <= before || length > before + d->size)
		return -1;
	uint8_t *last = malloc(d->size);
	if (!last)
		return -1;
	struct out out = {bytes, last, k, d->size};
	solve_in_order(d, &out, 0, false);
	if (d->inactive) {
		solve_inactive(d, &out);
		solve_in_order(d, &out, d->inactive_from, true);
	}
	memcpy(bytes + before, last, length - before);
	free(last);
	return 0;
}

uint32_t fountain_symbols(const struct fountain_decoder *d)
{
	return d->rows;
}

uint32_t fountain_inactive(const struct fountain_decoder *d)
{
	return d->inactive;
}
