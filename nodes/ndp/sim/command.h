/* `liquidnet sim ndp`. */
#ifndef LIQUIDNET_NDP_SIM_COMMAND_H
#define LIQUIDNET_NDP_SIM_COMMAND_H

/* argv[0] is `ndp`. Returns the exit status. */
int sim_ndp(int argc, char **argv);

#endif
