/* Capabilities: what this machine has and lacks. Kernel features are tried in namespaces of a child that ends: the
 * machine is left as it was. */
#ifndef LIQUIDNET_CAPABILITIES_H
#define LIQUIDNET_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

enum capability_state { CAPABILITY_OK, CAPABILITY_NOTE, CAPABILITY_MISSING };

struct capability_finding {
	const char *name;
	enum capability_state state;
	bool required;  /* experiments cannot run without it */
	char text[256]; /* what was found; what to do */
};

/* All findings, in the order of the table. Returns their number; at most `room`. */
size_t capabilities_examine(struct capability_finding *findings, size_t room);

/* What `run` needs at least: root, namespaces, Mininet, tc. 0; -1 and *error: one line with the remedy. */
int capabilities_require(char **error);

/* Whether this machine has what a finding of this name is about; looked at once a process. */
bool capability_has(const char *name);

#endif
