/* Doctor: what this machine has and lacks. Kernel features are tried in namespaces of a child that ends: the
 * machine is left as it was. */
#ifndef LIQUIDNET_DOCTOR_H
#define LIQUIDNET_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_MISSING };

struct doctor_finding {
	const char *name;
	enum doctor_state state;
	bool required;  /* experiments cannot run without it */
	char text[256]; /* what was found; what to do */
};

/* All findings, in the order of the table. Returns their number; at most `room`. */
size_t doctor_examine(struct doctor_finding *findings, size_t room);

/* What `run` needs at least: root, namespaces, Mininet, tc. 0; -1 and *error: one line with the remedy. */
int doctor_require(char **error);

/* Whether this machine has what a finding of this name is about; looked at once a process. */
bool doctor_has(const char *name);

#endif
