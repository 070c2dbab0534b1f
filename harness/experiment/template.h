/* Template: text with ${NAME} in it. What a name stands for is the caller's business. */
#ifndef LIQUIDNET_TEMPLATE_H
#define LIQUIDNET_TEMPLATE_H

#include "lib/base/pool.h"

/* Returns the text for a name, or NULL with *error; the result lives as long as the caller's pool. */
typedef const char *(*template_lookup)(void *context, const char *name, char **error);

/* The text with every ${NAME} replaced, on `pool`. `$$` is a dollar. NULL with *error. */
char *template_expand(
	struct pool *pool, const char *text, template_lookup lookup, void *context, char **error);

#endif
