/* Pace: see the header. */
#include "harness/pace.h"

#define SMOOTHING 0.2
#define ROUNDS_BEFORE_RETRY 10 /* clean rounds before the ceiling rises by one */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

void pace_init(struct pace *pace, unsigned cpus, unsigned long memory_mib)
{
	unsigned long room = memory_mib / PACE_MEMORY_MIB;
	*pace = (struct pace){.cpus = cpus ? cpus : 1, .ceiling = PACE_MAX};
	pace->room = room < 1 ? 1 : room > PACE_MAX ? PACE_MAX : (unsigned)room;
	pace->limit = least(pace->cpus, pace->room);
}

/* How many would fill the budget; as many as run now while the cost is not known. */
static unsigned affordable(const struct pace *pace)
{
	if (pace->load <= 0)
		return pace->limit;
	double fit = PACE_BUDGET * pace->cpus / pace->load;
	return fit < 1 ? 1 : fit > PACE_MAX ? PACE_MAX : (unsigned)fit;
}

static bool slow_down(struct pace *pace)
{
	unsigned before = pace->limit;
	pace->clean = 0;
	if (before == 1)
		return false;
	pace->ceiling = before - 1;
	pace->limit = before * 3 / 4;
	return true;
}

bool pace_ended(struct pace *pace, double wall_s, double cpu_s, bool strained, unsigned limit_then)
{
	if (wall_s > 0 && cpu_s > 0) {
		double load = cpu_s / wall_s;
		pace->load = pace->load > 0 ? pace->load + SMOOTHING * (load - pace->load) : load;
	}
	if (limit_then != pace->limit)
		return false;
	if (strained)
		return slow_down(pace);
	pace->clean++;
	if (pace->clean < pace->limit)
		return false;
	unsigned target = least(least(affordable(pace), pace->room), pace->ceiling);
	if (target < pace->limit) { /* trials became dearer */
		pace->limit = target;
		pace->clean = 0;
		return true;
	}
	if (target > pace->limit) {
		pace->limit += (target - pace->limit + 1) / 2;
		pace->clean = 0;
		return true;
	}
	if (pace->ceiling < PACE_MAX && pace->clean >= ROUNDS_BEFORE_RETRY * pace->limit) {
		pace->ceiling++;
		pace->clean = 0;
	}
	return false;
}
