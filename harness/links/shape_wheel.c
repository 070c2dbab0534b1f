/* Shaping in the kernel without netem: a BPF program and HTB as a timing wheel (wheel.h). One program and one
 * set of maps serve all ends of a network; they live as long as the trial's process and the network. */
#include "harness/links/backend.h"

#include "harness/links/wheel.skel.h"
#include "harness/links/wheel_geometry.h"
#include "harness/links/wheel_install.h"
#include "harness/machine/capabilities.h"
#include "lib/base/error.h"
#include "lib/net/rtnl.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wheel {
	struct wheel_bpf *program;
};

static unsigned end_index(size_t link, int direction)
{
	return (unsigned)(2 * link) + (unsigned)direction;
}

static bool available(void)
{
	static int known = -1;
	if (known < 0) {
		libbpf_set_print(NULL);
		struct wheel_bpf *program = wheel_bpf__open_and_load();
		known = program && capability_has(CAN_HTB) && capability_has(CAN_CLSACT);
		wheel_bpf__destroy(program);
	}
	return known;
}

static struct wheel *wheel_new(size_t ends, char **error)
{
	libbpf_set_print(NULL); /* errors are values here, not text on standard error */
	struct wheel *wheel = calloc(1, sizeof *wheel);
	wheel->program = wheel_bpf__open();
	if (wheel->program && bpf_map__set_max_entries(wheel->program->maps.settings, (uint32_t)ends) == 0 &&
		bpf_map__set_max_entries(wheel->program->maps.states, (uint32_t)ends) == 0 &&
		wheel_bpf__load(wheel->program) == 0)
		return wheel;
	error_set(error, "the wheel's BPF program: %s", strerror(errno));
	wheel_bpf__destroy(wheel->program);
	free(wheel);
	return NULL;
}

/* Written, and read back. */
static int write_settings(
	struct wheel *wheel, unsigned end, const struct wheel_settings *settings, char **error)
{
	struct wheel_settings read;
	int map = bpf_map__fd(wheel->program->maps.settings);
	memset(&read, 0, sizeof read);
	if (bpf_map_update_elem(map, &end, settings, BPF_ANY) < 0 ||
		bpf_map_lookup_elem(map, &end, &read) < 0)
		return error_set(error, "the wheel's settings: %s", strerror(errno));
	return memcmp(&read, settings, sizeof read) == 0
		       ? 0
		       : error_set(error, "the wheel was told one thing and does another");
}

static int change(
	struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error)
{
	struct wheel_settings settings;
	wheel_settings_make(&settings, shape, shape_seed(shaping->seed, link), (unsigned)direction);
	return write_settings(shaping->wheel, end_index(link, direction), &settings, error);
}

struct job { /* in the namespace of an end */
	const char *interface;
	const struct wheel_settings *settings;
	int program_fd;
	unsigned end;
	char **error;
};

static int install_inside(void *context)
{
	struct job *job = context;
	return wheel_install(job->interface, job->settings, job->program_fd, job->end, job->error);
}

static int install_end(struct shaping *shaping, size_t link, int k, char **error)
{
	const struct topology_end *at = &shaping->network->topology->links[link].ends[k];
	struct wheel_settings settings;
	unsigned end = end_index(link, k);
	wheel_settings_make(
		&settings, &shaping->links[link].direction[k], shape_seed(shaping->seed, link), (unsigned)k);
	if (write_settings(shaping->wheel, end, &settings, error) < 0)
		return -1;
	struct job job = {
		at->interface, &settings, bpf_program__fd(shaping->wheel->program->progs.wheel), end, error};
	return place_call(&shaping->network->places[at->node], install_inside, &job);
}

/* What comes over a bare link must not be forwarded as a super-packet: those of the wire are what is lost,
 * queued and serialised. */
static int plain_inside(void *context)
{
	struct job *job = context;
	return rtnl_plain_packets(job->interface, job->error);
}

static int plain_end(struct shaping *shaping, size_t link, int k, char **error)
{
	const struct topology_end *at = &shaping->network->topology->links[link].ends[k];
	struct job job = {.interface = at->interface, .error = error};
	return place_call(&shaping->network->places[at->node], plain_inside, &job);
}

static int install(struct shaping *shaping, char **error)
{
	const struct topology *topology = shaping->network->topology;
	shaping->wheel = wheel_new(2 * topology->links_count, error);
	if (!shaping->wheel)
		return -1;
	for (size_t i = 0; i < topology->links_count; i++)
		for (int k = 0; k < 2; k++) {
			int result = 0;
			if (shaping_uses(shaping, &shape_wheel, i))
				result = install_end(shaping, i, k, error);
			else if (!shaping->chosen[i])
				result = plain_end(shaping, i, k, error);
			if (result < 0)
				return error_prefix(error, "link %s", topology->links[i].name);
		}
	return 0;
}

/* In the link daemon's words, where they mean the same. */
static json_t *counters_json(const struct wheel_counters *c, const struct wheel_settings *w)
{
	uint64_t high = w->ns_per_byte ? (c->longest_wait_ns << 22) / w->ns_per_byte : 0;
	return json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:{s:I}, s:{s:I, s:I}}", "packets",
		(json_int_t)c->packets, "bytes", (json_int_t)c->bytes, "sent_packets", (json_int_t)c->sent,
		"sent_bytes", (json_int_t)c->sent_bytes, "drops", "loss", (json_int_t)c->lost, "queue",
		(json_int_t)c->overflowed, "buffer", (json_int_t)c->oversize, "send", (json_int_t)c->unsent,
		"queue", "high_bytes", (json_int_t)high, "wheel", "unit_ns", (json_int_t)w->unit_ns, "primed",
		(json_int_t)c->primed);
}

static json_t *read_end(struct wheel *wheel, unsigned end, char **error)
{
	struct wheel_settings settings;
	struct wheel_state *state = calloc(1, sizeof *state);
	json_t *json = NULL;
	if (bpf_map_lookup_elem(bpf_map__fd(wheel->program->maps.states), &end, state) < 0 ||
		bpf_map_lookup_elem(bpf_map__fd(wheel->program->maps.settings), &end, &settings) < 0)
		error_set(error, "the wheel's counters: %s", strerror(errno));
	else
		json = counters_json(&state->counters, &settings);
	free(state);
	return json;
}

static int collect(struct shaping *shaping, json_t *into, char **error)
{
	const struct topology *topology = shaping->network->topology;
	for (size_t i = 0; i < topology->links_count; i++) {
		if (!shaping_uses(shaping, &shape_wheel, i))
			continue;
		json_t *link = json_pack("{s:s}", "backend", "wheel");
		json_object_set_new(into, topology->links[i].name, link);
		for (int k = 0; k < 2; k++) {
			json_t *direction = read_end(shaping->wheel, end_index(i, k), error);
			if (!direction)
				return -1;
			json_object_set_new(link, k ? "reverse" : "forward", direction);
		}
	}
	return 0;
}

static void stop(struct shaping *shaping)
{
	if (!shaping->wheel)
		return;
	wheel_bpf__destroy(shaping->wheel->program);
	free(shaping->wheel);
	shaping->wheel = NULL;
}

const struct shape_backend shape_wheel = {
	.name = "wheel",
	.summary = "HTB and BPF as a timing wheel, in the kernel",
	.on_trial = true,
	.available = available,
	.refuses = wheel_refuses,
	.install = install,
	.fixed = wheel_fixed,
	.change = change,
	.collect = collect,
	.stop = stop,
};
