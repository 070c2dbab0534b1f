/* Guard: where liquidnet-attack may run. */
#ifndef LIQUIDNET_THREATS_GUARD_H
#define LIQUIDNET_THREATS_GUARD_H

/* 0 if process 1 is that of a sandbox of the harness, or of a kernel of virtual time; otherwise -1 with *error. The program of process 1 is
 * compared with the harness's byte by byte, because a name or an environment variable could easily be forged. */
int guard_sandbox(char **error);

#endif
