/* Algorithms: the BPF congestion controls in this program, and how one is registered in the kernel. A BPF link (Linux 6.4)
 * holds the registration, which ends when no descriptor and no pin holds the link any more. On failure all functions return
 * -1 (or NULL) with one line in *error. */
#ifndef LIQUIDNET_CC_ALGORITHMS_H
#define LIQUIDNET_CC_ALGORITHMS_H

#include <stdbool.h>
#include <stdint.h>

/* The algorithm of a name, or -1. */
int algorithm_find(const char *name);
/* The name of the i-th, NULL beyond the last. */
const char *algorithm_name(int algorithm);

/* The kernel has it without us: it was built in, or is a module. Nothing is to be loaded, nor verified. */
bool algorithm_builtin(int algorithm);
/* Has the kernel verify it, and registers nothing. */
int algorithm_check(int algorithm, char **error);
/* Registers it; the descriptor of its link, close-on-exec, the caller's. Where it is registered by a link
 * already, that link is held as well (*shared): it then ends with its last holder. */
int algorithm_register(int algorithm, bool *shared, char **error);

struct algorithm_state {
	uint32_t link;  /* 0: not registered by a link */
	bool available; /* the kernel offers the name, whoever brought it */
	/* That use it, and thresholds that the kernel set without asking and that were put right; those of
	 * unregistered copies included. */
	int64_t sockets, repaired;
};
int algorithm_state(int algorithm, struct algorithm_state *state, char **error);

/* Takes it out of the kernel's list, whoever holds the link (Linux 6.11). Sockets keep it until they close.
 */
int algorithm_unregister(int algorithm, char **error);

#endif
