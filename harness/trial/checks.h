/* Checks, made: whether a trial shows what its procedure promises. For each broken promise the record gets a reason
 * and the status "failed". */
#ifndef LIQUIDNET_CHECKS_H
#define LIQUIDNET_CHECKS_H

#include "harness/trial/evidence.h"

/* Makes all checks of the procedure. -1 and *error: one could not be made. */
int checks_make(struct evidence *evidence, char **error);
/* The curve of the capture whose measure must agree with another's; nothing, where there is none. */
struct delivery checks_delivery(struct evidence *evidence);

/* Kinds of checks, for the table. Each returns 0, also when a promise was broken; -1 and *error when it could not
 * look. */
int check_protocol(struct evidence *evidence, const struct check *check, char **error);
int check_subflows(struct evidence *evidence, const struct check *check, char **error);
int check_tunnel(struct evidence *evidence, const struct check *check, char **error);
int check_program(struct evidence *evidence, const struct check *check, char **error);

#endif
