/* Space: see the header. */
#include "harness/machine/space.h"

#include "lib/base/error.h"
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define FILES_LEAST 64 /* of a trial: logs, outputs, captures */

int space_check(const char *folder, uint64_t bytes, char **error)
{
	struct statvfs space;
	if (statvfs(folder, &space) < 0)
		return error_set(error, "%s: %s", folder, strerror(errno));
	uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize, wanted = bytes + SPACE_LEAST;
	/* Some file systems count no files. */
	if (space.f_files > 0 && space.f_favail < FILES_LEAST)
		return error_set(error,
			"%s: the disk has room for %llu more files, a trial may make %d; make room", folder,
			(unsigned long long)space.f_favail, FILES_LEAST);
	if (free_bytes >= wanted)
		return 0;
	return error_set(error, "%s: the disk is full: %.1f MB are free, %.1f MB are needed; make room",
		folder, (double)free_bytes / 1e6, (double)wanted / 1e6);
}

uint64_t space_taken(const char *folder)
{
	char *const paths[] = {(char *)folder, NULL};
	uint64_t bytes = 0;
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *entry; tree && (entry = fts_read(tree));)
		if (entry->fts_info == FTS_F || entry->fts_info == FTS_D)
			bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
	if (tree)
		fts_close(tree);
	return bytes;
}
