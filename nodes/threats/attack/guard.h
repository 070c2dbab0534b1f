/* Guard: where liquidnet-attack may run. */
#ifndef LIQUIDNET_THREATS_GUARD_H
#define LIQUIDNET_THREATS_GUARD_H

/* 0 where process 1 is a sandbox's of the harness, or a kernel of virtual time's; -1 with *error elsewhere. The program of process 1
 * is compared with the harness's, byte by byte: a name or a variable of the environment would be easily had. */
int guard_sandbox(char **error);

#endif
