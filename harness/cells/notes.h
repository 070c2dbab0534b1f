/* Notes: what is known about published values, as data (data/notes.yaml): which tables, rows and columns a
 * note is about, and what it means for a comparison with them. The values themselves are never changed. */
#ifndef LIQUIDNET_NOTES_H
#define LIQUIDNET_NOTES_H

#include "lib/base/conf.h"
#include <stdbool.h>
#include <stddef.h>

#define NOTES_FILES_MAX 16
#define NOTES_MAX 64 /* so that a cell's notes are the bits of one word */

enum note_effect {
	NOTE_CONTEXT,         /* worth knowing */
	NOTE_EXPLAINS_HIGHER, /* a known cause why a measured value is higher than the published one */
	NOTE_EXPLAINS_LOWER,
	NOTE_INCOMPARABLE, /* the published value is not what its place says */
};

/* Patterns are the shell's (fnmatch), several separated by `|`. Strings live as long as the notes. */
struct note {
	const char *table;       /* the files, as experiments name them */
	const char *rows;        /* of configurations */
	const char *columns;     /* of the table */
	const char *procedures;  /* of the experiment's procedures */
	const char *experiments; /* that it is about */
	const char *except;      /* experiments that it is not about; "": none */
	bool lossy;              /* only where the configuration has loss on a link */
	enum note_effect effect;
	const char *text;
};

struct notes {
	struct note items[NOTES_MAX];
	size_t count;
	struct conf *files[NOTES_FILES_MAX];
	size_t files_count;
};

/* Adds those of a file; one that does not exist holds no notes. `notes` is {0} before the first. -1 with *error ("FILE:LINE: ..."). notes_free is due
 * either way. */
int notes_load(struct notes *notes, const char *path, char **error);
/* The same from a text in memory; `name` stands for the file in messages. */
int notes_parse(struct notes *notes, const char *name, const char *text, size_t length, char **error);
void notes_free(struct notes *notes);

/* Whether a note is about a value: of a file, row and column, that a procedure of an experiment is compared
 * with in a configuration with or without loss. */
bool note_applies(const struct note *note, const char *file, const char *row, const char *column,
	const char *experiment, const char *procedure, bool lossy);

#endif
