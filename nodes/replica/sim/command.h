/* `liquidnet sim c3`: what the user asks, and what is printed. */
#ifndef LIQUIDNET_C3_COMMAND_H
#define LIQUIDNET_C3_COMMAND_H

/* Returns an exit status: 0, 1 (failed), 2 (asked wrongly). */
int sim_c3(int argc, char **argv);

#endif
