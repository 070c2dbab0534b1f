/* The link daemon's configuration: any text gives settings or one line; what is accepted survives being written and
 * read again. */
#include "nodes/link/settings.c"

#include <stdlib.h>
#include <string.h>

static void go_round(const struct shape *shape)
{
	char *text = shape_text(shape), *error = NULL;
	struct shape again = {0};
	struct conf *conf = conf_parse("again", text, strlen(text), &error);
	/* `seed` is the daemon's own key and in the text: shape_read takes it. */
	if (!conf || shape_read(conf_root(conf), &again, &error) < 0 || !shape_equal(shape, &again))
		abort();
	conf_free(conf);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct settings *settings = settings_parse("fuzz", (const char *)data, size, &error);
	if ((settings == NULL) != (error != NULL) || (error && strchr(error, '\n')))
		abort();
	for (size_t i = 0; settings && i < settings->count; i++)
		for (int k = 0; k < 2; k++)
			go_round(&settings->links[i].direction[k]);
	settings_free(settings);
	free(error);
	return 0;
}
