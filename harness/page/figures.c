/* Figures: one script for gnuplot, an output file a figure in a folder of our own, read back and rewritten
 * line by line. The rewriting relies on gnuplot's SVG driver writing an element a line, as it does. */
#include "harness/page/figures.h"
#include "harness/page/text.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT_MS = 120000 };

static const char *const roles[] = {
	"ink", "grid", "measured", "published", "muted", "series-1", "series-2", "series-3", "series-4"};

struct figure {
	char *title, *description;
	int width, height;
};

struct figures {
	char folder[32];
	char *script;
	size_t script_size;
	FILE *out;
	struct figure *items;
	size_t count;
};

struct figures *figures_new(void)
{
	struct figures *figures = calloc(1, sizeof *figures);

	if (!figures)
		return NULL;
	strcpy(figures->folder, "/tmp/liquidnet-XXXXXX");
	if (!mkdtemp(figures->folder))
		*figures->folder = '\0';
	figures->out = open_memstream(&figures->script, &figures->script_size);
	return figures;
}

static void output_path(const struct figures *figures, size_t index, char path[64])
{
	snprintf(path, 64, "%s/%zu.svg", figures->folder, index);
}

void figures_free(struct figures *figures)
{
	char path[64];

	if (!figures)
		return;
	for (size_t i = 0; i < figures->count; i++) {
		output_path(figures, i, path);
		unlink(path);
		free(figures->items[i].title);
		free(figures->items[i].description);
	}
	if (*figures->folder)
		rmdir(figures->folder);
	if (figures->out)
		fclose(figures->out);
	free(figures->script);
	free(figures->items);
	free(figures);
}

FILE *figures_begin(struct figures *figures, const char *title, const char *description, int width,
	int height, size_t *index)
{
	char path[64];

	*index = FIGURE_NONE;
	if (!figures || !figures->out)
		return NULL;
	struct figure *items = reallocarray(figures->items, figures->count + 1, sizeof *items);
	if (!items)
		return NULL;
	figures->items = items;
	*index = figures->count++;
	items[*index] = (struct figure){strdup(title), strdup(description), width, height};
	output_path(figures, *index, path);
	fprintf(figures->out,
		"reset\nset encoding utf8\n"
		"set terminal svg size %d,%d dynamic font 'sans-serif,13' noenhanced\nset output '%s'\n"
		"set border linecolor rgb '" FIGURE_MUTED "'\nset tics scale 0.4 textcolor rgb '" FIGURE_INK
		"'\nset key off textcolor rgb '" FIGURE_INK "'\n",
		width, height, path);
	return figures->out;
}

void figures_text(FILE *script, const char *text)
{
	fputc('\'', script);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', script);
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, script);
	}
	fputc('\'', script);
}

static int run_gnuplot(int script, char **error)
{
	const char *const argv[] = {"gnuplot", "-", NULL};
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL;

	options.argv = argv;
	options.stdin_fd = script;
	int status = process_run(&options, true, LIMIT_MS, &output, error);
	if (status > 0)
		error_set(error, "gnuplot ended with status %d: %s", status, output ? output : "");
	free(output);
	return status == 0 ? 0 : -1;
}

int figures_draw(struct figures *figures, char **error)
{
	if (!figures || !*figures->folder || !figures->out || fflush(figures->out))
		return error_set(error, "figures need memory, and room in /tmp");
	if (!figures->count)
		return 0;
	int script = memfd_create("figures", MFD_CLOEXEC), result = -1;
	FILE *copy = script >= 0 ? fdopen(dup(script), "w") : NULL;
	if (copy)
		fprintf(copy, "%sunset output\n", figures->script);
	if (copy && fclose(copy) == 0 && lseek(script, 0, SEEK_SET) == 0)
		result = run_gnuplot(script, error);
	else
		error_set(error, "the script for gnuplot cannot be written: %s", strerror(errno));
	if (script >= 0)
		close(script);
	return result;
}

/* The role that a colour stands for, and how long it is written: rgb(  1,   2, N), with or without blanks.
 * NULL: another colour. */
static const char *role_at(const char *text, size_t *length)
{
	int used = 0;
	unsigned role;

	if (strncmp(text, "rgb(", 4) || sscanf(text, "rgb( 1 , 2 , %u )%n", &role, &used) != 1 || !used ||
		role >= sizeof roles / sizeof *roles)
		return NULL;
	*length = (size_t)used;
	return roles[role];
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* One line: colours become roles, identifiers those of this figure, and titles that gnuplot made up go. */
static void rewrite(const char *line, size_t index, FILE *out)
{
	size_t length;

	for (const char *at = line, *role; *at;) {
		if ((role = role_at(at, &length))) {
			fprintf(out, "var(--c-%s)", role);
			at += length;
		} else if (begins(at, " id='") || begins(at, " id=\"") || begins(at, "href='#")) {
			length = *at == 'h' ? 7 : 5;
			fprintf(out, "%.*sf%zu-", (int)length, at, index);
			at += length;
		} else if (begins(at, "<title>") && strstr(at, "</title>")) {
			at = strstr(at, "</title>") + strlen("</title>");
		} else if (begins(at, "font-family=\"sans-serif\"")) {
			at += strlen("font-family=\"sans-serif\"");
		} else {
			fputc(*at++, out);
		}
	}
}

static void put_head(const struct figure *figure, size_t index, FILE *out)
{
	fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"f%zu-title f%zu-desc\">\n",
		figure->width, figure->height, index, index);
	fprintf(out, "<title id=\"f%zu-title\">", index);
	text_html(out, figure->title ? figure->title : "");
	fprintf(out, "</title><desc id=\"f%zu-desc\">", index);
	text_html(out, figure->description ? figure->description : "");
	fputs("</desc>\n", out);
}

int figures_put(const struct figures *figures, size_t index, FILE *out)
{
	char path[64], *line = NULL, *group = NULL;
	size_t room = 0;
	bool body = false, filter = false;

	if (!figures || index >= figures->count)
		return -1;
	output_path(figures, index, path);
	FILE *in = fopen(path, "re");
	if (!in)
		return -1;
	put_head(&figures->items[index], index, out);
	while (getline(&line, &room, in) >= 0) {
		body = body || begins(line, "<g id=\"gnuplot_canvas\"");
		filter = filter || strstr(line, "<filter"); /* of boxes around texts: not used */
		if (body && !filter && begins(line, "<g ") && !strstr(line, "</g>") && !group) {
			group = strdup(line);
		} else if (group && begins(line, "</g>")) { /* gnuplot writes many empty groups */
			free(group);
			group = NULL;
		} else if (body && !filter) {
			if (group)
				rewrite(group, index, out);
			free(group);
			group = begins(line, "<g ") ? strdup(line) : NULL;
			if (!group)
				rewrite(line, index, out);
		}
		filter = filter && !strstr(line, "</filter>");
	}
	free(group);
	free(line);
	fclose(in);
	return 0;
}
