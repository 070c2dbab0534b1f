/* `liquidnet sim grin`: what the user asks, and what is printed. */
#ifndef LIQUIDNET_GRIN_COMMAND_H
#define LIQUIDNET_GRIN_COMMAND_H

/* Returns an exit status: 0, 1 (failed), 2 (asked wrongly). */
int sim_grin(int argc, char **argv);

#endif
