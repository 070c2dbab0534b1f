/* The command line of `liquidnet sim channel-switching`. */
#ifndef LIQUIDNET_VISITS_COMMAND_H
#define LIQUIDNET_VISITS_COMMAND_H

/* Returns the exit status: 2 for a bad command line, scenario or table, before anything ran. */
int sim_channel_switching(int argc, char **argv);

#endif
