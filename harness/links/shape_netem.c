/* Shaping by the kernel's netem: `tc -batch` a node, read back from `tc -j qdisc`. netem's own rate is used,
 * not HTB's: it computes when each packet's serialisation ends from the end of the one before, so that a late
 * timer costs no throughput (HTB with a burst of one packet loses a sixth of 10 Mbit/s when timers are 10 ms
 * late), it queues before it delays, and with a rate it never reorders. It counts the packets in flight into
 * its limit, so rate x delay is added to the queue. iproute2 6.1 takes whole microseconds and no seed,
 * which is set by netlink where the kernel has it (Linux 6.6), and else recorded as missing. */
#include "harness/links/backend.h"

#include "harness/machine/capabilities.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/net/netem.h"
#include "lib/net/rtnl.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FRAME_BYTES 1514
#define NO_LIMIT 1000000 /* packets: netem's own default of 1000 would be a queue that nobody asked for */
#define KEEPS_ORDER 1000000000000      /* bit/s: no limit, but with a rate netem's jitter reorders nothing */
#define LONGEST_DELAY (270 * NS_PER_S) /* tc refuses more than 2^32 ticks of 64 ns */

static bool available(void)
{
	return capability_has(CAN_NETEM);
}

static const char *refuses(const struct shape *shape)
{
	const char *what;
	if (!shape_is_plain(shape, &what))
		return "this goes beyond what the netem back end does: use the link daemon";
	if (shape->delay_ns + shape->jitter_ns > LONGEST_DELAY)
		return "netem delays by at most 270 s";
	if (shape->rate_bps && shape->rate_bps < 8)
		return "netem counts whole bytes a second";
	return NULL;
}

/* In bytes a second, as netem keeps it; 0: none. */
static uint64_t netem_rate(const struct shape *shape)
{
	uint64_t bits = shape->rate_bps || !shape->jitter_ns ? shape->rate_bps : KEEPS_ORDER;
	return bits / 8;
}

static const char *fixed(const struct shape *from, const struct shape *to)
{
	return netem_rate(from) && !netem_rate(to)
		       ? "netem cannot take a rate away again; name a very high one"
		       : NULL;
}

static int64_t whole_us(int64_t ns)
{
	return (ns + NS_PER_US / 2) / NS_PER_US;
}

/* Waiting packets and those in flight. Without a rate nothing ever waits. */
static uint64_t limit_packets(const struct shape *shape)
{
	if (!shape->queue_packets || !shape->rate_bps)
		return NO_LIMIT;
	double flying = (double)shape->rate_bps / 8 / FRAME_BYTES *
			(double)(shape->delay_ns + shape->jitter_ns) / 1e9;
	return shape->queue_packets + (uint64_t)ceil(flying);
}

static void write_commands(FILE *out, const char *device, const struct shape *shape)
{
	fprintf(out, "qdisc replace dev %s root handle 10: netem limit %" PRIu64 " delay %" PRId64 "us",
		device, limit_packets(shape), whole_us(shape->delay_ns));
	if (shape->jitter_ns)
		fprintf(out, " %" PRId64 "us", whole_us(shape->jitter_ns));
	if (shape->loss > 0)
		fprintf(out, " loss random %.6f%%", shape->loss * 100);
	if (netem_rate(shape))
		fprintf(out, " rate %" PRIu64 "bit", netem_rate(shape) * 8);
	fprintf(out, "\n");
}

struct plain {
	const char *interface;
	char **error;
};

static int plain_inside(void *context)
{
	struct plain *plain = context;
	return rtnl_plain_packets(plain->interface, plain->error);
}

/* Of a bare link too: a router forwards whole the super-packets that come over it, and netem counts each as one. */
static int plain_packets(const struct shaping *shaping, const struct topology_end *end, char **error)
{
	struct plain plain = {end->interface, error};
	return place_call(&shaping->network->places[end->node], plain_inside, &plain) < 0 ? -1 : 0;
}

static double number(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* The netem qdisc of a device as the kernel has it, or NULL. */
static json_t *read_netem(const struct place *place, const char *device, char **error)
{
	const char *const argv[] = {"tc", "-s", "-j", "qdisc", "show", "dev", device, NULL};
	char *text = NULL;
	if (place_feed(place, argv, "", &text, error) != 0)
		return NULL;
	json_t *all = json_loads(text, 0, NULL), *one, *found = NULL;
	size_t i;
	free(text);
	json_array_foreach(all, i, one) {
		const char *kind = json_string_value(json_object_get(one, "kind"));
		if (kind && strcmp(kind, "netem") == 0)
			found = json_incref(one);
	}
	json_decref(all);
	if (!found)
		error_set(error, "%s has no netem qdisc", device);
	return found;
}

/* tc prints six digits, and delays in ticks of 64 ns. */
static bool agrees(double has, double wanted, double resolution)
{
	return fabs(has - wanted) <= fmax(resolution, 1e-5 * wanted);
}

/* The kernel leaves out what is not set: it reads as 0. */
static int verify(const struct place *place, const char *device, const struct shape *shape, char **error)
{
	json_t *netem = read_netem(place, device, error);
	if (!netem)
		return -1;
	json_t *options = json_object_get(netem, "options"), *delay = json_object_get(options, "delay");
	const struct {
		const char *name;
		double has, wanted, resolution;
	} read_back[] = {
		{"rate (bytes/s)", number(json_object_get(options, "rate"), "rate"),
			(double)netem_rate(shape), 0},
		{"delay (s)", number(delay, "delay"), (double)shape->delay_ns / 1e9, 1.6e-6},
		{"jitter (s)", number(delay, "jitter"), (double)shape->jitter_ns / 1e9, 1.6e-6},
		{"loss", number(json_object_get(options, "loss-random"), "loss"), shape->loss, 6e-9},
		{"limit (packets)", number(options, "limit"), (double)limit_packets(shape), 0},
	};
	int result = 0;
	for (size_t i = 0; result == 0 && i < sizeof read_back / sizeof *read_back; i++)
		if (!agrees(read_back[i].has, read_back[i].wanted, read_back[i].resolution))
			result = error_set(error, "netem on %s was told %s %.9g and has %.9g", device,
				read_back[i].name, read_back[i].wanted, read_back[i].has);
	json_decref(netem);
	return result;
}

/* A qdisc that is there already keeps what it holds: `replace` changes it. */
static int apply(const struct shaping *shaping, size_t link, int k, const struct shape *shape, char **error)
{
	const struct topology_end *end = &shaping->network->topology->links[link].ends[k];
	const char *const argv[] = {"tc", "-batch", "-", NULL};
	const struct place *place = &shaping->network->places[end->node];
	char *batch = NULL;
	size_t size;
	FILE *out = open_memstream(&batch, &size);
	write_commands(out, end->interface, shape);
	fclose(out);
	int result = place_feed(place, argv, batch, NULL, error);
	free(batch);
	return result != 0 ? -1 : verify(place, end->interface, shape, error);
}

struct seeding {
	const char *interface;
	uint64_t seed;
	int result;
	char **error;
};

static int seed_inside(void *context)
{
	struct seeding *s = context;
	s->result = netem_seed(s->interface, TC_H_ROOT, s->seed, s->error);
	return 0;
}

/* Each end draws for itself. -1 and *error; 1: it has its seed. */
static int seed_end(const struct shaping *shaping, size_t link, int k, char **error)
{
	const struct topology_end *end = &shaping->network->topology->links[link].ends[k];
	struct seeding s = {end->interface,
		shape_seed(shaping->seed, 2 * link + (size_t)k + 65536 * shaping->changed), 0, error};
	if (place_call(&shaping->network->places[end->node], seed_inside, &s) < 0)
		return error_set(error, "netem's seed: %s", strerror(errno));
	return s.result;
}

static int install_end(const struct shaping *shaping, size_t link, int k, char **error)
{
	const struct topology_end *end = &shaping->network->topology->links[link].ends[k];
	if (plain_packets(shaping, end, error) < 0 ||
		apply(shaping, link, k, &shaping->links[link].direction[k], error) < 0)
		return -1;
	return seed_end(shaping, link, k, error) < 0 ? -1 : 0;
}

static int install(struct shaping *shaping, char **error)
{
	const struct topology *topology = shaping->network->topology;
	for (size_t i = 0; i < topology->links_count; i++)
		for (int k = 0; k < 2; k++) {
			int result = 0;
			if (shaping_uses(shaping, &shape_netem, i))
				result = install_end(shaping, i, k, error);
			else if (!shaping->chosen[i])
				result = plain_packets(shaping, &topology->links[i].ends[k], error);
			if (result < 0)
				return error_prefix(error, "link %s", topology->links[i].name);
		}
	return 0;
}

static int change(
	struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error)
{
	/* The kernel draws a new seed for every change. */
	shaping->changed++;
	return apply(shaping, link, direction, shape, error) < 0 ||
			       seed_end(shaping, link, direction, error) < 0
		       ? -1
		       : 0;
}

/* Linux 6.6 and later. */
static int takes_seeds(void)
{
	struct utsname kernel;
	int major = 0, minor = 0;
	uname(&kernel);
	sscanf(kernel.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 6);
}

static int collect(struct shaping *shaping, json_t *into, char **error)
{
	const struct topology *topology = shaping->network->topology;
	for (size_t i = 0; i < topology->links_count; i++) {
		if (!shaping_uses(shaping, &shape_netem, i))
			continue;
		json_t *link = json_pack("{s:s, s:b}", "backend", "netem", "seeded", takes_seeds());
		for (int k = 0; k < 2; k++) {
			const struct topology_end *end = &topology->links[i].ends[k];
			json_t *netem =
				read_netem(&shaping->network->places[end->node], end->interface, error);
			if (!netem) {
				json_decref(link);
				return -1;
			}
			json_object_set_new(link, k ? "reverse" : "forward",
				json_pack("{s:O, s:O, s:O}", "packets", json_object_get(netem, "packets"),
					"bytes", json_object_get(netem, "bytes"), "drops",
					json_object_get(netem, "drops")));
			json_decref(netem);
		}
		json_object_set_new(into, topology->links[i].name, link);
	}
	return 0;
}

const struct shape_backend shape_netem = {
	.name = "netem",
	.summary = "the kernel's netem",
	.available = available,
	.refuses = refuses,
	.install = install,
	.fixed = fixed,
	.change = change,
	.collect = collect,
};
