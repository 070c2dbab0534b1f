/* The transports that `liquidnet sim trevi` knows: Trevi, and what it is compared with. */
#ifndef LIQUIDNET_TREVI_SIM_TRANSPORTS_H
#define LIQUIDNET_TREVI_SIM_TRANSPORTS_H

#include "lib/fabric/transport.h"

extern const struct transport *const trevi_transports[]; /* to a NULL; Trevi is the first */

#endif
