/* Least privileges: what a daemon gives away, for good. Capabilities by libcap, system calls by libseccomp. */
#ifndef LIQUIDNET_CONFINE_H
#define LIQUIDNET_CONFINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/capability.h>

/* A capability in a set: CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_NET_RAW). */
#define CONFINE(capability) (UINT64_C(1) << (capability))

/* What a daemon may do; nothing that is not said. */
struct confinement {
	uint64_t start;         /* capabilities besides `keep` until it is ready */
	uint64_t keep;          /* capabilities for the rest of its life */
	bool executes;          /* starts programs (OpenVPN, ip): they get no more than it has */
	bool uses_bpf;          /* bpf(): reads and writes maps while it runs */
	bool faults;            /* userfaultfd(): a machine's memory comes when it is asked for */
	bool enters_namespaces; /* setns(): what it has in other namespaces is looked after from within */
	bool computes_only; /* no sockets, no files but to read, no signals to others: a foreign program that computes */
};

/* Before anything is opened: of the capabilities that this process has, those of `start` and `keep` stay (and the right to give away
 * the rest). Threads that are started from here on have no more either. -1 with *error. */
int confine_start(const struct confinement *rights, char **error);

/* Once everything is open: no new privileges by executing anything, capabilities of `keep` alone, and a seccomp filter on every thread
 * that refuses (EPERM) what no daemon here does: other processes' memory, mounts, namespaces, modules, keys, clocks, other users; and
 * executing and BPF unless they are allowed; all that leaves a trace if it only computes. -1 with *error: nothing more was given away than until then. */
int confine(const struct confinement *rights, char **error);

#endif
