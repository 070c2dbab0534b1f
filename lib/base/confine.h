/* Least privileges: a daemon gives up all rights that it does not need, for good. Capabilities by libcap, system calls
 * by libseccomp. */
#ifndef LIQUIDNET_CONFINE_H
#define LIQUIDNET_CONFINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/capability.h>

/* A capability in a set: CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_NET_RAW). */
#define CONFINE(capability) (UINT64_C(1) << (capability))

/* What a daemon may do. What is not listed it may not do. */
struct confinement {
	uint64_t start;         /* capabilities besides `keep` until it is ready */
	uint64_t keep;          /* capabilities for the rest of its life */
	bool executes;          /* starts programs (OpenVPN, ip): they get no more than it has */
	bool uses_bpf;          /* bpf(): reads and writes maps while it runs */
	bool faults;            /* userfaultfd(): a machine's memory arrives when it is asked for */
	bool enters_namespaces; /* setns(): it handles its things in other namespaces from inside them */
	bool computes_only; /* a foreign program that computes: no sockets, files for reading only, no signals to others */
};

/* To be called before anything is opened. The process keeps those of its capabilities that are in `start` or `keep`,
 * and the right to give up the rest. Threads that are started later have no more either. -1 with *error. */
int confine_start(const struct confinement *rights, char **error);

/* To be called once everything is open. Executing a program then brings no new privileges, the process has the
 * capabilities of `keep` alone, and a seccomp filter on every thread refuses (EPERM) the system calls that no daemon here
 * needs: for other processes' memory, mounts, namespaces, modules, keys, clocks and other users. It also refuses executing
 * programs and BPF unless they are allowed, and for a program that computes only everything that leaves a trace.
 * -1 with *error: nothing more was given up than before the call. */
int confine(const struct confinement *rights, char **error);

#endif
