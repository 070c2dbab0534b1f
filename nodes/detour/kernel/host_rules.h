/* What the host's other firewall rules do to a detour, as far as it can be seen: a forward chain whose policy is to drop (Docker
 * sets one), DNAT that comes before ours. */
#ifndef LIQUIDNET_DETOUR_HOST_RULES_H
#define LIQUIDNET_DETOUR_HOST_RULES_H

#include <jansson.h>

struct nft_ctx;

/* A list of texts, one a finding, each with its remedy; empty when nothing is in the way. The caller owns it. */
json_t *host_rules_look(struct nft_ctx *nft);

#endif
