/* Topology, described: asks the driver, which runs the topology's Python: a stranger's, maybe, so it can do nothing but answer. */
#include "harness/experiment/topology.h"

#include "harness/machine/sealed.h"
#include "lib/base/error.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topology *topology_describe(
	const char *root, const char *file, const char *name, const json_t *parameters, char **error)
{
	char folder[PATH_MAX], driver[PATH_MAX + 16], own[PATH_MAX],
		*text = json_dumps(parameters, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(driver, sizeof driver, "%s/topologies", root);
	if (!realpath(driver, folder) || (file && !realpath(file, own))) {
		free(text);
		error_set(error, "topology `%s`: %s: %s", name, file ? file : driver, strerror(errno));
		return NULL;
	}
	snprintf(driver, sizeof driver, "%s/driver.py", folder);
	const char *argv[] = {"/usr/bin/python3", "-I", "-S", driver, "--describe", name, "--parameters",
		text ? text : "{}", file ? "--file" : NULL, own, NULL};
	const char *files[] = {folder, file ? own : NULL, NULL};
	char *output = NULL;
	int status = sealed_run(&(struct sealed){argv, files, 20000}, &output, error);
	json_error_t fault;
	json_t *description = status == 0 ? json_loads(output, 0, &fault) : NULL;
	if (status >= 0 && !description)
		error_set(error, "topology `%s`: %.*s", name, (int)strcspn(output, "\n"), output);
	free(output);
	struct topology *topology = description ? topology_from_json(description, error) : NULL;
	if (topology) {
		topology->parameters = text;
	} else {
		free(text);
	}
	return topology;
}
