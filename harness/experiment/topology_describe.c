/* Topology, described: asks the driver, which runs the topology's Python. */
#include "harness/experiment/topology.h"

#include "lib/base/error.h"
#include "lib/base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topology *topology_describe(
	const char *root, const char *file, const char *name, const json_t *parameters, char **error)
{
	char driver[4096], *text = json_dumps(parameters, JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(driver, sizeof driver, "%s/topologies/driver.py", root);
	const char *argv[] = {"/usr/bin/python3", "-I", "-S", driver, "--describe", name, "--parameters",
		text ? text : "{}", file ? "--file" : NULL, file, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	char *output = NULL;
	int status = process_run(&options, true, 20000, &output, error);
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
