/* Shaping by our link daemon: one process for all links of a network, told by a configuration file, read back
 * over its control socket. */
#include "harness/links/backend.h"

#include "harness/machine/capabilities.h"
#include "lib/base/clock.h"
#include "lib/base/control.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READY_NS (10 * NS_PER_S)

/* Without root nothing can be tried: a plan is printed all the same. */
static bool available(void)
{
	return geteuid() != 0 ||
	       (capability_has(CAN_TUN) && capability_has(CAN_CLSACT) && capability_has(CAN_BPF));
}

/* It does all that can be written (lib/link/shape.c has the ranges). */
static const char *refuses(const struct shape *shape)
{
	(void)shape;
	return NULL;
}

static void write_direction(FILE *out, const char *direction, const struct shape *shape)
{
	fprintf(out, "    %s: ", direction);
	shape_write(out, shape);
	fprintf(out, "\n");
}

/* What the daemon is to do: the experiment's shape with the trial's seed. */
static struct shape seeded(const struct shaping *shaping, size_t link, int direction)
{
	struct shape shape = shaping->links[link].direction[direction];
	shape.seed = shape_seed(shaping->seed, link);
	return shape;
}

static int write_configuration(const struct shaping *shaping, const char *path, char **error)
{
	const struct topology *topology = shaping->network->topology;
	FILE *out = fopen(path, "we");
	if (!out)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (shaping->waits)
		fprintf(out, "spin: 0s\nclock: waits\n");
	fprintf(out, "links:\n");
	for (size_t i = 0; i < topology->links_count; i++) {
		if (!shaping_uses(shaping, &shape_link, i))
			continue;
		fprintf(out, "  - name: %s\n    ends:\n", topology->links[i].name);
		for (size_t k = 0; k < 2; k++)
			fprintf(out, "      - {namespace: /proc/%d/ns/net, interface: %s}\n",
				(int)shaping->network->places[topology->links[i].ends[k].node].pid,
				topology->links[i].ends[k].interface);
		for (int k = 0; k < 2; k++) {
			struct shape shape = seeded(shaping, i, k);
			write_direction(out, k ? "reverse" : "forward", &shape);
		}
	}
	return fclose(out) == 0 ? 0 : error_set(error, "%s: %s", path, strerror(errno));
}

static int await_ready(struct shaping *shaping, int fd, const char *log, char **error)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char word[16] = "";
	int n = poll(&p, 1, (int)(READY_NS / NS_PER_MS));
	if (n > 0 && read(fd, word, sizeof word - 1) > 0)
		return 0;
	char text[64] = "it still runs";
	if (process_wait(&shaping->daemon, clock_now_ns() + 100 * NS_PER_MS) == 1)
		process_status_text(shaping->daemon.status, text);
	return error_set(error, "liquidnet-link did not become ready (%s); see %s", text, log);
}

/* Whether a direction's settings, as the daemon writes them, are those that were asked. */
static bool does(json_t *settings, const struct shape *asked)
{
	const char *has = json_string_value(json_object_get(settings, "shape"));
	char *wanted = NULL;
	size_t size;
	FILE *out = open_memstream(&wanted, &size);
	shape_write(out, asked);
	fclose(out);
	bool same = has && strcmp(has, wanted) == 0;
	free(wanted);
	return same;
}

/* What the daemon says it does is what was asked. */
static int verify(struct shaping *shaping, char **error)
{
	json_t *answer = NULL, *link;
	size_t i;
	int result = control_call(shaping->control, "status", 5000, &answer, error);
	json_array_foreach(json_object_get(answer, "links"), i, link) {
		const char *name = json_string_value(json_object_get(link, "name"));
		int index = name ? topology_link(shaping->network->topology, name) : -1;
		for (int k = 0; k < 2 && result == 0; k++) {
			json_t *direction = json_object_get(link, k ? "reverse" : "forward");
			struct shape asked =
				index < 0 ? (struct shape){0} : seeded(shaping, (size_t)index, k);
			if (!does(json_object_get(direction, "settings"), &asked))
				result = error_set(error,
					"liquidnet-link was told one thing for link %s and does another; see link.yaml",
					name ? name : "?");
		}
	}
	json_decref(answer);
	return result;
}

static int install(struct shaping *shaping, char **error)
{
	char config[4096], log[4096], ready_text[16];
	int ready[2];
	snprintf(config, sizeof config, "%s/link.yaml", shaping->folder);
	snprintf(log, sizeof log, "%s/link.log", shaping->folder);
	snprintf(shaping->control, sizeof shaping->control, "/run/link.sock");
	if (write_configuration(shaping, config, error) < 0)
		return -1;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	snprintf(ready_text, sizeof ready_text, "%d", ready[1]);
	const char *argv[] = {"liquidnet-link", "--config", config, "--control", shaping->control,
		"--ready-fd", ready_text, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	options.keep_fd = ready[1];
	options.stderr_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int result = process_start(&shaping->daemon, &options, error);
	close(ready[1]);
	close(options.stderr_fd);
	if (result == 0)
		result = await_ready(shaping, ready[0], log, error);
	close(ready[0]);
	return result < 0 ? -1 : verify(shaping, error);
}

static int change(
	struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error)
{
	char *line = NULL;
	size_t size;
	json_t *answer = NULL;
	struct shape asked = *shape;
	asked.seed = shape_seed(shaping->seed, link);
	FILE *out = open_memstream(&line, &size);
	fprintf(out, "shape %s %s ", shaping->network->topology->links[link].name,
		direction ? "reverse" : "forward");
	shape_write(out, &asked);
	fclose(out);
	int result = control_call(shaping->control, line, 5000, &answer, error);
	if (result == 0 && !does(answer, &asked))
		result = error_set(error, "liquidnet-link was told `%s` and does something else", line);
	json_decref(answer);
	free(line);
	return result;
}

static int collect(struct shaping *shaping, json_t *into, char **error)
{
	json_t *answer = NULL, *link;
	size_t i;
	if (control_call(shaping->control, "status", 5000, &answer, error) < 0)
		return error_prefix(error, "liquidnet-link");
	json_array_foreach(json_object_get(answer, "links"), i, link) {
		const char *name = json_string_value(json_object_get(link, "name"));
		json_object_set_new(link, "backend", json_string("link"));
		json_object_set(link, "realtime", json_object_get(answer, "realtime"));
		json_object_set(link, "stalls", json_object_get(answer, "stalls"));
		if (name)
			json_object_set(into, name, link);
	}
	json_decref(answer);
	return 0;
}

static void stop(struct shaping *shaping)
{
	process_stop(&shaping->daemon, 1000);
}

const struct shape_backend shape_link = {
	.name = "link",
	.summary = "our user-space link daemon",
	.available = available,
	.refuses = refuses,
	.install = install,
	.change = change,
	.collect = collect,
	.stop = stop,
};
