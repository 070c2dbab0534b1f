/* liquidnet-virtual: starts a command in a Linux kernel of its own whose clock is virtual (user-mode Linux, built by vm/virtual/build).
 * What the options mean, and what the command finds there, stands in vm/virtual/README.md. */
#ifndef LIQUIDNET_VIRTUAL_H
#define LIQUIDNET_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTUAL_OUTS 8

/* Where the guest finds what its starter left for it, and leaves what it has to say: a tmpfs that only the two of them have. */
#define VIRTUAL_PRIVATE "/dev/shm"
#define VIRTUAL_JOB VIRTUAL_PRIVATE "/job"
/* In the environment of the guest's first process. */
#define VIRTUAL_GUEST "LIQUIDNET_GUEST"

enum virtual_status {
	VIRTUAL_BAD = 2,        /* bad use, or this machine cannot */
	VIRTUAL_WATCHDOG = 124, /* virtual time stood still too long */
	VIRTUAL_DIED = 125,     /* the kernel ended without the command's status */
};

enum virtual_clock { CLOCK_VIRTUAL, CLOCK_VIRTUAL_CPU };

/* Bound to no processor; bound to one that no other kernel of virtual time has taken, where there is one. */
enum { VIRTUAL_ANY = -1, VIRTUAL_FREE = -2 };

struct virtual_options {
	const char *kernel;       /* the program that vm/virtual/build made */
	enum virtual_clock clock; /* computing takes no time; or the processor's time counts */
	double cpu;               /* with the second: times this, 0.01 to 1000 */
	unsigned memory_mib;      /* of the guest */
	int processor;            /* run on this one only; VIRTUAL_ANY, VIRTUAL_FREE */
	uint64_t seed;            /* of everything drawn at random */
	bool seeded;              /* false: the host's random numbers */
	double watchdog_s;        /* wall time in which virtual time must move; 0: no limit */
	int64_t start_s;          /* the guest's date at boot, seconds since 1970 */
	const char
		*outs[VIRTUAL_OUTS]; /* folders of the host that the guest may write, under their own names */
	int out_count;
	const char *directory; /* where the command starts; NULL: here */
	const char *result;    /* a JSON file about the run, written at its end; NULL: none */
	const char *console;   /* the kernel's messages go there too; NULL: shown when it dies */
	bool interactive;      /* the command has this terminal; virtual time passes no faster than time */
	bool trap_tsc;         /* rdtsc gives virtual time: for programs that draw random numbers from it */
	const char *seccomp;   /* on, auto, off: how the kernel intercepts its programs' calls */
	char *const *command;  /* NULL-ended */
};

struct virtual_result {
	const char *end; /* exited, signal, watchdog, died */
	int status;      /* the exit status for the caller */
	double wall_s, boot_s, virtual_s,
		cpu_s;    /* all of it; to the command's start; of the guest's clock; of processor */
	uint64_t entries; /* how often programs were let run: system calls and page faults */
	char spun[64];    /* watchdog: "NAME[PID]" of the program */
};

/* Runs the command. Returns the exit status for the caller (result may be NULL); with *error when it is one of virtual_status. */
int virtual_run(const struct virtual_options *options, struct virtual_result *result, char **error);

/* Process 1 of the guest. Never returns. */
void virtual_guest(void) __attribute__((noreturn));

/* What a guest is told: written to a file by the starter, read by virtual_guest(). */
struct virtual_job {
	char *directory;
	char **outs, **command, **environment; /* NULL-ended */
	bool interactive;
};
int virtual_job_write(const char *path, const struct virtual_job *job);
/* -1 when there is none or it is damaged. What job holds is never freed: its reader is process 1. */
int virtual_job_read(const char *path, struct virtual_job *job);

/* One line about one need of virtual time on this machine. */
struct virtual_finding {
	bool ok;
	const char *name; /* kernel, intercept, namespaces, memory, disk, processors */
	char text[200];
};
#define VIRTUAL_FINDINGS 6
/* Looks at this machine; starts nothing that stays. Returns whether all are ok. */
bool virtual_check(const char *kernel, unsigned memory_mib, const char *build_folder,
	struct virtual_finding findings[VIRTUAL_FINDINGS]);

/* The kernel's file: LIQUIDNET_VIRTUAL (a folder or the file itself), else virtual/ beside this program's folder. In a static buffer. */
const char *virtual_kernel(void);

/* A processor that this process may run on and that no other caller on this machine has taken, for as long as *lock (close-on-exec) is open. *lock is -1 when all are taken: then
 * it is one of them, by `number`; the result is -1 when it cannot be known. (processor.c) */
int virtual_take_processor(unsigned number, int *lock);

#endif
