/* Folders: mkdir -p. */
#ifndef LIQUIDNET_FOLDERS_H
#define LIQUIDNET_FOLDERS_H

#include <sys/types.h>

/* Makes a folder of the given mode and what lacks above it (0755); one that is there stays as it is. -1 with
 * *error that names the folder. */
int folders_make(const char *path, mode_t mode, char **error);

#endif
