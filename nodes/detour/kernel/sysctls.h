/* Settings of the network namespace that a daemon changes, and puts back: what they were is written down first, under /run, so
 * that a daemon that is killed leaves a note for the next one, which puts them back in the end. */
#ifndef LIQUIDNET_DETOUR_SYSCTLS_H
#define LIQUIDNET_DETOUR_SYSCTLS_H

#include <stdbool.h>

struct sysctls;

/* Reads what an earlier life of `program` in this namespace noted. Never NULL but out of memory; where nothing can be noted,
 * settings are changed all the same, with a warning. */
struct sysctls *sysctls_open(const char *program);
/* Sets one, such as "net/ipv4/ip_forward", to a short value. -1 with *error. */
int sysctls_set(struct sysctls *sysctls, const char *name, const char *value, char **error);
/* Its value, one line, without its end; false when it cannot be read. */
bool sysctls_get(const char *name, char value[64]);
/* Puts everything back, and closes. NULL-safe. */
void sysctls_close(struct sysctls *sysctls);

#endif
