/* Differences: what two environments (provenance.json, "environment") do not share, key by key. */
#ifndef LIQUIDNET_DIFFERENCES_H
#define LIQUIDNET_DIFFERENCES_H

#include <jansson.h>
#include <stddef.h>

/* Writes up to `room` lines "KEY.KEY: THEN -> NOW" into lines[] (each to be freed). Returns how many
 * differences there are, also beyond `room`. A side that is NULL, or lacks a key, counts as "nothing". */
size_t differences_list(const json_t *then, const json_t *now, char **lines, size_t room);

#endif
