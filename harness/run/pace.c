/* Pace: see the header. */
#include "harness/run/pace.h"

#include <stdlib.h>

#define SMOOTHING 0.2
#define FIRST_BUDGET 0.25      /* of all processors */
#define UNKNOWN_LOAD 0.25      /* of one processor */
#define STEP 0.05              /* of all processors */
#define ROUNDS_BEFORE_RETRY 10 /* clean rounds after a strained one before the ceiling rises by a step */

static double least(double a, double b)
{
	return a < b ? a : b;
}

void pace_init(struct pace *pace, unsigned cpus, unsigned long memory_mib, size_t kinds)
{
	unsigned long room = memory_mib / PACE_MEMORY_MIB;
	*pace = (struct pace){.cpus = cpus ? cpus : 1, .kinds = kinds};
	pace->loads = calloc(kinds ? kinds : 1, sizeof *pace->loads);
	pace->room = room < 1 ? 1 : room > PACE_MAX ? PACE_MAX : (unsigned)room;
	pace->budget = FIRST_BUDGET * pace->cpus;
	pace->ceiling = PACE_BUDGET * pace->cpus;
	pace->rounds = ROUNDS_BEFORE_RETRY;
}

void pace_free(struct pace *pace)
{
	free(pace->loads);
	pace->loads = NULL;
}

double pace_load(const struct pace *pace, size_t kind)
{
	double dearest = UNKNOWN_LOAD;
	if (pace->loads[kind] > 0)
		return pace->loads[kind] + pace->beyond;
	for (size_t i = 0; i < pace->kinds; i++)
		dearest = pace->loads[i] > dearest ? pace->loads[i] : dearest;
	return dearest + pace->beyond;
}

void pace_beyond(struct pace *pace, double busy_s, double trial_s)
{
	double each = trial_s > 0 ? busy_s / trial_s : 0;
	pace->beyond += SMOOTHING * (each - pace->beyond);
	if (pace->beyond < 0)
		pace->beyond = 0;
}

bool pace_admits(const struct pace *pace, size_t kind, unsigned running, double load)
{
	return running == 0 || (running < pace->room && load + pace_load(pace, kind) <= pace->budget);
}

static bool move(struct pace *pace, double budget)
{
	pace->budget = budget;
	pace->clean = 0;
	pace->epoch++;
	return true;
}

static bool slow_down(struct pace *pace)
{
	double step = STEP * pace->cpus;
	if (pace->budget <= 2 * step)
		return false;
	pace->ceiling = pace->budget - step;
	pace->rounds = ROUNDS_BEFORE_RETRY;
	return move(pace, pace->budget - 2 * step);
}

bool pace_ended(struct pace *pace, const struct pace_trial *t)
{
	double *known = &pace->loads[t->kind];
	double load = t->wall_s > 0 && t->cpu_s > 0 ? t->cpu_s / t->wall_s : 0;
	if (load > 0)
		*known = *known > 0 ? *known + SMOOTHING * (load - *known) : load;
	if (t->epoch != pace->epoch)
		return false;
	if (t->strained)
		return !(t->idle_percent >= PACE_IDLE) && slow_down(pace);
	if (!t->counts || t->idle_percent < PACE_FULL)
		return false;
	pace->clean += load + pace->beyond;
	if (pace->clean < pace->budget)
		return false;
	double top = PACE_BUDGET * pace->cpus, step = STEP * pace->cpus, target = least(pace->ceiling, top);
	if (target - pace->budget > step / 2)
		return move(pace, target - pace->budget > 2 * step ? (target + pace->budget) / 2 : target);
	if (pace->ceiling < top && pace->clean >= pace->rounds * pace->budget) {
		pace->ceiling = least(pace->ceiling + step, top);
		pace->rounds = pace->rounds > 1 ? pace->rounds / 2 : 1;
		pace->clean = 0;
	}
	return false;
}
