/* `liquidnet sim kibbutz`: what the user asks, and what is printed. */
#ifndef LIQUIDNET_SIM_COMMAND_H
#define LIQUIDNET_SIM_COMMAND_H

/* Runs with argv[0] the simulation's name; returns an exit status: 0, 1 (failed), 2 (asked wrongly). */
int sim_kibbutz(int argc, char **argv);

#endif
