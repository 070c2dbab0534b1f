/* Scenarios are words KEY=VALUE. All simulators read the values of their words here, so that the same mistake has the same
 * message everywhere.
 *
 * Each reader returns 0, or -1 with the line "KEY=VALUE: what it must be" in *error; *out is then untouched. Bounds are
 * inclusive, and the line has them in the form in which a value is written. */
#ifndef LIQUIDNET_SIM_WORDS_H
#define LIQUIDNET_SIM_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* The usual upper bounds. */
#define WORD_RATE_MOST UINT64_C(1000000000000) /* bit/s */
#define WORD_HOUR INT64_C(3600000000000)       /* ns */

/* Cuts `word` at its first `=`: the value, or NULL with *error where there is none. */
const char *word_cut(char *word, char **error);

/* The place of the value among the names, the last of which is NULL; or -1. */
int word_choice(const char *key, const char *value, const char *const names[], char **error);
/* "yes" or "no" */
int word_yes(const char *key, const char *value, bool *out, char **error);
/* Bounds from 0 to UINT_MAX. */
int word_count(const char *key, const char *value, int64_t least, int64_t most, unsigned *out, char **error);
/* A decimal fraction. */
int word_number(const char *key, const char *value, double least, double most, double *out, char **error);
/* "70%": 0 to 1 */
int word_share(const char *key, const char *value, double *out, char **error);
/* Bytes. */
int word_size(const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *out, char **error);
/* Bits a second. */
int word_rate(const char *key, const char *value, uint64_t least, uint64_t most, uint64_t *out, char **error);
/* Nanoseconds; bounds of 0 or more. */
int word_time(const char *key, const char *value, int64_t least, int64_t most, int64_t *out, char **error);
/* Picoseconds, from least_ns to an hour. */
int word_ps(const char *key, const char *value, int64_t least_ns, uint64_t *out, char **error);

/* For what is none of these: the line "KEY=VALUE: WHAT". Returns -1. */
int word_refuse(const char *key, const char *value, const char *what, char **error);

/* A list of names as people read it, for messages: begin with "" and add one after the other. Where
 * no more fits, it ends in "...". */
#define WORD_LIST 512
void word_list_add(char list[WORD_LIST], const char *name);
/* The line "no setting `KEY`; there are LIST". Returns -1. */
int word_unknown(const char *key, const char *list, char **error);

#endif
