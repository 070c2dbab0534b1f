/* The greatest flow as a linear program.
 *
 * All that goes over the switch may be mixed there: what counts is how much leaves each source and how much comes to each destination. So there is one
 * flow up, from all sources to the switch, and one down, not one per connection; the number of cables that were used, or are still to
 * come, is kept by a copy of the network per number. Flow that stays in a rack is counted by its whole path. */
#include "lib/base/error.h"
#include "nodes/grin/capacity/capacity.h"
#include "nodes/grin/capacity/ways.h"
#include <glpk.h>
#include <stdlib.h>
#include <string.h>

enum { RACK_FREE = 3 }; /* cables of a path within a rack, without restriction */

struct program {
	glp_prob *lp;
	const struct plan *plan;
	unsigned layers; /* hops that are counted; 1 without restriction */
	bool free;
	int uplinks, downlinks, cables; /* first rows: capacities, a row per server or direction of a cable */
	int up, down; /* first rows: what a server has at hand in a layer; (layers + 1) rows per server */
};

static int up_row(const struct program *p, unsigned server, unsigned layer)
{
	return p->up + (int)(server * (p->layers + 1) + layer);
}

static int down_row(const struct program *p, unsigned server, unsigned layer)
{
	return p->down + (int)(server * (p->layers + 1) + layer);
}

/* A column with coefficients in up to WAY_CABLES + 2 rows. */
static int add_column(struct program *p, double objective, int count, const int *rows, const double *values)
{
	int column = glp_add_cols(p->lp, 1);

	glp_set_col_bnds(p->lp, column, GLP_LO, 0, 0);
	glp_set_obj_coef(p->lp, column, objective);
	glp_set_mat_col(p->lp, column, count, rows - 1, values - 1);
	return column;
}

static int add_rows(struct program *p, unsigned count, double bound)
{
	int first = glp_add_rows(p->lp, (int)count);

	for (int i = 0; i < (int)count; i++)
		glp_set_row_bnds(p->lp, first + i, bound > 0 ? GLP_UP : GLP_FX, 0, bound);
	return first;
}

/* The balance of a server in a layer is what leaves less what comes: 0. A connection's own flow comes in layer 0 of its source. */
static void add_network(struct program *p)
{
	for (unsigned s = 0; s < p->plan->count; s++)
		for (unsigned k = 0; k <= p->layers; k++) {
			add_column(p, 0, 2, (int[]){up_row(p, s, k), p->uplinks + (int)s}, (double[]){1, 1});
			add_column(p, 0, 2, (int[]){down_row(p, s, k), p->downlinks + (int)s},
				(double[]){-1, 1});
		}
	for (unsigned s = 0; s < p->plan->count; s++)
		for (unsigned e = 0; e < p->plan->servers[s].count; e++) {
			unsigned next = p->plan->servers[s].ends[e].peer;
			int cable = p->cables + (int)way_cable(p->plan, s, (int)e);
			for (unsigned k = 0; k < p->layers; k++) {
				/* Up: k cables were used before; down: k + 1 are to come. Without restriction a cable leads to the same layer. */
				unsigned used = p->free ? k : k + 1;
				add_column(p, 0, 3, (int[]){up_row(p, s, k), up_row(p, next, used), cable},
					(double[]){1, -1, 1});
				add_column(p, 0, 3,
					(int[]){down_row(p, s, used), down_row(p, next, k), cable},
					(double[]){1, -1, 1});
			}
		}
}

static void add_connection(
	struct program *p, struct traffic_flow flow, unsigned rack_cables, struct ways *ways)
{
	const struct plan_server *s = &p->plan->servers[flow.source],
				 *d = &p->plan->servers[flow.destination];

	add_column(p, 1, 2, (int[]){up_row(p, flow.source, 0), down_row(p, flow.destination, 0)},
		(double[]){-1, 1});
	if (s->rack != d->rack)
		return;
	ways_from(p->plan, flow.source, rack_cables, (int)flow.destination, ways);
	for (unsigned i = 0; i < ways->count; i++) {
		int rows[WAY_CABLES];
		double values[WAY_CABLES];
		for (unsigned k = 0; k < ways->list[i].count; k++) {
			rows[k] = p->cables + (int)ways->list[i].cables[k];
			values[k] = 1;
		}
		add_column(p, 1, (int)ways->list[i].count, rows, values);
	}
}

double capacity_optimum(const struct plan *plan, const struct traffic_flow *flows, unsigned count,
	unsigned hops, char **error)
{
	struct program p = {
		.plan = plan, .free = hops == CAPACITY_FREE, .layers = hops == CAPACITY_FREE ? 1 : hops};
	struct ways ways = {0};
	glp_smcp options;

	p.lp = glp_create_prob();
	glp_set_obj_dir(p.lp, GLP_MAX);
	p.uplinks = add_rows(&p, plan->count, 1);
	p.downlinks = add_rows(&p, plan->count, 1);
	p.cables = plan->links ? add_rows(&p, 2 * plan->links, 1) : 0;
	p.up = add_rows(&p, plan->count * (p.layers + 1), 0);
	p.down = add_rows(&p, plan->count * (p.layers + 1), 0);
	add_network(&p);
	for (unsigned i = 0; i < count; i++)
		add_connection(&p, flows[i], p.free ? RACK_FREE : hops + 1, &ways);
	free(ways.list);
	glp_init_smcp(&options);
	options.msg_lev = GLP_MSG_OFF;
	options.presolve = GLP_ON;
	options.meth = GLP_DUALP;
	int result = glp_simplex(p.lp, &options);
	double sum = glp_get_obj_val(p.lp);
	if (result || glp_get_status(p.lp) != GLP_OPT) {
		error_set(error, "the linear program has no solution (GLPK: %d)", result);
		sum = -1;
	}
	glp_delete_prob(p.lp);
	return sum;
}
