/* Congestion: see the header. The kernel announces no new sockets, so they are listed again and again
 * (sock_diag): a connection that lives for a fifth of a second is seen. */
#include "harness/observe/congestion.h"

#include "harness/record/verdict.h"
#include "lib/net/sockdiag.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "net.ipv4.tcp_congestion_control"
#define LOOK_MS 200

/* A socket that the program has closed may still send. */
#define STATES (SOCKDIAG_ESTABLISHED | SOCKDIAG_FIN_WAIT1 | SOCKDIAG_CLOSE_WAIT)

static const struct setting *last_said(
	const struct setting *settings, size_t count, int node, const struct setting *before)
{
	for (size_t i = 0; i < count; i++)
		if ((settings[i].node < 0 || settings[i].node == node) && strcmp(settings[i].key, KEY) == 0)
			before = &settings[i];
	return before;
}

struct congestion_target *congestion_targets(const struct experiment *e, const struct configuration *c,
	const struct procedure *p, const struct network *network, size_t *count)
{
	struct congestion_target *targets = calloc(e->topology->nodes_count + 1, sizeof *targets);
	*count = 0;
	for (int node = 0; node < (int)e->topology->nodes_count; node++) {
		const struct setting *said = last_said(e->settings, e->settings_count, node, NULL);
		said = last_said(c->settings, c->settings_count, node, said);
		said = last_said(p->settings, p->settings_count, node, said);
		if (said && said->on_sockets)
			targets[(*count)++] = (struct congestion_target){.node = e->topology->nodes[node],
				.wanted = said->value,
				.place = &network->places[node]};
	}
	return targets;
}

struct eye { /* one node */
	struct sockdiag *diag;
	json_t *now, *most; /* {NAME: sockets}: in this look, and the most of any */
	char **error;
};

static int open_diag(void *context)
{
	struct eye *eye = context;
	eye->diag = sockdiag_open(eye->error);
	return eye->diag ? 0 : -1;
}

static int take_name(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == INET_DIAG_CONG &&
		mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		*(const char **)context = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

static void take_socket(void *context, const struct inet_diag_msg *socket, const struct nlmsghdr *message)
{
	struct eye *eye = context;
	const char *name = NULL;
	mnl_attr_parse(message, sizeof *socket, take_name, &name);
	if (name)
		json_object_set_new(eye->now, name,
			json_integer(json_integer_value(json_object_get(eye->now, name)) + 1));
}

static int look(struct eye *eye)
{
	const char *name;
	json_t *count;
	json_object_clear(eye->now);
	if (sockdiag_walk(eye->diag, IPPROTO_TCP, STATES, INET_DIAG_CONG, take_socket, eye, eye->error) < 0)
		return -1;
	json_object_foreach(eye->now, name, count)
		if (json_integer_value(count) > json_integer_value(json_object_get(eye->most, name)))
			json_object_set_new(eye->most, name, json_integer(json_integer_value(count)));
	return 0;
}

static int watch(struct eye *eyes, size_t count, int stop_fd)
{
	struct pollfd p = {.fd = stop_fd, .events = POLLIN};
	int n;
	do {
		for (size_t i = 0; i < count; i++)
			if (look(&eyes[i]) < 0)
				return -1;
		n = poll(&p, 1, LOOK_MS);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return 0;
}

int congestion_watch(
	const struct congestion_target *targets, size_t count, int stop_fd, const char *result_path)
{
	struct eye *eyes = calloc(count + 1, sizeof *eyes);
	json_t *nodes = json_object();
	char *error = NULL;
	int result = 0;
	for (size_t i = 0; i < count; i++) {
		eyes[i].error = &error;
		eyes[i].now = json_object();
		eyes[i].most = json_object();
		json_object_set_new(nodes, targets[i].node,
			json_pack("{s:s, s:o}", "wanted", targets[i].wanted, "seen", eyes[i].most));
		if (place_call(targets[i].place, open_diag, &eyes[i]) < 0)
			result = -1;
	}
	if (result == 0)
		result = watch(eyes, count, stop_fd);
	if (result < 0)
		fprintf(stderr, "listing the nodes' sockets: %s\n", error ? error : strerror(errno));
	json_t *all = json_pack("{s:o}", "nodes", nodes);
	if (result == 0)
		result = json_dump_file(all, result_path, JSON_INDENT(1));
	for (size_t i = 0; i < count; i++) {
		json_decref(eyes[i].now);
		sockdiag_close(eyes[i].diag);
	}
	json_decref(all);
	free(eyes);
	free(error);
	return result < 0 ? 1 : 0;
}

void congestion_judge(json_t *record)
{
	json_t *nodes =
		json_object_get(json_object_get(json_object_get(record, "verdict"), "congestion"), "nodes");
	json_t *of, *sockets;
	const char *node, *name;
	bool seen = false;
	json_object_foreach(nodes, node, of) {
		const char *wanted = json_string_value(json_object_get(of, "wanted"));
		json_object_foreach(json_object_get(of, "seen"), name, sockets) {
			seen = true;
			if (strcmp(name, wanted) != 0)
				verdict_judge(record, "invalid",
					"node %s had %lld sockets with congestion control %s, not %s", node,
					(long long)json_integer_value(sockets), name, wanted);
		}
	}
	if (json_object_size(nodes) && !seen)
		verdict_judge(record, "invalid",
			"no connected socket was seen in the nodes whose congestion control is set");
}
