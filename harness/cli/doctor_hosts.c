/* liquidnet doctor --hosts: whether the hosts of an inventory can be logged in to, are what they should be, have the
 * programs of the experiments that are named, and hear each other on the inventory's ports. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"
#include "harness/hosts/hosts.h"
#include "harness/lab/needs.h"
#include "harness/place/host_clock.h"
#include "harness/place/message.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_NS (10 * NS_PER_S)
#define CLOCK_MS 100.0 /* beyond, a trial is suspect (afar_judge.c) */

struct findings {
	json_t *rows;
	size_t missing;
};

static void add(struct findings *f, bool there, const char *name, const char *text)
{
	f->missing += !there;
	json_array_append_new(
		f->rows, json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", name, "name", name, "state",
				 there ? "ok" : "missing", "required", 1, "text", text));
}

/* A question and its answer. NULL and *error. */
static json_t *ask(const struct place *place, json_t *what, char **error)
{
	struct message m;
	struct channel c = {.fd = place_talk(place, what, error)};
	json_t *answer = NULL;
	if (c.fd >= 0 && channel_await(&c, &m, clock_now_ns() + ANSWER_NS, error) == 0) {
		answer = json_incref(m.head);
		message_free(&m);
	}
	channel_close(&c);
	return answer;
}

static void examine_host(struct findings *f, const struct hosts *hosts, const struct place *place)
{
	json_t *facts = hosts_facts(hosts), *of_host = json_object_get(facts, place->name);
	char text[512], *error = NULL;
	double ahead_ms, error_ms;
	snprintf(text, sizeof text, "%s: kernel %s, %d processors, %s on %s", message_text(of_host, "ssh"),
		message_text(of_host, "kernel"), (int)message_number(of_host, "processors"),
		message_text(of_host, "address"), message_text(of_host, "interface"));
	add(f, true, place->name, text);
	json_decref(facts);
	char name[160];
	snprintf(name, sizeof name, "%s clock", place->name);
	if (host_clock(place, &ahead_ms, &error_ms, &error) < 0) {
		add(f, false, name, error);
	} else {
		bool good = fabs(ahead_ms) - error_ms <= CLOCK_MS;
		snprintf(text, sizeof text, "%.1f ms %s this machine's, to %.1f ms%s", fabs(ahead_ms),
			ahead_ms < 0 ? "behind" : "ahead of", error_ms,
			good ? "" : "; have both follow a time server");
		add(f, good, name, text);
	}
	free(error);
}

static bool arrives(const struct place *from, const struct place *to, const char *address,
	const struct inventory_port *port, char **error)
{
	struct message m;
	struct channel hearer = {.fd = place_talk(to,
					 json_pack("{s:s, s:s, s:i}", "do", "hear", "protocol",
						 port->protocol, "port", port->number),
					 error)};
	bool heard = false;
	if (hearer.fd >= 0 && channel_await(&hearer, &m, clock_now_ns() + ANSWER_NS, error) == 0) {
		message_free(&m);
		json_decref(ask(from,
			json_pack("{s:s, s:s, s:i, s:s}", "do", "knock", "protocol", port->protocol, "port",
				port->number, "address", address),
			error));
		if (!*error && channel_await(&hearer, &m, clock_now_ns() + ANSWER_NS, error) == 0) {
			heard = json_is_true(json_object_get(m.head, "heard"));
			message_free(&m);
		}
	}
	channel_close(&hearer);
	return heard;
}

static void examine_port(struct findings *f, const struct hosts *hosts, const struct inventory *v,
	size_t from, size_t to, const struct inventory_port *port)
{
	struct place one = hosts_place(hosts, from), other = hosts_place(hosts, to);
	char name[192], text[512], *error = NULL;
	snprintf(name, sizeof name, "%s -> %s %d/%s", one.name, other.name, port->number, port->protocol);
	bool there = arrives(&one, &other, v->hosts[to].address, port, &error);
	if (there)
		snprintf(text, sizeof text, "arrives");
	else if (error)
		snprintf(text, sizeof text, "%s", error);
	else
		snprintf(text, sizeof text,
			"nothing arrives; let %s port %d from %s in, in the firewall of %s and of its network",
			port->protocol, port->number, v->hosts[from].address, other.name);
	add(f, there, name, text);
	free(error);
}

static int examine_experiment(struct findings *f, const struct hosts *hosts, const char *named, char **error)
{
	struct needs needs;
	struct experiment *e = find_experiment(named, error);
	char *lack = NULL;
	if (!e || needs_of(&needs, e, NULL, error) < 0) {
		experiment_free(e);
		return -1;
	}
	const char **names = calloc(needs.programs_count + 1, sizeof *names);
	size_t count = 0;
	for (size_t i = 0; names && i < needs.programs_count; i++)
		if (needs.programs[i].at)
			names[count++] = needs.programs[i].name;
	bool there = names && hosts_check_programs(hosts, names, &lack) == 0;
	add(f, there, e->name, there ? "every host has its programs" : lack ? lack : "no memory");
	char name[192];
	snprintf(name, sizeof name, "%s settings", e->name);
	free(lack);
	lack = NULL;
	there = hosts_check_settings(hosts, e, &lack) == 0;
	add(f, there, name, there ? "every host can have them" : lack);
	free(lack);
	free(names);
	experiment_free(e);
	return 0;
}

static int examine(struct findings *f, const struct inventory *v, int argc, char **argv, char **error)
{
	struct hosts *hosts = hosts_open(v, error);
	int result = hosts ? 0 : -1;
	for (size_t i = 0; hosts && i < v->count; i++) {
		struct place place = hosts_place(hosts, i);
		examine_host(f, hosts, &place);
	}
	for (size_t i = 0; hosts && i < v->count; i++)
		for (size_t k = 0; k < v->count; k++)
			for (size_t p = 0; i != k && p < v->ports_count; p++)
				examine_port(f, hosts, v, i, k, &v->ports[p]);
	for (int i = 1; result == 0 && i < argc; i++)
		if (strcmp(argv[i], "--hosts") == 0)
			i++;
		else if (*argv[i] != '-')
			result = examine_experiment(f, hosts, argv[i], error);
	hosts_close(hosts);
	return result;
}

static const char *words(int argc, char **argv, bool *json)
{
	const char *path = NULL;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0) {
			*json = true;
		} else if (strcmp(argv[i], "--hosts") == 0 && i + 1 < argc) {
			path = argv[++i];
		} else if (*argv[i] == '-') {
			fprintf(stderr,
				"liquidnet doctor: takes --json, --hosts FILE and experiments, not `%s`\n",
				argv[i]);
			return NULL;
		}
	return path;
}

static void print(const struct findings *f, bool json)
{
	json_t *row;
	size_t i;
	if (json) {
		json_dumpf(f->rows, stdout, JSON_INDENT(1));
		printf("\n");
		return;
	}
	json_array_foreach(f->rows, i, row)
		printf("%-8s %-28s %s\n", message_text(row, "state"), message_text(row, "name"),
			message_text(row, "text"));
	if (f->missing)
		printf("\nThe hosts cannot be used so: %zu missing.\n", f->missing);
	else
		printf("\nThe hosts can be used.\n");
}

int doctor_hosts(int argc, char **argv)
{
	bool json = false;
	char *error = NULL;
	const char *path = words(argc, argv, &json);
	if (!path)
		return 2;
	struct findings f = {.rows = json_array()};
	struct inventory *inventory = inventory_load(path, &error);
	int result = inventory ? examine(&f, inventory, argc, argv, &error) : -1;
	if (result == 0)
		print(&f, json);
	else
		fprintf(stderr, "liquidnet doctor: %s\n", error);
	inventory_free(inventory);
	json_decref(f.rows);
	free(error);
	return result < 0 ? 2 : f.missing ? 1 : 0;
}
