/* `liquidnet-grin assign`: cables of racks drawn at random, with the addresses that their ends get. */
#ifndef LIQUIDNET_GRIN_ASSIGN_H
#define LIQUIDNET_GRIN_ASSIGN_H

/* Returns an exit status: 0, or 2 with a line on standard error. */
int assign(int argc, char **argv);

#endif
