/* Templates: pages as texts with tags, after mustache (mustache.github.io, mustache(5)): what is written beside the tags
 * stands in the page as it is, and tags are filled in from JSON. Pure.
 *
 *   {{name}}             the value, escaped for HTML (text_html); a.b.c leads into objects; . is the current item
 *   {{{name}}} {{&name}} the value as it is
 *   {{name|format}}      the value as one of the caller's formats writes it
 *   {{name|format 2}} {{name|format key}}   with a number: itself, or the value of a key
 *   {{#name}}...{{/name}}   once for each item of a list, and once for any other value that is not false; the item, or
 *                        the object, is asked for names first, then what is around it
 *   {{^name}}...{{/name}}   once for what is false: not there, null, false, 0, "" or an empty list
 *   {{>name}}            another template of the set, with the values that hold here
 *   {{!anything}}        nothing
 *
 * In a section of a list @first and @last tell whether the item is, and @number counts them from 1; LIST.@count is how
 * many a list has. A tag for a section, a
 * template or nothing takes the whole line when it stands alone on it. Unlike mustache's, a variable that is nowhere is an
 * error: a slip of the pen would else be a hole in a page. Templates do not change their tags' brackets, and do not indent
 * the templates that they take. */
#ifndef LIQUIDNET_TEMPLATE_H
#define LIQUIDNET_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#define TEMPLATE_DEPTH 24          /* of sections and templates in each other */
#define TEMPLATE_STEPS 100000000ul /* enough for any page */

struct templates;

struct template_source { /* outlives the set */
	const char *name, *text;
	size_t length;
};
struct template_format {
	const char *name;
	void (*put)(FILE *out, const json_t *value, int number); /* number: 0 where the tag has none */
};

/* Reads a set of templates; a template takes only those that stand before it. `formats` end with a NULL name and outlive
 * the set. NULL with *error: "NAME:LINE: what". */
struct templates *templates_parse(const struct template_source *sources, size_t count,
	const struct template_format *formats, char **error);
void templates_free(struct templates *templates);
/* Writes a template of the set with the values of an object. `steps`: the most tags and texts that may be written, so that
 * sections in sections over long lists end. 0, or -1 with *error: "NAME:LINE: what"; a part of it is written then. */
int templates_write(const struct templates *templates, const char *name, const json_t *values, size_t steps,
	FILE *out, char **error);

#endif
