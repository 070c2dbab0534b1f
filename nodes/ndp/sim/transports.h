/* The transports that `liquidnet sim ndp` knows: NDP, and what it is compared with. */
#ifndef LIQUIDNET_NDP_SIM_TRANSPORTS_H
#define LIQUIDNET_NDP_SIM_TRANSPORTS_H

#include "lib/fabric/transport.h"

extern const struct transport *const ndp_transports[]; /* to a NULL; NDP is the first */

#endif
