/* Trust: a run that others made is run again only by who has been told what that starts. */
#ifndef LIQUIDNET_TRUST_H
#define LIQUIDNET_TRUST_H

#include "harness/experiment/experiment.h"

/* Whether the experiment of a results folder, with all its files, and the topologies are this installation's own. */
bool trust_own(const struct experiment *e, const char *folder);

/* Says on standard error which programs the run starts, as which user, and asks on the terminal. 0: yes. -1 with *error: no, or there
 * is no terminal to ask on. */
int trust_ask(const struct experiment *e, const char *folder, char **error);

#endif
