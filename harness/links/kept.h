/* Kept: proofs of earlier runs. A setting of a link that a back end kept on this machine need not be tried again as long
 * as neither the machine (its boot) nor the program has changed. What was not kept is tried anew by every run. */
#ifndef LIQUIDNET_KEPT_H
#define LIQUIDNET_KEPT_H

#include "harness/links/proofs.h"

#define KEPT_FILE "/run/liquidnet/proofs.jsonl"

/* Fills in those not tried yet that an earlier run has proved. Whatever cannot be read is passed over. */
void kept_recall(struct proofs *proofs, const char *path);
/* Adds what was proved now, a line each. A file that cannot be written costs the next run its time, no more. */
void kept_add(const struct proofs *proofs, const char *path);

#endif
