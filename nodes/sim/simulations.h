/* The simulations that `liquidnet sim NAME` knows: main.c has the table. */
#ifndef LIQUIDNET_SIM_SIMULATIONS_H
#define LIQUIDNET_SIM_SIMULATIONS_H

/* Runs with argv[0] the simulation's name; returns an exit status: 0, 1 (failed), 2 (asked wrongly). */
int sim_kibbutz(int argc, char **argv);
#endif
