/* Templates: see the header. A template is read once, into a list of texts and tags in which a section knows where it
 * ends; writing walks the list. Values are looked up in a chain of frames on the stack, one per section. */
#include "harness/page/template.h"

#include "harness/page/text.h"
#include "lib/base/error.h"
#include "lib/base/pool.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum token_kind { TEXT, VARIABLE, RAW, SECTION, INVERTED, END, PARTIAL, COMMENT };

struct token {
	enum token_kind kind;
	unsigned line;
	const char *text; /* TEXT: as long as `length`; else the name */
	size_t length;
	size_t end;                           /* SECTION, INVERTED: index of its END */
	const struct template_format *format; /* or NULL */
	const char *number;                   /* of the format: digits or a key; or NULL */
	size_t partial;                       /* index of the template */
};

struct template
{
	const char *name;
	struct token *tokens;
	size_t count, room;
};

struct templates {
	struct pool *pool;
	const struct template_format *formats;
	struct template *items;
	size_t count;
};

/* ---- reading */

struct reader {
	struct templates *set;
	struct template *into;
	const char *text, *at, *end;
	unsigned line;
	size_t open[TEMPLATE_DEPTH]; /* sections that have not ended */
	size_t depth;
};

static int fault(const struct reader *r, char **error, const char *what, const char *name)
{
	return error_set(error, "%s:%u: %s%s%s", r->into->name, r->line, what, *name ? " " : "", name);
}

static struct token *add(struct reader *r, enum token_kind kind)
{
	struct template *t = r->into;

	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		t->tokens = pool_grow(r->set->pool, t->tokens, t->room, room, sizeof *t->tokens);
		t->room = room;
	}
	struct token *token = &t->tokens[t->count++];
	*token = (struct token){.kind = kind, .line = r->line};
	return token;
}

static void add_text(struct reader *r, const char *from, const char *to)
{
	if (from == to)
		return;
	struct token *token = add(r, TEXT);
	token->text = from;
	token->length = (size_t)(to - from);
}

static const char *find(const char *from, const char *end, const char *what)
{
	return memmem(from, (size_t)(end - from), what, strlen(what));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a tag stands alone on its line. Then *from goes back to the line's begin and *to on to the next line's. */
static bool stands_alone(const struct reader *r, const char **from, const char **to)
{
	const char *begin = *from, *end = *to;

	while (begin > r->text && is_blank(begin[-1]))
		begin--;
	if (begin > r->text && begin[-1] != '\n')
		return false;
	while (end < r->end && is_blank(*end))
		end++;
	if (end < r->end && *end == '\r')
		end++;
	if (end < r->end && *end != '\n')
		return false;
	*from = begin;
	*to = end < r->end ? end + 1 : end;
	return true;
}

/* The next word between blanks; NULL: there is none. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t\r\n");
	size_t length = strcspn(word, " \t\r\n");

	*rest = word + length;
	if (!length)
		return NULL;
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

/* NAME, or NAME|FORMAT, or NAME|FORMAT NUMBER. */
static int read_words(struct reader *r, struct token *token, char *words, char **error)
{
	char *bar = token->kind == VARIABLE ? strchr(words, '|') : NULL, *format = NULL;

	if (bar) {
		*bar++ = '\0';
		if (!(format = next_word(&bar)))
			return fault(r, error, "a format is named after |", "");
		token->number = next_word(&bar);
	}
	token->text = next_word(&words);
	if (!token->text)
		return fault(r, error, "a tag without a name", "");
	if (next_word(&words) || (bar && next_word(&bar)))
		return fault(r, error, "more than a name in the tag of", token->text);
	for (const struct template_format *f = r->set->formats; format && f && f->name; f++)
		if (strcmp(f->name, format) == 0)
			token->format = f;
	return !format || token->format ? 0 : fault(r, error, "no format", format);
}

static int open_section(struct reader *r, char **error)
{
	if (r->depth == TEMPLATE_DEPTH)
		return fault(r, error, "sections too deep in each other", "");
	r->open[r->depth++] = r->into->count - 1;
	return 0;
}

static int close_section(struct reader *r, const char *name, char **error)
{
	if (!r->depth)
		return fault(r, error, "no section to end:", name);
	struct token *begin = &r->into->tokens[r->open[--r->depth]];
	if (strcmp(begin->text, name) != 0)
		return fault(r, error, "another section is open, not", name);
	begin->end = r->into->count - 1;
	return 0;
}

static int find_partial(const struct reader *r, struct token *token, char **error)
{
	for (const struct template *t = r->set->items; t < r->into; t++)
		if (strcmp(t->name, token->text) == 0) {
			token->partial = (size_t)(t - r->set->items);
			return 0;
		}
	return fault(r, error, "no template before this one is", token->text);
}

static int read_tag(struct reader *r, enum token_kind kind, const char *from, const char *to, char **error)
{
	struct token *token = add(r, kind);
	char *words = pool_alloc(r->set->pool, (size_t)(to - from) + 1, 1);

	memcpy(words, from, (size_t)(to - from));
	if (read_words(r, token, words, error) < 0)
		return -1;
	switch (kind) {
	case SECTION:
	case INVERTED:
		return open_section(r, error);
	case END:
		return close_section(r, token->text, error);
	case PARTIAL:
		return find_partial(r, token, error);
	default:
		return 0;
	}
}

static enum token_kind kind_of(char sigil)
{
	static const char sigils[] = "&#^/>!{";
	static const enum token_kind kinds[] = {RAW, SECTION, INVERTED, END, PARTIAL, COMMENT, RAW};
	const char *found = sigil ? strchr(sigils, sigil) : NULL;

	return found ? kinds[found - sigils] : VARIABLE;
}

static void count_lines(struct reader *r, const char *from, const char *to)
{
	for (; from < to; from++)
		r->line += *from == '\n';
}

static int read_template(struct reader *r, char **error)
{
	while (r->at < r->end) {
		const char *open = find(r->at, r->end, "{{");
		if (!open) {
			add_text(r, r->at, r->end);
			break;
		}
		count_lines(r, r->at, open);
		const char *name = open + 2;
		char sigil = name < r->end ? *name : '\0';
		const char *close = find(name, r->end, sigil == '{' ? "}}}" : "}}");
		if (!close)
			return fault(r, error, "a tag does not end", "");
		enum token_kind kind = kind_of(sigil);
		const char *from = open, *to = close + (sigil == '{' ? 3 : 2);
		if (kind != VARIABLE && kind != RAW)
			stands_alone(r, &from, &to);
		if (from > r->at)
			add_text(r, r->at, from);
		if (kind != COMMENT && read_tag(r, kind, name + (kind != VARIABLE), close, error) < 0)
			return -1;
		count_lines(r, open, to);
		r->at = to;
	}
	return r->depth ? fault(r, error,
				  "a section does not end:", r->into->tokens[r->open[r->depth - 1]].text)
			: 0;
}

struct templates *templates_parse(const struct template_source *sources, size_t count,
	const struct template_format *formats, char **error)
{
	struct pool *pool = pool_new();
	struct templates *set = pool_alloc(pool, 1, sizeof *set);

	*set = (struct templates){pool, formats, pool_alloc(pool, count, sizeof *set->items), 0};
	for (; set->count < count; set->count++) {
		const struct template_source *source = &sources[set->count];
		struct reader r = {set, &set->items[set->count], source->text, source->text,
			source->text + source->length, 1, {0}, 0};
		r.into->name = pool_strdup(pool, source->name);
		if (read_template(&r, error) < 0) {
			pool_free(pool);
			return NULL;
		}
	}
	return set;
}

void templates_free(struct templates *templates)
{
	if (templates)
		pool_free(templates->pool);
}

/* ---- writing */

struct value {
	const json_t *json; /* NULL: it is nowhere, or counted */
	bool counted;
	json_int_t count; /* @number, @count */
};

struct frame { /* what a section has put before the names around it */
	const struct frame *around;
	struct value value;
	size_t number, count; /* in a list; number 0: in none */
};

struct writer {
	const struct templates *set;
	FILE *out;
	size_t steps; /* left */
	size_t depth;
	char **error;
};

static struct value from_json(const json_t *json)
{
	return (struct value){json, false, 0};
}

static struct value from_count(size_t count)
{
	return (struct value){NULL, true, (json_int_t)count};
}

/* Of the nearest list that is walked. */
static struct value position(const struct frame *frame, const char *name)
{
	while (frame && !frame->number)
		frame = frame->around;
	if (frame && strcmp(name, "@number") == 0)
		return from_count(frame->number);
	if (frame && strcmp(name, "@first") == 0)
		return from_json(frame->number == 1 ? json_true() : json_false());
	if (frame && strcmp(name, "@last") == 0)
		return from_json(frame->number == frame->count ? json_true() : json_false());
	return from_json(NULL);
}

/* Goes down a dotted path; its first name is in the nearest frame that has it. */
static struct value look_up(const struct frame *frame, const char *path)
{
	const json_t *value = NULL;
	char name[128];

	if (strcmp(path, ".") == 0)
		return frame->value;
	if (*path == '@')
		return position(frame, path);
	for (bool first = true; *path; first = false) {
		size_t length = strcspn(path, ".");
		snprintf(name, sizeof name, "%.*s", (int)length, path);
		path += length + (path[length] == '.');
		if (!first && strcmp(name, "@count") == 0)
			return from_count(json_array_size(value));
		if (!first)
			value = json_object_get(value, name);
		for (const struct frame *f = frame; first && f && !value; f = f->around)
			value = json_object_get(f->value.json, name);
	}
	return from_json(value);
}

static bool is_false(struct value value)
{
	const json_t *json = value.json;

	if (value.counted)
		return value.count == 0;
	return !json || json_is_null(json) || json_is_false(json) ||
	       (json_is_array(json) && !json_array_size(json)) ||
	       (json_is_string(json) && !json_string_length(json)) ||
	       (json_is_number(json) && json_number_value(json) == 0);
}

static int refuse(struct writer *w, const struct template *t, const struct token *token, const char *what)
{
	return error_set(w->error, "%s:%u: %s `%s`", t->name, token->line, what, token->text);
}

static void put_value(struct writer *w, struct value of, bool raw)
{
	const json_t *value = of.json;

	if (of.counted)
		fprintf(w->out, "%lld", (long long)of.count);
	else if (json_is_string(value) && raw)
		fputs(json_string_value(value), w->out);
	else if (json_is_string(value))
		text_html(w->out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(w->out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		fprintf(w->out, "%.12g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", w->out);
}

/* The number of a format: digits, or the value of a key. */
static int number_of(struct writer *w, const struct template *t, const struct token *token,
	const struct frame *frame, int *number)
{
	char *end;
	long digits = strtol(token->number, &end, 10);

	if (*end) {
		struct value named = look_up(frame, token->number);
		if (!json_is_integer(named.json))
			return refuse(w, t, token, "the format has no number for");
		digits = (long)json_integer_value(named.json);
	}
	*number = digits < 0 || digits > 100 ? 0 : (int)digits;
	return 0;
}

static int put_variable(
	struct writer *w, const struct template *t, const struct token *token, const struct frame *frame)
{
	struct value value = look_up(frame, token->text);
	int number = 0;

	if (!value.json && !value.counted)
		return refuse(w, t, token, "there is no");
	if (json_is_object(value.json) || json_is_array(value.json))
		return refuse(w, t, token, "no text or number is");
	if (!token->format || value.counted) {
		put_value(w, value, token->kind == RAW);
		return 0;
	}
	if (token->number && number_of(w, t, token, frame, &number) < 0)
		return -1;
	token->format->put(w->out, value.json, number);
	return 0;
}

static int put_tokens(
	struct writer *w, const struct template *t, size_t from, size_t to, const struct frame *frame);

static int put_section(struct writer *w, const struct template *t, size_t at, const struct frame *around)
{
	const struct token *token = &t->tokens[at];
	struct value value = look_up(around, token->text);

	if (is_false(value) != (token->kind == INVERTED))
		return 0;
	struct frame frame = {around, token->kind == INVERTED ? around->value : value, 0, 0};
	if (token->kind == INVERTED || !json_is_array(value.json))
		return put_tokens(w, t, at + 1, token->end, &frame);
	frame.count = json_array_size(value.json);
	for (size_t i = 0; i < frame.count; i++) {
		frame.value = from_json(json_array_get(value.json, i));
		frame.number = i + 1;
		if (put_tokens(w, t, at + 1, token->end, &frame) < 0)
			return -1;
	}
	return 0;
}

static int put_token(struct writer *w, const struct template *t, size_t at, const struct frame *frame)
{
	const struct token *token = &t->tokens[at];

	switch (token->kind) {
	case TEXT:
		fwrite(token->text, 1, token->length, w->out);
		return 0;
	case SECTION:
	case INVERTED:
		return put_section(w, t, at, frame);
	case PARTIAL: {
		const struct template *partial = &w->set->items[token->partial];
		return put_tokens(w, partial, 0, partial->count, frame);
	}
	default:
		return put_variable(w, t, token, frame);
	}
}

static int put_tokens(
	struct writer *w, const struct template *t, size_t from, size_t to, const struct frame *frame)
{
	if (w->depth == 2 * TEMPLATE_DEPTH)
		return error_set(w->error, "%s: templates too deep in each other", t->name);
	w->depth++;
	for (size_t i = from; i < to; i++) {
		const struct token *token = &t->tokens[i];
		if (!w->steps--)
			return error_set(w->error, "%s:%u: the page has no end", t->name, token->line);
		if (token->kind != END && put_token(w, t, i, frame) < 0)
			return -1;
		if (token->kind == SECTION || token->kind == INVERTED)
			i = token->end;
	}
	w->depth--;
	return 0;
}

int templates_write(const struct templates *templates, const char *name, const json_t *values, size_t steps,
	FILE *out, char **error)
{
	struct frame frame = {NULL, from_json(values), 0, 0};
	struct writer w = {.set = templates, .out = out, .steps = steps, .error = error};

	for (size_t i = 0; i < templates->count; i++) {
		const struct template *t = &templates->items[i];
		if (strcmp(t->name, name) == 0)
			return put_tokens(&w, t, 0, t->count, &frame);
	}
	return error_set(error, "there is no template `%s`", name);
}
