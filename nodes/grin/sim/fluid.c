/* Rates of streams; see the header. */
#include "nodes/grin/sim/fluid.h"

#include "lib/base/error.h"
#include <glpk.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const fluid_model_names[FLUID_MODELS + 1] = {"lia", "tcp", "uncoupled", "optimum", NULL};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct fluid *fluid_new(unsigned resources)
{
	struct fluid *f = must(calloc(1, sizeof *f));

	f->resources = resources;
	f->capacity = must(calloc(resources + 1, sizeof *f->capacity));
	for (unsigned i = 0; i < resources; i++)
		f->capacity[i] = 1;
	return f;
}

void fluid_free(struct fluid *f)
{
	if (!f)
		return;
	free(f->capacity);
	free(f->path);
	free(f->rate);
	free(f);
}

void fluid_connection(struct fluid *f)
{
	f->connections++;
}

void fluid_path(struct fluid *f, unsigned count, const unsigned *resources)
{
	if (f->paths == f->room) {
		f->room = f->room ? 2 * f->room : 256;
		f->path = must(reallocarray(f->path, f->room, sizeof *f->path));
		f->rate = must(reallocarray(f->rate, f->room, sizeof *f->rate));
	}
	struct fluid_path *p = &f->path[f->paths];
	f->rate[f->paths++] = 0;
	*p = (struct fluid_path){.connection = f->connections - 1, .count = count};
	memcpy(p->resources, resources, count * sizeof *resources);
}

void fluid_way_back(struct fluid *f, unsigned count, const unsigned *resources)
{
	struct fluid_path *p = &f->path[f->paths - 1];

	p->back_count = count;
	memcpy(p->back, resources, count * sizeof *resources);
}

static void loads(const struct fluid *f, double *load)
{
	memset(load, 0, f->resources * sizeof *load);
	for (unsigned i = 0; i < f->paths; i++)
		for (unsigned k = 0; k < f->path[i].count; k++)
			load[f->path[i].resources[k]] += f->rate[i];
}

double fluid_excess(const struct fluid *f)
{
	double *load = must(calloc(f->resources + 1, sizeof *load)), worst = 0;

	loads(f, load);
	for (unsigned i = 0; i < f->paths; i++)
		for (unsigned k = 0; k < f->path[i].back_count; k++)
			load[f->path[i].back[k]] += f->acks * f->rate[i];
	for (unsigned i = 0; i < f->resources; i++)
		worst = fmax(worst, load[i] / f->capacity[i] - 1);
	free(load);
	return worst;
}

double fluid_rate(const struct fluid *f, unsigned connection)
{
	double rate = 0;

	for (unsigned i = 0; i < f->paths; i++)
		if (f->path[i].connection == connection)
			rate += f->rate[i];
	return rate;
}

/* ---- LIA
 *
 * RFC 6356 with equal round trips: per acknowledgement a window grows by w_max / w_sum^2, per loss it is halved. At rest, with a loss rate p_r on path r:
 * w_r = 2 w_max / (w_sum^2 p_r). So w_r is in proportion to 1 / p_r, and w_sum = sqrt(2 / p_min): as much as one TCP has on the best path.
 * Loss rates of a path's links add up; a link's grows while it is overfull and shrinks while it is not. Only their ratios count. */

#define REST_STEPS 3000
#define LOSS_LEAST 1e-9 /* of a loss rate: a link that is never full */

static void lia_rates(struct fluid *f, const double *loss)
{
	for (unsigned i = 0, end; i < f->paths; i = end) {
		double best = INFINITY, sum = 0;
		for (end = i; end < f->paths && f->path[end].connection == f->path[i].connection; end++) {
			double p = 0;
			for (unsigned k = 0; k < f->path[end].count; k++)
				p += loss[f->path[end].resources[k]];
			f->rate[end] = 1 / p;
			sum += 1 / p;
			best = fmin(best, p);
		}
		for (unsigned k = i; k < end; k++)
			f->rate[k] *= sqrt(2 / best) / sum;
	}
}

/* ---- TCP
 *
 * At rest a window is in proportion to 1 / sqrt(p), p the sum of its links' loss rates, and a rate is a window per round trip (Mathis et al., 1997; CUBIC in so short round trips grows
 * as Reno, RFC 9438, section 4.3). In a network so small round trips are queues: each full link adds one, and a link is the fuller the nearer its loss rate comes to TCP_FULL. So a subflow over
 * two full links has about a third of what one over one of them has. */

#define TCP_FULL 1e-3 /* a loss rate from which on a link's queue is full */
#define TCP_BASE 0.1  /* a round trip without queues, in queues */

static void tcp_rates(struct fluid *f, const double *loss)
{
	for (unsigned i = 0; i < f->paths; i++) {
		double p = 0, round_trip = TCP_BASE;
		for (unsigned k = 0; k < f->path[i].count; k++) {
			double one = loss[f->path[i].resources[k]];
			p += one;
			round_trip += fmin(1, one / TCP_FULL);
		}
		f->rate[i] = 1 / (sqrt(p) * round_trip);
	}
}

/* ---- both: loss rates for which every link is full, or loses nothing */

/* What is left beyond a capacity after the last step is taken off the paths over it. */
static void trim(struct fluid *f, double *load)
{
	loads(f, load);
	for (unsigned i = 0; i < f->paths; i++) {
		double most = 1;
		for (unsigned k = 0; k < f->path[i].count; k++) {
			unsigned r = f->path[i].resources[k];
			most = fmax(most, load[r] / f->capacity[r]);
		}
		f->rate[i] /= most;
	}
}

static void at_rest(struct fluid *f, void (*rates)(struct fluid *f, const double *loss))
{
	double *loss = must(calloc(f->resources + 1, sizeof *loss)),
	       *load = must(calloc(f->resources + 1, sizeof *load)),
	       *mean = must(calloc(f->paths + 1, sizeof *mean));

	for (unsigned i = 0; i < f->resources; i++)
		loss[i] = 1;
	for (unsigned step = 0; step < REST_STEPS; step++) {
		double gain = step < REST_STEPS / 2 ? 0.3 : 0.05;
		rates(f, loss);
		loads(f, load);
		for (unsigned i = 0; i < f->resources; i++)
			loss[i] = fmax(loss[i] * pow(fmax(load[i], 0.01) / f->capacity[i], gain), LOSS_LEAST);
		for (unsigned i = 0; step >= REST_STEPS * 3 / 4 && i < f->paths; i++)
			mean[i] += f->rate[i];
	}
	for (unsigned i = 0; i < f->paths; i++)
		f->rate[i] = mean[i] / (REST_STEPS - REST_STEPS * 3 / 4);
	trim(f, load);
	free(loss);
	free(load);
	free(mean);
}

/* ---- each subflow a TCP: all grow alike, until a resource of theirs is full */

static void uncoupled(struct fluid *f)
{
	double *left = must(calloc(f->resources + 1, sizeof *left));
	unsigned *users = must(calloc(f->resources + 1, sizeof *users));
	bool *fixed = must(calloc(f->paths + 1, sizeof *fixed));

	memcpy(left, f->capacity, f->resources * sizeof *left);
	for (unsigned i = 0; i < f->paths; i++)
		for (unsigned k = 0; k < f->path[i].count; k++)
			users[f->path[i].resources[k]]++;
	for (unsigned open = f->paths; open;) {
		double step = INFINITY;
		for (unsigned r = 0; r < f->resources; r++)
			if (users[r])
				step = fmin(step, left[r] / users[r]);
		for (unsigned i = 0; i < f->paths; i++)
			for (unsigned k = 0; !fixed[i] && k < f->path[i].count; k++)
				left[f->path[i].resources[k]] -= step;
		for (unsigned i = 0; i < f->paths; i++) {
			bool full = false;
			if (fixed[i])
				continue;
			f->rate[i] += step;
			for (unsigned k = 0; k < f->path[i].count; k++)
				full |= left[f->path[i].resources[k]] < 1e-9;
			if (!full)
				continue;
			fixed[i] = true;
			open--;
			for (unsigned k = 0; k < f->path[i].count; k++)
				users[f->path[i].resources[k]]--;
		}
	}
	free(left);
	free(users);
	free(fixed);
}

/* ---- the greatest sum */

static int optimum(struct fluid *f, char **error)
{
	/* GLPK keeps its memory apart per thread only where it was built so: one at a time. */
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	glp_smcp options;
	int at[FLUID_PATH + 1];
	double of[FLUID_PATH + 1];

	pthread_mutex_lock(&one);
	glp_prob *lp = glp_create_prob();
	glp_set_obj_dir(lp, GLP_MAX);
	glp_add_rows(lp, (int)f->resources);
	for (unsigned r = 0; r < f->resources; r++)
		glp_set_row_bnds(lp, (int)r + 1, GLP_UP, 0, f->capacity[r]);
	glp_add_cols(lp, (int)f->paths);
	for (unsigned i = 0; i < f->paths; i++) {
		unsigned count = f->path[i].count;
		glp_set_col_bnds(lp, (int)i + 1, GLP_LO, 0, 0);
		glp_set_obj_coef(lp, (int)i + 1, 1);
		for (unsigned k = 0; k < count; k++) {
			at[k + 1] = (int)f->path[i].resources[k] + 1;
			of[k + 1] = 1;
		}
		glp_set_mat_col(lp, (int)i + 1, (int)count, at, of);
	}
	glp_init_smcp(&options);
	options.msg_lev = GLP_MSG_OFF;
	int result = glp_simplex(lp, &options);
	if (result == 0 && glp_get_status(lp) != GLP_OPT)
		result = -1;
	for (unsigned i = 0; i < f->paths; i++)
		f->rate[i] = glp_get_col_prim(lp, (int)i + 1);
	glp_delete_prob(lp);
	pthread_mutex_unlock(&one);
	return result ? error_set(error, "the linear program has no solution (GLPK: %d)", result) : 0;
}

static int solve(struct fluid *f, enum fluid_model model, char **error)
{
	for (unsigned i = 0; i < f->paths; i++)
		f->rate[i] = 0;
	if (model == FLUID_OPTIMUM)
		return optimum(f, error);
	if (model == FLUID_UNCOUPLED)
		uncoupled(f);
	else
		at_rest(f, model == FLUID_TCP ? tcp_rates : lia_rates);
	return 0;
}

/* What acknowledgements leave of the whole capacities. Each turn's error is `acks` times the last one's. */
#define BACK_TURNS 12
#define BACK_LEAST 0.01 /* of a capacity: acknowledgements never take all */

static void take_back(struct fluid *f, const double *whole)
{
	memcpy(f->capacity, whole, f->resources * sizeof *whole);
	for (unsigned i = 0; i < f->paths; i++)
		for (unsigned k = 0; k < f->path[i].back_count; k++) {
			unsigned r = f->path[i].back[k];
			f->capacity[r] = fmax(f->capacity[r] - f->acks * f->rate[i], BACK_LEAST * whole[r]);
		}
}

int fluid_solve(struct fluid *f, enum fluid_model model, char **error)
{
	int result = solve(f, model, error);

	if (result < 0 || f->acks <= 0)
		return result;
	double *whole = must(calloc(f->resources + 1, sizeof *whole));
	memcpy(whole, f->capacity, f->resources * sizeof *whole);
	for (unsigned turn = 0; turn < BACK_TURNS && result == 0; turn++) {
		take_back(f, whole);
		result = solve(f, model, error);
	}
	memcpy(f->capacity, whole, f->resources * sizeof *whole);
	free(whole);
	return result;
}
