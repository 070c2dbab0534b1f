/* Companions: see the header. */
#include "harness/experiment/companions.h"

#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* `path` as seen from the folder of `file`; NULL: it lies elsewhere. Both exist. */
static const char *below(const char *file, const char *path)
{
	char folder[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(file, '/');
	int length = snprintf(
		folder, sizeof folder, "%.*s", slash ? (int)(slash - file + 1) : 1, slash ? file : ".");
	if (length >= (int)sizeof folder || !realpath(folder, real))
		return NULL;
	size_t n = strlen(real);
	return strncmp(path, real, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

int companions_beside(const struct conf_node *map, const struct shape *shape, char **error)
{
	const struct conf_node *at[2] = {conf_child(map, "opportunities"), conf_child(map, "loss")};
	const char *const paths[2] = {shape->opportunities, shape->loss_trace};
	for (int i = 0; i < 2; i++)
		if (at[i] && *paths[i] && !below(at[i]->file, paths[i]))
			return conf_error(at[i], error,
				"a trace lies beside the experiment's file or below, because a copy of both is kept with the results; copy %s there",
				paths[i]);
	return 0;
}

/* ---- each of them */

typedef int visit(const char *path, const char *copy, char **error);

/* `name`: as seen from the experiment's folder. */
static int visit_one(const char *path, const char *folder, const char *name, visit *each, char **error)
{
	char copy[PATH_MAX];
	if (snprintf(copy, sizeof copy, "%s/%s", folder, name) >= (int)sizeof copy)
		return error_set(error, "%s/%s: the path is too long", folder, name);
	return each(path, copy, error);
}

static int visit_shape(
	const struct experiment *e, const char *folder, const struct shape *shape, visit *each, char **error)
{
	const char *const paths[2] = {shape->opportunities, shape->loss_trace};
	for (int i = 0; i < 2; i++) {
		const char *name = *paths[i] ? below(e->path, paths[i]) : NULL;
		if (name && visit_one(paths[i], folder, name, each, error) < 0)
			return -1;
	}
	return 0;
}

static int visit_traces(const struct experiment *e, const char *folder, visit *each, char **error)
{
	for (size_t c = 0; c < e->configurations_count; c++) {
		const struct configuration *of = &e->configurations[c];
		const struct topology *topology = experiment_topology(e, of);
		for (size_t l = 0; topology && l < topology->links_count; l++) {
			const struct link_shape *link = &of->links[l];
			for (size_t k = 0; k < 2; k++) {
				if (visit_shape(e, folder, &link->direction[k], each, error) < 0)
					return -1;
				for (size_t i = 0; i < link->changes_count; i++)
					if (visit_shape(e, folder, &link->changes[i].direction[k], each,
						    error) < 0)
						return -1;
			}
		}
	}
	return 0;
}

static int visit_all(const struct experiment *e, const char *folder, visit *each, char **error)
{
	for (const char **name = e->files; name && *name; name++)
		if (visit_one(experiment_beside(e, *name), folder, *name, each, error) < 0)
			return -1;
	for (const char **name = e->designs; name && *name; name++)
		if (visit_one(experiment_beside(e, *name), folder, *name, each, error) < 0)
			return -1;
	if (e->topology_file && visit_one(e->topology_file, folder,
					e->topology_file + strlen(experiment_beside(e, "")), each, error) < 0)
		return -1;
	return visit_traces(e, folder, each, error);
}

/* ---- what is done with them */

static char *slurp(const char *path, size_t *size)
{
	FILE *in = fopen(path, "re"), *out = NULL;
	char *text = NULL, buffer[65536];
	size_t n;
	if (in)
		out = open_memstream(&text, size);
	while (out && (n = fread(buffer, 1, sizeof buffer, in)) > 0)
		fwrite(buffer, 1, n, out);
	bool bad = !out || ferror(in);
	if (in)
		fclose(in);
	if (out && (fclose(out) != 0 || bad)) {
		free(text);
		text = NULL;
	}
	return text;
}

bool companions_equal(const char *a, const char *b)
{
	size_t size_a = 0, size_b = 0;
	if (strcmp(a, b) == 0)
		return true;
	char *text_a = *a ? slurp(a, &size_a) : NULL, *text_b = *b ? slurp(b, &size_b) : NULL;
	bool same = text_a && text_b && size_a == size_b && memcmp(text_a, text_b, size_a) == 0;
	free(text_a);
	free(text_b);
	return same;
}

/* The folders on the way to a file. */
static int make_folders(const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof folder, "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int copy_one(const char *path, const char *copy, char **error)
{
	size_t size = 0;
	struct stat status;
	if (stat(copy, &status) == 0)
		return 0;
	char *text = slurp(path, &size);
	FILE *out = text && make_folders(copy) == 0 ? fopen(copy, "wxe") : NULL;
	bool whole = out && fwrite(text, 1, size, out) == size;
	if (out && fclose(out) != 0)
		whole = false;
	free(text);
	return whole ? 0 : error_set(error, "copying %s to %s: %s", path, copy, strerror(errno));
}

static int check_one(const char *path, const char *copy, char **error)
{
	return companions_equal(path, copy)
		       ? 0
		       : error_set(error,
				 "%s has changed since that run began (%s is its copy): start a new run",
				 path, copy);
}

int companions_copy(const struct experiment *e, const char *folder, char **error)
{
	return visit_all(e, folder, copy_one, error);
}

int companions_check_copies(const struct experiment *e, const char *folder, char **error)
{
	return visit_all(e, folder, check_one, error);
}
