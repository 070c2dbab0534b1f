/* Pace: how many trials run at once when the machine decides (`--jobs auto`). Pure: it is told how each trial
 * ended and says whether one more may start.
 *
 * Trials are not alike: a tunnel in user space keeps a processor three times as busy as plain TCP. So it
 * counts processors, not trials: each kind of trial (a procedure) has a load, which ended trials tell, and
 * trials start while the loads of those that run stay within the budget. The budget begins low; each time as
 * much load as it holds has ended clean, it moves half way to PACE_BUDGET of all processors. A trial that the
 * machine was too slow for (strained) lowers it, and what was too much then is not tried again before many
 * clean trials: the longer all stays clean, the fewer, for a disturbance that has passed must not cost hours.
 * What trials cost that is in no sandbox's figure (interrupts that handle a link's packets, threads of the
 * kernel) is what the machine worked beyond those figures, the same for each trial that ran. Where a good
 * part of the machine was idle meanwhile, it was not the trials that were too many: something outside took
 * the processors (other guests of its host), fewer at once would not help, and nothing moves. Where next to
 * nothing was idle, all is clean but full: the budget does not rise.
 */
#ifndef LIQUIDNET_PACE_H
#define LIQUIDNET_PACE_H

#include <stdbool.h>
#include <stddef.h>

#define PACE_BUDGET 0.75 /* of all processors */
#define PACE_IDLE 30 /* per cent of the machine: who was late beside that much was disturbed from outside */
#define PACE_FULL 20 /* per cent of the machine idle: below that there is no room for more */
#define PACE_MEMORY_MIB 200 /* a sandbox, generously */
#define PACE_MAX 64         /* trials at once */

struct pace {
	double budget;  /* processors that trials may keep busy now */
	double ceiling; /* below what was too much */
	double clean;   /* load that ended clean since the budget last moved */
	double cpus;
	unsigned rounds; /* clean ones before the ceiling rises again; a round: as much load as the budget */
	unsigned room;   /* trials for which there is memory */
	unsigned epoch;  /* counts the budget's moves */
	double *loads;   /* processors that a trial of each kind keeps busy, smoothed; 0: not known yet */
	size_t kinds;
	double beyond; /* processors that a trial keeps busy beyond its own figure, smoothed */
};

/* `kinds`: how many kinds of trial there are. pace_free ends it. */
void pace_init(struct pace *pace, unsigned cpus, unsigned long memory_mib, size_t kinds);
void pace_free(struct pace *pace);
/* The processors that a trial of a kind keeps busy: what earlier ones did; of an unknown kind as much as the
 * dearest known one, and at least a quarter of a processor; and what it costs beyond its own figure. */
double pace_load(const struct pace *pace, size_t kind);
/* Whether a trial may start beside `running` others whose loads are `load` together. One alone always may. */
bool pace_admits(const struct pace *pace, size_t kind, unsigned running, double load);
struct pace_trial {
	size_t kind;
	double wall_s, cpu_s; /* 0: not known */
	bool strained;        /* the machine was too slow for it */
	bool counts;         /* it is valid or suspect: one that is not, and was not strained, says nothing */
	double idle_percent; /* of the machine meanwhile; NAN where it is not known */
	unsigned epoch;      /* when it began: a trial of another budget proves nothing about this one */
};

/* For so many seconds of trials (two that ran for one second: two) the machine worked `busy_s` seconds more
 * than their own figures say. Told about every few seconds. */
void pace_beyond(struct pace *pace, double busy_s, double trial_s);
/* A trial ended. True when the budget moved. */
bool pace_ended(struct pace *pace, const struct pace_trial *trial);

#endif
