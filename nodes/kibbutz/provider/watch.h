/* The provider's watchdog, for data sent to devices: a poor path loses its precedence until it is well. The device has asked for low
 * priority on its own link, and the provider cannot take that back. But it can ask for low priority of a path through a neighbour; then
 * all paths are equal, which is the paper's bandwidth mode. Pure: samples go in, changes come out. */
#ifndef LIQUIDNET_PROVIDER_WATCH_H
#define LIQUIDNET_PROVIDER_WATCH_H

#include "lib/mptcp/survey.h"
#include "nodes/kibbutz/policy.h"

struct watch;

/* A request to be sent: low priority for this subflow, or no longer. */
typedef void watch_change(void *context, const struct survey_subflow *subflow, bool backup);

struct watch *watch_new(const struct kibbutz_settings *settings);
void watch_free(struct watch *watch);
/* All accepted subflows, as they are now. Calls change() for each that should change. */
void watch_look(struct watch *watch, int64_t now, const struct survey_subflow *list, size_t count,
	watch_change *change, void *context);
/* Subflows that are watched / are poor now. */
size_t watch_count(const struct watch *watch, size_t *poor);
#endif
