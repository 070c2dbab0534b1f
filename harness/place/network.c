/* Network: runs the driver, reads its one line, opens the nodes' namespaces. */
#include "harness/place/network.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads up to a newline; the driver's line is a few kilobytes. */
static char *read_line(int fd, int64_t deadline_ns)
{
	size_t size = 0, room = 4096;
	char *line = malloc(room);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (deadline_ns - clock_now_ns()) / NS_PER_MS;
		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			errno = ETIMEDOUT;
			break;
		}
		if (size + 1 >= room)
			line = realloc(line, room *= 2);
		ssize_t n = read(fd, line + size, room - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EPIPE : errno;
			break;
		}
		size += (size_t)n;
		line[size] = 0;
		if (line[size - 1] == '\n')
			return line;
	}
	free(line);
	return NULL;
}

static int open_nodes(struct network *network, json_t *description, char **error)
{
	const struct topology *topology = network->topology;
	network->places = calloc(topology->nodes_count + 1, sizeof *network->places);
	json_t *nodes = json_object_get(description, "nodes");
	for (size_t i = 0; i < topology->nodes_count; i++) {
		json_t *pid = json_object_get(json_object_get(nodes, topology->nodes[i]), "pid");
		if (place_open_namespace(&network->places[i], topology->nodes[i],
			    (pid_t)json_integer_value(pid), error) < 0)
			return -1;
	}
	return 0;
}

int network_build(struct network *network, const char *root, const char *file,
	const struct topology *topology, int64_t deadline_ns, char **error)
{
	int in[2], out[2];
	char driver[4096];
	*network = (struct network){
		.topology = topology, .driver = PROCESS_NONE, .driver_stdin = -1, .said_fd = -1};
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return error_set(error, "network: pipe: %s", strerror(errno));
	snprintf(driver, sizeof driver, "%s/topologies/driver.py", root);
	const char *argv[] = {"/usr/bin/python3", "-I", "-S", driver, topology->name, "--parameters",
		topology->parameters ? topology->parameters : "{}", file ? "--file" : NULL, file, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	options.idle = true; /* a tenth of a second's work, which must not hold up the trials that run */
	options.stdin_fd = in[0];
	options.stdout_fd = out[1];
	int started = process_start(&network->driver, &options, error);
	close(in[0]);
	close(out[1]);
	network->driver_stdin = in[1];
	char *line = started == 0 ? read_line(out[0], deadline_ns) : NULL;
	if (started == 0 && !line)
		error_set(error, "network: the driver of topology %s said nothing (%s); see trial.log",
			topology->name, strerror(errno));
	close(out[0]);
	json_t *description = line ? json_loads(line, 0, NULL) : NULL;
	int result = description ? open_nodes(network, description, error) : -1;
	if (line && !description)
		error_set(error, "network: the driver of topology %s said `%.80s`, which is no JSON",
			topology->name, line);
	json_decref(description);
	free(line);
	return result;
}

void network_free(struct network *network)
{
	for (size_t i = 0; network->places && i < network->topology->nodes_count; i++)
		place_close(&network->places[i]);
	free(network->places);
	if (network->driver_stdin >= 0)
		close(network->driver_stdin);
	if (network->said_fd >= 0)
		close(network->said_fd);
	json_decref(network->before);
}
