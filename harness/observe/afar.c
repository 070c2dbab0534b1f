/* Afar: see the header. */
#include "harness/observe/afar.h"

#include "harness/place/host_clock.h"
#include "harness/place/message.h"
#include "harness/record/stats.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAY_NS (20 * NS_PER_S)
#define READY_NS (20 * NS_PER_S)
#define RESULT_NS (60 * NS_PER_S) /* without a word while a capture comes */

struct afar {
	const struct experiment *experiment;
	const struct network *network;
	struct channel *watching; /* by node; fd -1: nobody's */
	json_t *hosts, *ways;     /* owned */
};

static const char *address_of(const struct network *network, size_t node)
{
	for (size_t i = 0; i < network->topology->links_count; i++) {
		const struct topology_end *end = topology_end(network->topology, (int)node, (int)i);
		if (end && (*end->address || *end->address6))
			return *end->address ? end->address : end->address6;
	}
	return "";
}

static bool is_host(const struct network *network, size_t node)
{
	return !place_is_nobodys(&network->places[node]);
}

/* ---- ways */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* {"sent", "received", "min_ms", "median_ms", "p99_ms", "hops"} of an agent's answer. */
static json_t *way_summary(const json_t *said)
{
	json_t *list = json_object_get(said, "rtt_ms"), *one;
	size_t n = 0, i;
	double *ms = calloc(json_array_size(list) + 1, sizeof *ms);
	json_array_foreach(list, i, one)
		if (ms && json_is_number(one))
			ms[n++] = json_number_value(one);
	json_t *way = json_pack(
		"{s:I, s:I}", "sent", (json_int_t)message_number(said, "sent"), "received", (json_int_t)n);
	if (n) {
		qsort(ms, n, sizeof *ms, compare);
		json_object_set_new(way, "min_ms", json_real(ms[0]));
		json_object_set_new(way, "median_ms", json_real(stats_quantile(ms, n, 0.5)));
		json_object_set_new(way, "p99_ms", json_real(stats_quantile(ms, n, 0.99)));
	}
	if (json_is_array(json_object_get(said, "hops")))
		json_object_set(way, "hops", json_object_get(said, "hops"));
	if (json_object_get(said, "reason"))
		json_object_set(way, "reason", json_object_get(said, "reason"));
	free(ms);
	return way;
}

/* All pairs at once, as `when` into the ways. */
static int measure_ways(struct afar *a, const char *when, char **error)
{
	const struct network *network = a->network;
	size_t count = network->topology->nodes_count;
	struct channel *asked = calloc(count * count + 1, sizeof *asked);
	int result = asked ? 0 : -1;
	for (size_t i = 0; asked && i < count * count; i++)
		asked[i].fd = -1;
	for (size_t i = 0; result == 0 && i < count; i++)
		for (size_t k = i + 1; result == 0 && k < count; k++)
			if (is_host(network, i) && is_host(network, k)) {
				json_t *what = json_pack(
					"{s:s, s:s}", "do", "way", "address", address_of(network, k));
				asked[i * count + k].fd = place_talk(&network->places[i], what, error);
				result = asked[i * count + k].fd < 0 ? -1 : 0;
			}
	for (size_t i = 0; asked && i < count * count; i++) {
		struct message m;
		if (result == 0 && asked[i].fd >= 0) {
			const char *from = network->topology->nodes[i / count];
			result = channel_await(&asked[i], &m, clock_now_ns() + WAY_NS, error);
			if (result < 0) {
				error_prefix(error, "host %s", from);
			} else {
				char name[160];
				snprintf(name, sizeof name, "%s-%s", from,
					network->topology->nodes[i % count]);
				json_t *way = json_object_get(a->ways, name);
				if (!way)
					json_object_set_new(a->ways, name, way = json_object());
				json_object_set_new(way, when, way_summary(m.head));
				message_free(&m);
			}
		}
		channel_close(&asked[i]);
	}
	free(asked);
	return result;
}

static int measure_clock(struct afar *a, size_t node, json_t *of_host, char **error)
{
	double ahead_ms, error_ms;
	if (host_clock(&a->network->places[node], &ahead_ms, &error_ms, error) < 0)
		return -1;
	json_object_set_new(of_host, "clock_ms", json_real(ahead_ms));
	json_object_set_new(of_host, "clock_error_ms", json_real(error_ms));
	return 0;
}

/* ---- watching */

/* The capture of that node, or -1. */
static int capture_of(const struct experiment *e, size_t node)
{
	for (size_t i = 0; i < e->captures_count; i++)
		if (e->captures[i].node == (int)node)
			return (int)i;
	return -1;
}

static int watch(struct afar *a, size_t node, char **error)
{
	int capture = capture_of(a->experiment, node);
	json_t *what = json_pack("{s:s, s:I}", "do", "observe", "snap",
		(json_int_t)(capture < 0 ? 0 : a->experiment->captures[capture].snap));
	a->watching[node] = (struct channel){.fd = place_talk(&a->network->places[node], what, error)};
	return a->watching[node].fd < 0 ? -1 : 0;
}

struct afar *afar_start(const struct experiment *e, const struct network *network, char **error)
{
	size_t count = network->topology->nodes_count;
	struct afar *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	*a = (struct afar){.experiment = e,
		.network = network,
		.watching = calloc(count + 1, sizeof *a->watching),
		.hosts = json_object(),
		.ways = json_object()};
	for (size_t i = 0; i < count; i++)
		a->watching[i].fd = -1;
	int result = measure_ways(a, "before", error);
	for (size_t i = 0; result == 0 && i < count; i++)
		if (is_host(network, i)) {
			json_t *of_host = json_object();
			json_object_set_new(a->hosts, network->places[i].name, of_host);
			result = measure_clock(a, i, of_host, error);
		}
	for (size_t i = 0; result == 0 && i < count; i++)
		if (is_host(network, i))
			result = watch(a, i, error);
	for (size_t i = 0; result == 0 && i < count; i++) {
		struct message m;
		if (a->watching[i].fd < 0)
			continue;
		result = channel_await(&a->watching[i], &m, clock_now_ns() + READY_NS, error);
		if (result < 0)
			error_prefix(error, "host %s", network->places[i].name);
		else
			message_free(&m);
	}
	if (result == 0)
		return a;
	afar_free(a);
	return NULL;
}

/* The parts of a capture until the end of what the host says. */
static int take_capture(struct channel *c, const char *path, char **error)
{
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	int result = path && fd < 0 ? error_set(error, "%s: %s", path, strerror(errno)) : 0;
	for (bool over = false; result == 0 && !over;) {
		struct message m;
		result = channel_await(c, &m, clock_now_ns() + RESULT_NS, error);
		if (result < 0)
			break;
		over = json_is_true(json_object_get(m.head, "end"));
		if (m.count && fd >= 0 && write(fd, m.bytes, m.count) != (ssize_t)m.count)
			result = error_set(error, "%s: %s", path, strerror(errno));
		message_free(&m);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

static int take_result(
	struct afar *a, size_t node, const char *const *captures, json_t *targets, char **error)
{
	struct channel *c = &a->watching[node];
	const char *name = a->network->places[node].name;
	int capture = capture_of(a->experiment, node);
	struct message m;
	if (channel_await(c, &m, clock_now_ns() + RESULT_NS, error) < 0)
		return error_prefix(error, "host %s", name);
	json_t *of_host = json_object_get(a->hosts, name), *target;
	static const char *const keys[] = {"probe", "machine", "traffic"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_is_object(json_object_get(m.head, keys[i])))
			json_object_set(of_host, keys[i], json_object_get(m.head, keys[i]));
	size_t i;
	json_array_foreach(json_object_get(json_object_get(m.head, "capture"), "targets"), i, target) {
		if (capture >= 0 && json_is_object(target)) {
			json_object_set_new(
				target, "name", json_string(a->experiment->captures[capture].name));
			json_array_append(targets, target);
		}
	}
	message_free(&m);
	return take_capture(c, capture >= 0 ? captures[capture] : NULL, error) < 0
		       ? error_prefix(error, "host %s", name)
		       : 0;
}

int afar_stop(struct afar *a, const char *const *captures, json_t *record, char **error)
{
	size_t count = a->network->topology->nodes_count;
	json_t *targets = json_array();
	int result = 0;
	for (size_t i = 0; i < count; i++)
		if (a->watching[i].fd >= 0)
			message_say(a->watching[i].fd, json_pack("{s:b}", "stop", 1));
	for (size_t i = 0; i < count; i++) {
		if (a->watching[i].fd >= 0 &&
			take_result(a, i, captures, targets, result == 0 ? error : NULL) < 0)
			result = -1;
		channel_close(&a->watching[i]);
	}
	if (result == 0)
		result = measure_ways(a, "after", error);
	json_object_set_new(record, "verdict",
		json_pack("{s:s, s:O, s:O, s:{s:o}}", "clock", experiment_clock_name(TRIAL_REAL), "hosts",
			a->hosts, "ways", a->ways, "capture", "targets", targets));
	return result;
}

void afar_free(struct afar *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->network->topology->nodes_count; i++)
		channel_close(&a->watching[i]);
	free(a->watching);
	json_decref(a->hosts);
	json_decref(a->ways);
	free(a);
}
