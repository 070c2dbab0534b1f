/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel of virtual time has beyond user-mode Linux's own: included by both of its halves (the kernel's code and the code that
 * calls the host). Set on the command line:
 *
 *   seed=NUMBER      everything that is drawn at random comes from this number
 *   progress=FD      an inherited descriptor of at least a page (a memfd): struct liquidnet_progress is kept in it
 *   cpu=PERCENT      with time-travel=inf-cpu: processor time spent counts as virtual time, times PERCENT / 100
 *   tsc              programs read virtual time from the time-stamp counter, not the host's (dear: each of their calls pays for it)
 *   pace             with time-travel=inf-cpu: virtual time passes no faster than the host's, for a person at a terminal
 */
#ifndef _UM_LIQUIDNET_H_
#define _UM_LIQUIDNET_H_

/* What a watcher outside reads. Also in vm/virtual/progress.h: keep them alike. Plain stores by one writer: a reader that sees a torn state
 * looks again. */
struct liquidnet_progress {
	unsigned long long now_ns;  /* virtual time since boot */
	unsigned long long entries; /* how often programs were let run */
	int in_user;                /* one runs now: */
	int pid;                    /* its id in the kernel's first pid namespace */
	char comm[16];
};

extern struct liquidnet_progress *liquidnet_progress; /* NULL: nobody watches */
extern int liquidnet_seeded, liquidnet_pace, liquidnet_trap_tsc;
extern unsigned int liquidnet_cpu; /* per cent; 0: computing takes no time */

/* os-Linux/liquidnet.c: the host's side */
long liquidnet_random(void *to, unsigned long size);
unsigned long long liquidnet_cpu_ns(int pid);
unsigned long long liquidnet_sleep(unsigned long long ns);
void liquidnet_interrupt_programs(void);

/* kernel/liquidnet.c */
void liquidnet_enter_user(int host_pid);
void liquidnet_leave_user(int host_pid, int system_call);
int liquidnet_rdtsc(void *regs);
void liquidnet_now(unsigned long long ns);
void liquidnet_clock_read(void);
void liquidnet_call_failed(void);

/* kernel/time.c */
void liquidnet_pass_time(unsigned long long ns);

/* os-Linux/signal.c */
int signals_are_pending(void);

#endif
