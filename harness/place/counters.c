/* Counters: /proc/net/netstat and snmp of each node. */
#include "harness/place/counters.h"

#include "lib/base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_pair(json_t *into, char *names, char *values)
{
	char *rest_names = NULL, *rest_values = NULL;
	char *group = strtok_r(names, ": \n", &rest_names);
	strtok_r(values, " \n", &rest_values);
	for (char *name; group && (name = strtok_r(NULL, " \n", &rest_names));) {
		char *value = strtok_r(NULL, " \n", &rest_values);
		char full[128];
		if (!value)
			break;
		long long number = strtoll(value, NULL, 10);
		snprintf(full, sizeof full, "%s%s", group, name);
		if (number)
			json_object_set_new(into, full, json_integer(number));
	}
}

/* Lines in pairs: "TcpExt: NAME ..." and "TcpExt: VALUE ...". */
static int read_pairs(const struct place *place, const char *path, json_t *into)
{
	char *text, *rest = NULL;
	int result = place_read(place, path, &text);
	if (result < 0)
		return -1;
	for (char *names = strtok_r(text, "\n", &rest); names; names = strtok_r(NULL, "\n", &rest)) {
		char *values = strtok_r(NULL, "\n", &rest);
		if (values)
			add_pair(into, names, values);
	}
	free(text);
	return 0;
}

/* Takes off what was counted before; what did not move is left out. */
static void subtract(json_t *of_node, const json_t *before)
{
	const char *name;
	json_t *value;
	void *next;
	json_object_foreach_safe(of_node, next, name, value) {
		json_int_t left =
			json_integer_value(value) - json_integer_value(json_object_get(before, name));
		if (left)
			json_object_set_new(of_node, name, json_integer(left));
		else
			json_object_del(of_node, name);
	}
}

json_t *counters_read(const struct network *network, char **error)
{
	json_t *all = json_object();
	for (size_t i = 0; i < network->topology->nodes_count; i++) {
		const struct place *place = &network->places[i];
		json_t *of_node = json_object();
		json_object_set_new(all, place->name, of_node);
		if (place_is_nobodys(place))
			continue;
		if (read_pairs(place, "/proc/net/netstat", of_node) < 0 ||
			read_pairs(place, "/proc/net/snmp", of_node) < 0) {
			error_set(error, "the counters of node %s cannot be read", place->name);
			json_decref(all);
			return NULL;
		}
		if (network->before)
			subtract(of_node, json_object_get(network->before, place->name));
	}
	return all;
}

const char *counters_find(json_t *counters, const char *prefix, const char *part, const char **node)
{
	const char *name, *key;
	json_t *of_node, *value;
	json_object_foreach(counters, name, of_node)
		json_object_foreach(of_node, key, value)
			if (strncmp(key, prefix, strlen(prefix)) == 0 && strstr(key, part)) {
				*node = name;
				return key;
			}
	return NULL;
}
