/* Afar: what watches a trial whose nodes are hosts elsewhere. Their agents capture, and look at their machines; the network
 * between them is nobody's, so it is looked at as well: round trips and ways before and after, clocks, others' traffic. */
#ifndef LIQUIDNET_AFAR_H
#define LIQUIDNET_AFAR_H

#include "harness/experiment/experiment.h"
#include "harness/place/network.h"

struct afar;

/* Measures the ways, then has every host watch; returns when all do. NULL and *error: one does not. */
struct afar *afar_start(const struct experiment *experiment, const struct network *network, char **error);
/* Ends that; captures go to these files (by capture index), figures under "verdict" into the record:
 * "hosts": {NODE: {"probe", "machine", "traffic", "clock_ms", "clock_error_ms"}}, "ways": {"NODE-NODE": {"before",
 * "after"}}, "capture". -1 and *error: a capture failed, or a host is gone. Nothing is left to watch either way. */
int afar_stop(struct afar *afar, const char *const *captures, json_t *record, char **error);
/* Lets go of the hosts, which stop watching; frees. NULL-safe. */
void afar_free(struct afar *afar);
/* Judges the record by these figures. Pure. Thresholds: docs/hosts.md. */
void afar_judge(json_t *record);

#endif
