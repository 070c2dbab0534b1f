/* Counters: /proc/net/netstat of each namespace; lines come in pairs, names then values. */
#include "harness/place/counters.h"

#include "lib/base/error.h"
#include "lib/net/netns.h"
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

static int read_netstat(void *context)
{
	char *names = NULL, *values = NULL;
	size_t names_room = 0, values_room = 0;
	FILE *in = fopen("/proc/thread-self/net/netstat", "re");
	if (!in)
		return -1;
	while (getline(&names, &names_room, in) > 0 && getline(&values, &values_room, in) > 0)
		add_pair(context, names, values);
	free(names);
	free(values);
	fclose(in);
	return 0;
}

json_t *counters_read(const struct network *network, char **error)
{
	json_t *all = json_object();
	for (size_t i = 0; i < network->topology->nodes_count; i++) {
		json_t *of_node = json_object();
		json_object_set_new(all, network->topology->nodes[i], of_node);
		if (netns_call(network->netns[i], read_netstat, of_node) < 0) {
			error_set(
				error, "the counters of node %s cannot be read", network->topology->nodes[i]);
			json_decref(all);
			return NULL;
		}
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
