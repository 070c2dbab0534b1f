/* Flows: see the header. */
#include "harness/trial/flows.h"

#include <string.h>

static json_int_t delivered(const json_t *connection, const char *direction)
{
	return json_integer_value(json_object_get(json_object_get(connection, direction), "delivered_bytes"));
}

const char *flows_direction(const json_t *connection)
{
	return delivered(connection, "reverse") > delivered(connection, "forward") ? "reverse" : "forward";
}

static bool has_port(const json_t *connection, int port)
{
	const json_t *first = json_array_get(json_object_get(connection, "subflows"), 0);
	return json_integer_value(json_object_get(first, "server_port")) == port ||
	       json_integer_value(json_object_get(first, "client_port")) == port;
}

json_t *flows_busiest(json_t *connections, const struct flow_selection *flows)
{
	json_t *connection, *best = NULL;
	json_int_t most = -1;
	size_t i;
	json_array_foreach(connections, i, connection) {
		json_int_t bytes = delivered(connection, flows_direction(connection));
		if (bytes > most && (!flows->port || has_port(connection, flows->port))) {
			most = bytes;
			best = connection;
		}
	}
	return best;
}

bool flows_meant(json_t *connections, const json_t *connection, const struct flow_selection *flows)
{
	return flows->port ? has_port(connection, flows->port)
			   : connection == flows_busiest(connections, flows);
}

double flows_window(json_t *connections, const struct flow_selection *flows, size_t window)
{
	static const char *const directions[] = {"forward", "reverse"};
	json_int_t whole[2] = {0, 0};
	double bytes[2] = {0, 0};
	json_t *connection;
	size_t i;
	json_array_foreach(connections, i, connection) {
		if (!flows_meant(connections, connection, flows))
			continue;
		for (int k = 0; k < 2; k++) {
			json_t *windows =
				json_object_get(json_object_get(connection, directions[k]), "windows");
			whole[k] += delivered(connection, directions[k]);
			bytes[k] += json_number_value(
				json_object_get(json_array_get(windows, window), "delivered_bytes"));
		}
	}
	return bytes[whole[1] > whole[0]];
}

void flows_place(const struct topology *topology, const char *address, int *node, int *link)
{
	*node = *link = -1;
	for (size_t i = 0; *address && i < topology->links_count; i++)
		for (int k = 0; k < 2; k++) {
			const struct topology_end *end = &topology->links[i].ends[k];
			if (strcmp(end->address, address) == 0 || strcmp(end->address6, address) == 0) {
				*node = end->node;
				*link = (int)i;
				return;
			}
		}
}
