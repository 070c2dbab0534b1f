/* Inventory: whether an experiment can run on its hosts, and what that makes of the experiment's network. */
#include "harness/hosts/inventory.h"

#include "harness/hosts/agent.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_S 5 /* of a trial, besides its workload: daemons, round trips before and after */

static int wants_host(const struct inventory *v, const struct experiment *e, int node,
	const struct conf_node *at, char **error)
{
	if (node < 0 || inventory_host(v, e->topology->nodes[node]) >= 0)
		return 0;
	return conf_error(at, error, "node `%s` is not in %s; add it to its `hosts`",
		e->topology->nodes[node], v->path);
}

/* Each host is a node of the network, with one link: a host's other interfaces are not ours to guess. */
static int check_hosts(const struct inventory *v, const struct topology *topology, char **error)
{
	for (size_t h = 0; h < v->count; h++) {
		int node = topology_node(topology, v->hosts[h].node);
		unsigned links = 0;
		for (size_t i = 0; node >= 0 && i < topology->links_count; i++)
			links += topology_end(topology, node, (int)i) != NULL;
		if (node < 0)
			return conf_error(v->hosts[h].at, error, "topology %s has no node `%s`",
				topology->name, v->hosts[h].node);
		if (links != 1)
			return conf_error(v->hosts[h].at, error,
				"node `%s` has %u links in topology %s; only a node with one can be a host",
				v->hosts[h].node, links, topology->name);
	}
	return 0;
}

static int check_programs(const struct inventory *v, const struct experiment *e, const struct program *list,
	size_t count, char **error)
{
	for (size_t i = 0; i < count; i++)
		if (wants_host(v, e, list[i].node, list[i].at, error) < 0)
			return -1;
	return 0;
}

/* What only an emulated network has. */
static int check_real(const struct experiment *e, char **error)
{
	static const char *const keys[] = {
		"links", "changes", "services", "congestion", "files", "design", "host", "setup", NULL};
	for (const char *const *key = keys; *key; key++) {
		const struct conf_node *at = conf_child(e->root, *key);
		if (at && at->children > 0)
			return conf_error(at, error,
				"`%s` cannot be had on hosts; `wan` is an experiment for them", *key);
	}
	for (size_t c = 0; c < e->configurations_count; c++)
		for (size_t i = 0; i < e->configurations[c].variant->topology->links_count; i++)
			if (e->configurations[c].links[i].shaped)
				return conf_error(e->configurations[c].at, error,
					"configuration `%s` shapes links, which hosts cannot; `wan` is an experiment for them",
					e->configurations[c].name);
	return 0;
}

/* net.ipv4.ip_forward, as the file that an agent may write. */
static bool may_change(const char *key)
{
	char path[256];
	size_t used = (size_t)snprintf(path, sizeof path, "/proc/sys/");
	snprintf(path + used, sizeof path - used, "%s", key);
	for (char *at = path; *at; at++)
		if (*at == '.')
			*at = '/';
	return agent_may_set(path);
}

static int check_settings(const struct inventory *v, const struct experiment *e, const struct setting *list,
	size_t count, char **error)
{
	for (size_t i = 0; i < count; i++) {
		if (wants_host(v, e, list[i].node, list[i].at, error) < 0)
			return -1;
		if (!may_change(list[i].key))
			return conf_error(list[i].at, error,
				"`%s` is not changed on hosts; only " AGENT_SETTINGS " are", list[i].key);
	}
	return 0;
}

static int check_nodes(const struct inventory *v, const struct experiment *e, char **error)
{
	if (check_programs(v, e, e->daemons, e->daemons_count, error) < 0 ||
		check_settings(v, e, e->settings, e->settings_count, error) < 0)
		return -1;
	for (size_t i = 0; i < e->workloads_count; i++)
		if (check_programs(v, e, e->workloads[i].programs, e->workloads[i].programs_count, error) < 0)
			return -1;
	for (size_t i = 0; i < e->captures_count; i++) {
		if (wants_host(v, e, e->captures[i].node, conf_child(e->root, "captures"), error) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (e->captures[k].node == e->captures[i].node)
				return conf_error(conf_child(e->root, "captures"), error,
					"node `%s` is captured twice, and a host has one interface",
					e->topology->nodes[e->captures[i].node]);
	}
	for (size_t i = 0; i < e->procedures_count; i++) {
		const struct procedure *p = &e->procedures[i];
		if (check_settings(v, e, p->settings, p->settings_count, error) < 0)
			return -1;
		if (p->setups_count)
			return conf_error(p->setups[0].at, error,
				"`setup` cannot be had on hosts: what it changes there would be left");
	}
	for (size_t i = 0; i < e->configurations_count; i++)
		if (check_settings(v, e, e->configurations[i].settings, e->configurations[i].settings_count,
			    error) < 0)
			return -1;
	return 0;
}

/* The texts of what is planned, filled in with the hosts' addresses. */
static int check_names(
	const struct inventory *v, const struct experiment *e, const struct plan *plan, char **error)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct configuration *c = &e->configurations[plan->trials[i].configuration];
		inventory_apply(v, NULL, c->variant->topology);
		if (experiment_check_names(
			    c->variant, &c->variant->procedures[plan->trials[i].procedure], error) == 0)
			continue;
		char *said = *error;
		if (!strstr(said, v->ipv6 ? "`${address:" : "`${address6:"))
			return -1;
		*error = NULL;
		error_set(error, "%s; `%s` is an experiment for hosts of %s", said, v->ipv6 ? "wan6" : "wan",
			v->ipv6 ? "IPv6" : "IPv4");
		free(said);
		return -1;
	}
	return 0;
}

/* How long a trial may send: as long as its figure is of, else as long as it may take. */
static double sending_s(const struct experiment *e)
{
	const struct measure *m = e->measures_count ? &e->measures[e->primary] : NULL;
	return m && m->windowed ? m->window[1] : (double)e->trial_limit_ns / 1e9;
}

static int check_limits(
	const struct inventory *v, const struct experiment *e, const struct plan *plan, char **error)
{
	double trials = (double)plan_count(plan, PLANNED_OPEN), each = sending_s(e);
	double bytes = trials * each * (double)v->rate_bps / 8, seconds = trials * (each + GAP_S);
	if (bytes > (double)v->bytes)
		return conf_error(conf_child(v->limits, "bytes"), error,
			"%.0f trials of %.1f s at %.0f Mbit/s may send %.1f GB, more than %.1f GB; take fewer trials, or raise the limit",
			trials, each, (double)v->rate_bps / 1e6, bytes / 1e9, (double)v->bytes / 1e9);
	if (seconds * 1e9 > (double)v->until_ns)
		return conf_error(conf_child(v->limits, "until"), error,
			"%.0f trials take %.0f minutes, more than %.0f; take fewer trials, or raise the limit",
			trials, seconds / 60, (double)v->until_ns / 60e9);
	return 0;
}

int inventory_check(
	const struct inventory *v, const struct experiment *e, const struct plan *plan, char **error)
{
	for (size_t c = 0; c < e->configurations_count; c++)
		if (check_hosts(v, e->configurations[c].variant->topology, error) < 0)
			return -1;
	return check_real(e, error) < 0 || check_nodes(v, e, error) < 0 ||
			       check_names(v, e, plan, error) < 0 || check_limits(v, e, plan, error) < 0
		       ? -1
		       : 0;
}

void inventory_apply(const struct inventory *v, const char *const *interfaces, struct topology *topology)
{
	for (size_t i = 0; i < topology->links_count; i++)
		for (int k = 0; k < 2; k++) {
			struct topology_end *end = &topology->links[i].ends[k];
			int h = inventory_host(v, topology->nodes[end->node]);
			end->address = h >= 0 && !v->ipv6 ? v->hosts[h].address : "";
			end->address6 = h >= 0 && v->ipv6 ? v->hosts[h].address : "";
			if (h >= 0 && interfaces)
				end->interface = interfaces[h];
		}
}
