/* Lab: see the header. */
#include "harness/lab/lab.h"

#include "harness/place/counters.h"
#include "harness/place/settings.h"
#include <string.h>

struct part {
	const struct setting *settings;
	size_t count;
};

/* Who sets sysctls, in this order: a later one wins. */
static void parts_of(const struct lab_options *o, struct part parts[3])
{
	parts[0] = (struct part){o->experiment->settings, o->experiment->settings_count};
	parts[1] = (struct part){o->configuration->settings, o->configuration->settings_count};
	parts[2] = (struct part){o->procedure->settings, o->procedure->settings_count};
}

static int shape(struct lab *lab, const struct lab_options *o, struct pool *pool, char **error)
{
	const struct topology *topology = o->experiment->topology;
	lab->shaping = (struct shaping){.network = &lab->network,
		.links = o->configuration->links,
		.chosen = pool_alloc(pool, topology->links_count + 1, sizeof *lab->shaping.chosen),
		.folder = o->folder,
		.seed = o->seed,
		.waits = o->waits,
		.daemon = PROCESS_NONE};
	return shape_choose(topology, o->configuration->links, o->backend, o->proofs, lab->shaping.chosen,
		       error) < 0
		       ? -1
		       : shape_install(&lab->shaping, error);
}

/* Hosts have counted since they were started. */
static int find(struct lab *lab, const struct lab_options *o, char **error)
{
	return network_of_hosts(&lab->network, o->experiment->topology, o->hosts, error) == 0 &&
			       (lab->network.before = counters_read(&lab->network, error))
		       ? 0
		       : -1;
}

int lab_open(struct lab *lab, const struct lab_options *o, struct pool *pool, char **error)
{
	const struct experiment *e = o->experiment;
	struct part parts[3];
	*lab = LAB_NONE;
	parts_of(o, parts);
	const char *own = e->topology_file ? pool_printf(pool, "%s/%s", o->files,
						     e->topology_file + strlen(experiment_beside(e, "")))
					   : NULL;
	int there = o->hosts ? find(lab, o, error)
			     : network_build(&lab->network, o->root, own, e->topology, o->deadline_ns, error);
	if (there < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (settings_apply(&lab->network, parts[i].settings, parts[i].count, error) < 0)
			return -1;
	if (o->built)
		o->built(o->context);
	return shape(lab, o, pool, error);
}

json_t *lab_settings(const struct lab *lab, const struct lab_options *o, struct pool *pool)
{
	struct part parts[3];
	parts_of(o, parts);
	struct setting *all =
		pool_alloc(pool, parts[0].count + parts[1].count + parts[2].count + 1, sizeof *all);
	size_t count = 0;
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; k < parts[i].count; k++)
			all[count++] = parts[i].settings[k];
	return settings_read(&lab->network, all, count);
}

void lab_close(struct lab *lab)
{
	if (!lab->network.topology)
		return;
	shape_stop(&lab->shaping);
	network_free(&lab->network);
	lab->network.topology = NULL;
}
