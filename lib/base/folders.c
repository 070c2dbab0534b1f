/* Folders; see the header. */
#include "lib/base/folders.h"

#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int make(const char *path, mode_t mode, char **error)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return error_set(error, "%s: cannot make the directory: %s", path, strerror(errno));
}

int folders_make(const char *path, mode_t mode, char **error)
{
	char partial[PATH_MAX];
	if (!*path || (size_t)snprintf(partial, sizeof partial, "%s", path) >= sizeof partial)
		return error_set(error, "`%s` is no directory's name", path);
	for (char *at = partial + 1; *at; at++)
		if (*at == '/') {
			*at = '\0';
			if (make(partial, 0755, error) < 0)
				return -1;
			*at = '/';
		}
	return make(partial, mode, error);
}
