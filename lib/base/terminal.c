/* Terminal: see the header. */
#include "lib/base/terminal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_draws(FILE *out)
{
	const char *kind = getenv("TERM");
	int fd = fileno(out);

	return fd >= 0 && isatty(fd) && !(kind && !strcmp(kind, "dumb"));
}

bool terminal_colors(FILE *out)
{
	const char *unwanted = getenv("NO_COLOR");

	return terminal_draws(out) && !(unwanted && *unwanted);
}
