/* A fountain code. It makes any number of symbols from K fragments; each symbol is the exclusive or of a few fragments, which its seed
 * chooses. Any symbols, a few more than K of them, give the fragments back. The code is Luby's LT code (FOCS 2002) with the Robust
 * Soliton distribution. It is decoded by peeling; where peeling stops, by elimination over GF(2) of as few fragments as possible
 * (inactivation). Trilogy2 D1.1, 4.2.2.1 leaves the code open. With this code K = 750 needs 0.95 % more symbols. Where one sender serves a
 * receiver there is a second code, a systematic one: its first K symbols are the fragments. Pure: no clock, no socket. Nothing is
 * allocated per symbol. */
#ifndef LIQUIDNET_TREVI_FOUNTAIN_H
#define LIQUIDNET_TREVI_FOUNTAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOUNTAIN_FRAGMENTS (1u << 24) /* most of a code */
#define FOUNTAIN_C 0.03
#define FOUNTAIN_DELTA 0.5
/* The code of tracts with few fragments, where every symbol too many counts. Elimination needs no symbols of one or two fragments to begin
 * with, and among few fragments such symbols only repeat what is known; so they have three. Measured (README.md): 1.6 to 1.8 symbols too
 * many from 24 fragments on, where a random binary matrix has 1.6; with delta 0.05 and symbols from one fragment on it was 3.4 to 5.
 * Tracts of FOUNTAIN_FEW fragments or more keep the other code, because this one makes decoding slower. */
#define FOUNTAIN_DELTA_FEW 0.005
#define FOUNTAIN_LEAST_FEW 3
#define FOUNTAIN_FEW 500
#define FOUNTAIN_C_FEWER 0.06
#define FOUNTAIN_FEWER 24
/* With fewer fragments there are not enough choices of three (of three fragments there is one): their symbols begin with one. */
#define FOUNTAIN_FEWEST 8
#define FOUNTAIN_DELTA_FEWEST 0.05

/* The distribution of degrees for K fragments; shared by any number of encoders and decoders. */
struct fountain_code;

/* Robust Soliton with the parameters c and delta. Symbols that would have fewer than `least` fragments have `least` (1: no such minimum). NULL:
 * no memory, or not 1 <= fragments <= FOUNTAIN_FRAGMENTS. */
struct fountain_code *fountain_code_new(uint32_t fragments, double c, double delta, uint32_t least);
/* The code of a tract with `fragments` fragments. Both ends of a session use it. */
struct fountain_code *fountain_code_of_tract(uint32_t fragments);
/* The systematic code. Seeds below K are the fragments themselves. The others are repair: the first is the sum of all fragments; the next ones
 * have each fragment with probability 1/2, because a sum of few would mostly have none of those that are missing. So one that is lost costs
 * one symbol, and L that are lost cost L + 1.6; without losses none is too many. Repair symbol FOUNTAIN_DENSE and later are only needed where so many are missing, and a
 * smaller share of all fragments has enough of those: the share is halved there, and whenever the number doubles, down to FOUNTAIN_LEAST_MEAN fragments per symbol. `salt`: so
 * that no two tracts have the same repair symbols. NULL: as above, or more than FOUNTAIN_SYSTEMATIC_MOST fragments: elimination would take
 * long after many losses, and the other code needs less than 0.5 % there. */
struct fountain_code *fountain_code_systematic(uint32_t fragments, uint64_t salt);
#define FOUNTAIN_SYSTEMATIC_MOST 2048
#define FOUNTAIN_DENSE 32
#define FOUNTAIN_LEAST_MEAN 8
/* A bad code for tests: every symbol has the same degree. */
struct fountain_code *fountain_code_constant(uint32_t fragments, uint32_t degree);
void fountain_code_free(struct fountain_code *code);
uint32_t fountain_code_fragments(const struct fountain_code *code);
double fountain_code_mean_degree(const struct fountain_code *code);

/* ---- encoder ---- */

struct fountain_encoder;

/* Encodes `length` bytes in fragments of `size` bytes; the last fragment counts as filled up with zeros. `bytes` is borrowed. The code must have
 * (length + size - 1) / size fragments. NULL: it has another number of fragments, or no memory. */
struct fountain_encoder *fountain_encoder_new(
	const struct fountain_code *code, const uint8_t *bytes, size_t length, uint32_t size);
void fountain_encoder_free(struct fountain_encoder *encoder);
/* The symbol of a seed: `size` bytes. */
void fountain_encode(struct fountain_encoder *encoder, uint32_t seed, uint8_t *symbol);

/* ---- decoder ---- */

enum fountain_added {
	FOUNTAIN_MORE,      /* more symbols are needed */
	FOUNTAIN_DONE,      /* enough: fountain_decode gives the bytes */
	FOUNTAIN_DUPLICATE, /* that seed was there already; nothing changed */
	FOUNTAIN_FULL       /* 2 K + FOUNTAIN_SPARE symbols and no solution; nothing changed */
};
#define FOUNTAIN_SPARE 64

struct fountain_decoder;

/* For symbols of `size` bytes. With `eliminate` false it only peels. NULL: no memory. */
struct fountain_decoder *fountain_decoder_new(
	const struct fountain_code *code, uint32_t size, bool eliminate);
void fountain_decoder_free(struct fountain_decoder *decoder);
/* Copies the symbol. `symbol` may be NULL if the caller only wants to know how many symbols are needed; nothing can be decoded then. */
enum fountain_added fountain_add(struct fountain_decoder *decoder, uint32_t seed, const uint8_t *symbol);
/* After FOUNTAIN_DONE: writes `length` bytes, which are K fragments without the filling. -1: not yet done. Wrong symbols give wrong bytes; the caller
 * checks a hash. */
int fountain_decode(struct fountain_decoder *decoder, uint8_t *bytes, size_t length);
uint32_t fountain_symbols(const struct fountain_decoder *decoder); /* that were added */
uint32_t fountain_inactive(
	const struct fountain_decoder *decoder); /* fragments that elimination had to find */

/* Writes the fragments that a seed chooses to `list` (room for K), and returns their number. For tests. */
uint32_t fountain_neighbours(const struct fountain_code *code, uint32_t seed, uint32_t *list);

#endif
