/* Inputs: see the header. */
#include "harness/record/inputs.h"

#include "harness/experiment/companions.h"
#include "lib/base/error.h"
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The length of the folder of the experiment's file, in its path, and how to write it. */
static int folder_of(const struct experiment *e, const char **text)
{
	const char *slash = strrchr(e->path, '/');
	*text = slash ? e->path : ".";
	return slash ? (int)(slash - e->path) : 1;
}

static int join(char path[PATH_MAX], const char *folder, int length, const char *name, char **error)
{
	return snprintf(path, PATH_MAX, "%.*s/%s", length, folder, name) < PATH_MAX
		       ? 0
		       : error_set(error, "%s: the path is too long", name);
}

int inputs_check_network(const struct experiment *e, const char *root, char **error)
{
	char own[NAME_MAX], here[PATH_MAX], there[PATH_MAX];
	/* What a topology is made of: its layout, and how that becomes nodes, links and routes. */
	const char *const files[] = {own, "topologies/links.py", "topologies/network.py"};
	const char *folder;
	int length = folder_of(e, &folder);
	snprintf(own, sizeof own, "topologies/%s.py", e->topology->name);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (join(here, folder, length, files[i], error) < 0 ||
			join(there, root, (int)strlen(root), files[i], error) < 0)
			return -1;
		/* A network that only the user has is the user's own. */
		if (i == 0 && access(there, F_OK) < 0)
			continue;
		if (access(here, F_OK) == 0 && !companions_equal(here, there))
			return error_set(error,
				"%s differs from %s, so the network may be another one: set LIQUIDNET_ROOT=%.*s to take the folder's (rerun.sh does), or remove %.*s/topologies to take this version's",
				here, there, length, folder, length, folder);
	}
	return 0;
}

bool inputs_in_data(const char *file)
{
	const char *rest = file + 5, *slash;
	if (strncmp(file, "data/", 5) != 0 || !*rest || *rest == '/' || strstr(file, ".."))
		return false;
	slash = strchr(rest, '/');
	return !slash || (slash[1] && !strchr(slash + 1, '/'));
}

char *inputs_notes(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *notes;
	if (asprintf(&notes, "%.*snotes.yaml", slash ? (int)(slash - file + 1) : 0, file) < 0)
		abort();
	return notes;
}

/* Before systems had folders of their own: data/FILE. */
static char *find_below(const char *root, const char *file)
{
	char pattern[PATH_MAX];
	glob_t found;
	if (strncmp(file, "data/", 5) != 0 || strchr(file + 5, '/') ||
		snprintf(pattern, sizeof pattern, "%s/data/*/%s", root, file + 5) >= (int)sizeof pattern ||
		glob(pattern, 0, NULL, &found) != 0)
		return NULL;
	char *path = strdup(found.gl_pathv[0]);
	globfree(&found);
	return path;
}

char *inputs_path(const char *folder, const char *root, const char *file)
{
	char *path;
	if (*file == '/')
		return strdup(file);
	if (asprintf(&path, "%s/%s", folder, file) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	if (asprintf(&path, "%s/%s", root, file) < 0)
		return NULL;
	char *below = access(path, R_OK) == 0 ? NULL : find_below(root, file);
	if (!below)
		return path;
	free(path);
	return below;
}

/* Makes the folders that a file of data/ lies in. */
static int make_folders(const char *folder, const char *name, char **error)
{
	char to[PATH_MAX];
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (snprintf(to, sizeof to, "%s/%.*s", folder, (int)(slash - name), name) >= (int)sizeof to)
			return error_set(error, "%s: the path is too long", name);
		if (mkdir(to, 0755) < 0 && errno != EEXIST)
			return error_set(error, "%s: %s", to, strerror(errno));
	}
	return 0;
}

static int copy_one(const char *name, const char *from, const char *folder, char **error)
{
	char to[PATH_MAX], buffer[65536];
	size_t n;
	if (make_folders(folder, name, error) < 0 || join(to, folder, (int)strlen(folder), name, error) < 0)
		return -1;
	FILE *in = fopen(from, "re"), *out = in ? fopen(to, "wxe") : NULL;
	bool bad = !out && errno != EEXIST; /* several procedures are compared with one file */
	while (out && (n = fread(buffer, 1, sizeof buffer, in)) > 0)
		fwrite(buffer, 1, n, out);
	if (out)
		bad = ferror(in) || ferror(out);
	if (out && fclose(out) != 0)
		bad = true;
	if (in)
		fclose(in);
	return bad ? error_set(error, "copying %s to %s: %s", from, to, strerror(errno)) : 0;
}

/* A file of data/; others are not kept in bundles. */
static int copy_published(
	const struct experiment *e, const char *name, const char *root, const char *to, char **error)
{
	char here[PATH_MAX], there[PATH_MAX];
	const char *folder;
	int length = folder_of(e, &folder);
	if (!name || !inputs_in_data(name))
		return 0;
	if (join(here, folder, length, name, error) < 0 ||
		join(there, root, (int)strlen(root), name, error) < 0)
		return -1;
	return access(here, R_OK) < 0 || companions_equal(here, there) ? 0 : copy_one(name, here, to, error);
}

/* A file and the notes on it. */
static int copy_with_notes(
	const struct experiment *e, const char *name, const char *root, const char *to, char **error)
{
	if (!name)
		return 0;
	char *notes = inputs_notes(name);
	int result = copy_published(e, name, root, to, error);
	if (result == 0)
		result = copy_published(e, notes, root, to, error);
	free(notes);
	return result;
}

int inputs_copy_published(const struct experiment *e, const char *root, const char *folder, char **error)
{
	for (size_t i = 0; i < e->procedures_count; i++)
		if (copy_with_notes(e, e->procedures[i].published.file, root, folder, error) < 0)
			return -1;
	return copy_with_notes(e, e->subflow_bytes.file, root, folder, error);
}
