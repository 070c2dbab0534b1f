/* `liquidnet sim migration`. */
#ifndef LIQUIDNET_MIGRATION_COMMAND_H
#define LIQUIDNET_MIGRATION_COMMAND_H

/* The whole command; returns main's status. */
int sim_migration(int argc, char **argv);

#endif
