/* Settings: sysctls of the nodes, written and read back. */
#ifndef LIQUIDNET_SETTINGS_H
#define LIQUIDNET_SETTINGS_H

#include "harness/experiment/experiment.h"
#include "harness/place/network.h"

/* Applies a list in order. -1 and *error where a value did not take. */
int settings_apply(const struct network *network, const struct setting *settings, size_t count, char **error);
/* What the nodes now say of every key of the list, as {NODE: {KEY: VALUE}}, for the record. */
json_t *settings_read(const struct network *network, const struct setting *settings, size_t count);

#endif
