/* Notes: see the header. */
#include "harness/cells/notes.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_effect(const struct conf_node *at, const char *word, enum note_effect *effect, char **error)
{
	static const char *const words[] = {"context", "explains-higher", "explains-lower", "incomparable"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(words[i], word)) {
			*effect = (enum note_effect)i;
			return 0;
		}
	return conf_error(at, error,
		"effect `%s`; write context, explains-higher, explains-lower or incomparable", word);
}

static int read_note(struct notes *notes, const struct conf_node *at, char **error)
{
	static const char *const keys[] = {"table", "rows", "columns", "procedures", "experiments", "except",
		"where", "effect", "text", NULL};
	const char *where, *effect;

	if (notes->count == NOTES_MAX)
		return conf_error(at, error, "more than %d notes; join some", NOTES_MAX);
	struct note *note = &notes->items[notes->count];
	if (conf_only(at, keys, error) < 0 || conf_need_string(at, "table", &note->table, error) < 0 ||
		conf_string(at, "rows", "*", &note->rows, error) < 0 ||
		conf_string(at, "columns", "*", &note->columns, error) < 0 ||
		conf_string(at, "procedures", "*", &note->procedures, error) < 0 ||
		conf_string(at, "experiments", "*", &note->experiments, error) < 0 ||
		conf_string(at, "except", "", &note->except, error) < 0 ||
		conf_string(at, "where", "everywhere", &where, error) < 0 ||
		conf_need_string(at, "effect", &effect, error) < 0 ||
		conf_need_string(at, "text", &note->text, error) < 0 ||
		read_effect(conf_child(at, "effect"), effect, &note->effect, error) < 0)
		return -1;
	note->lossy = !strcmp(where, "lossy");
	if (!note->lossy && strcmp(where, "everywhere"))
		return conf_error(
			conf_child(at, "where"), error, "where `%s`; write lossy, or leave it out", where);
	notes->count++;
	return 0;
}

static int read_all(struct notes *notes, struct conf *conf, char **error)
{
	static const char *const keys[] = {"notes", NULL};
	if (!conf)
		return -1;
	if (notes->files_count == NOTES_FILES_MAX) {
		conf_free(conf);
		return error_set(error, "more than %d files of notes", NOTES_FILES_MAX);
	}
	notes->files[notes->files_count++] = conf;
	const struct conf_node *root = conf_root(conf), *list;

	if (conf_only(root, keys, error) < 0)
		return -1;
	if (!(list = conf_child(root, "notes")))
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *one = conf_first(list); one; one = one->next)
		if (read_note(notes, one, error) < 0)
			return -1;
	return 0;
}

int notes_load(struct notes *notes, const char *path, char **error)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return read_all(notes, conf_load(path, error), error);
}

int notes_parse(struct notes *notes, const char *name, const char *text, size_t length, char **error)
{
	return read_all(notes, conf_parse(name, text, length, error), error);
}

void notes_free(struct notes *notes)
{
	for (size_t i = 0; i < notes->files_count; i++)
		conf_free(notes->files[i]);
	memset(notes, 0, sizeof *notes);
}

/* Whether one of the patterns fits. */
static bool fits(const char *patterns, const char *name)
{
	char pattern[256];

	for (;;) {
		size_t length = strcspn(patterns, "|");
		snprintf(pattern, sizeof pattern, "%.*s", (int)length, patterns);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
		if (!patterns[length])
			return false;
		patterns += length + 1;
	}
}

bool note_applies(const struct note *note, const char *file, const char *row, const char *column,
	const char *experiment, const char *procedure, bool lossy)
{
	const char *slash = strrchr(file, '/');
	return (fits(note->table, file) || (slash && fits(note->table, slash + 1))) &&
	       (lossy || !note->lossy) && fits(note->rows, row) && fits(note->columns, column) &&
	       fits(note->procedures, procedure) && fits(note->experiments, experiment) &&
	       !fits(note->except, experiment);
}
