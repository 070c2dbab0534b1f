/* Ping: the round trips that the program ping prints. Pure. */
#ifndef LIQUIDNET_PING_H
#define LIQUIDNET_PING_H

#include <jansson.h>

/* [MILLISECONDS, ...] in their order, at most 1000; duplicates are left out. */
json_t *ping_times(const char *text);

#endif
