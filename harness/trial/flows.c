/* Flows: see the header. */
#include "harness/trial/flows.h"

#include "harness/trial/datagrams.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

#define OTHERS_SHARE 0.01 /* of the bytes of the connection that carried most */

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

struct ports { /* bytes of payload of the datagrams to each */
	uint64_t to[65536], whole;
};

static void count_datagram(void *context, const struct datagram *d)
{
	struct ports *ports = context;
	ports->to[d->to & 0xffff] += d->length;
	ports->whole += d->length;
}

static int refuse_datagrams(const char *capture, double most, char **error)
{
	struct ports *ports = calloc(1, sizeof *ports);
	int result =
		ports ? datagrams_read(capture, count_datagram, ports, error) : error_set(error, "no memory");
	unsigned busiest = 0;
	for (unsigned i = 0; result == 0 && i < 65536; i++)
		busiest = ports->to[i] > ports->to[busiest] ? i : busiest;
	if (result == 0 && (double)ports->whole > most * OTHERS_SHARE)
		result = error_set(error,
			"shows %llu bytes of datagrams beside a connection of %.0f; name what is meant: flows: {port: %u, protocol: udp}",
			(unsigned long long)ports->whole, most, busiest);
	free(ports);
	return result;
}

int flows_unambiguous(
	json_t *connections, const struct flow_selection *flows, const char *capture, char **error)
{
	json_t *busiest = flows_busiest(connections, flows), *connection;
	size_t i, others = 0;
	if (flows->port || !busiest)
		return 0;
	double most = (double)delivered(busiest, flows_direction(busiest));
	json_array_foreach(connections, i, connection)
		others += connection != busiest &&
			  (double)delivered(connection, flows_direction(connection)) > most * OTHERS_SHARE;
	if (others) {
		json_t *first = json_array_get(json_object_get(busiest, "subflows"), 0);
		return error_set(error,
			"shows %zu connections that carry data; name those that are meant, which are added up: flows: {port: %lld}",
			others + 1, (long long)json_integer_value(json_object_get(first, "server_port")));
	}
	return refuse_datagrams(capture, most, error);
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
