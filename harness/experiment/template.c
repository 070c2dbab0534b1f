/* Template: see the header. */
#include "harness/experiment/template.h"

#include "lib/base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int expand(FILE *out, const char *text, template_lookup lookup, void *context, char **error)
{
	for (const char *at = text; *at;) {
		if (at[0] == '$' && at[1] == '$') {
			fputc('$', out);
			at += 2;
		} else if (at[0] == '$' && at[1] == '{') {
			const char *end = strchr(at, '}');
			if (!end)
				return error_set(error, "`${` without `}` in `%s`", text);
			char name[128];
			size_t length = (size_t)(end - at - 2);
			if (length == 0 || length >= sizeof name)
				return error_set(error, "the name in `%.*s` is empty or too long",
					(int)(end - at + 1), at);
			memcpy(name, at + 2, length);
			name[length] = 0;
			const char *value = lookup(context, name, error);
			if (!value)
				return -1;
			fputs(value, out);
			at = end + 1;
		} else {
			fputc(*at++, out);
		}
	}
	return 0;
}

char *template_expand(
	struct pool *pool, const char *text, template_lookup lookup, void *context, char **error)
{
	char *buffer = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&buffer, &size);
	if (!out)
		abort();
	int result = expand(out, text, lookup, context, error);
	fclose(out);
	char *copy = result == 0 ? pool_strdup(pool, buffer) : NULL;
	free(buffer);
	return copy;
}
