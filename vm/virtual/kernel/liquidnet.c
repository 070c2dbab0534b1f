// SPDX-License-Identifier: GPL-2.0
/* The kernel of virtual time, the half that knows tasks and time: who runs (for a watcher outside), processor time as virtual time, and the
 * time-stamp counter of programs. */
#include <asm/ptrace.h>
#include <asm/unistd.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <liquidnet.h>
#include <timetravel.h>

/* A program that only asks for the time and whether something has come, over and over, spins: iperf3 does, from its first message to the
 * answer. As computing takes no time, a millisecond of that would be thousands of calls. After SPIN_CALLS of them it rests before each, for a
 * part of the time that it has spun already: what it waits for is seen at most that much later. It sleeps in that time, so that nobody else
 * waits for it. A call that fails is such a question too: something has not come. Another call, or one that took longer than asking does,
 * ends the row. */
#define SPIN_CALLS 32
#define SPIN_PART 64
#define SPIN_MOST_NS 20000
#define SPIN_PAUSE_NS 2000

/* By process number; one that takes another's place begins anew. */
#define SPINNERS 64
static struct spinner {
	pid_t pid;
	unsigned int calls, calls_before; /* in the row; and before a call that may fail */
	unsigned long long since, since_before, last;
	unsigned int still; /* questions while the clock stood at `at` */
	unsigned long long at;
} spinners[SPINNERS];

/* Who waits for the clock in a loop must see it move: from the STILL_CALLS-th question on that a program asks in one moment, each takes CALL_NS,
 * about what it takes on hardware; and is no reason for another program to wait: what woke up meanwhile runs first. Fewer are computing, which
 * takes no time: there is one processor, and sixteen hosts at 10 Gbit/s have 0.45 us of it for a packet, through six links. Of the kernel's own
 * readings KERNEL_READS take none: TCP reads the clock for every segment. */
#define STILL_CALLS 16
#define CALL_NS 32
#define KERNEL_READS 4096
#define KERNEL_READ_NS 256 /* user-mode Linux's own */
static unsigned int reads;

static unsigned long long kernel_spent, program_spent, now_ns;

/* Virtual time moved. */
void liquidnet_now(unsigned long long ns)
{
	now_ns = ns;
	reads = 0;
	if (liquidnet_progress)
		WRITE_ONCE(liquidnet_progress->now_ns, ns);
}

void liquidnet_clock_read(void)
{
	if (time_travel_mode != TT_MODE_INFCPU || ++reads > KERNEL_READS)
		liquidnet_pass_time(KERNEL_READ_NS);
}

/* A program, process host_pid of the host, is let run. */
void liquidnet_enter_user(int host_pid)
{
	struct liquidnet_progress *progress = liquidnet_progress;
	if (liquidnet_cpu)
		program_spent = liquidnet_cpu_ns(host_pid);
	if (!progress)
		return;
	progress->pid = current->pid;
	memcpy(progress->comm, current->comm, sizeof(progress->comm));
	WRITE_ONCE(progress->in_user, 1);
	WRITE_ONCE(progress->entries, progress->entries + 1);
}

static bool reads_clock(int system_call)
{
	return system_call == __NR_clock_gettime || system_call == __NR_gettimeofday ||
	       system_call == __NR_time;
}

static bool only_asks(int system_call)
{
	if (reads_clock(system_call))
		return true;
	switch (system_call) {
	case __NR_select:
	case __NR_pselect6:
	case __NR_poll:
	case __NR_ppoll:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_sched_yield:
		return true;
	}
	return false;
}

static void rest(unsigned long long ns)
{
	ktime_t time = ns_to_ktime(ns);
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout(&time, HRTIMER_MODE_REL);
}

static void rest_of_row(struct spinner *s)
{
	if (s->calls > SPIN_CALLS)
		rest(min((now_ns - s->since) / SPIN_PART, SPIN_MOST_NS));
	s->last = now_ns;
}

static void count_spins(int system_call)
{
	struct spinner *s = &spinners[current->pid % SPINNERS];
	if (s->pid != current->pid || now_ns - s->last > SPIN_PAUSE_NS)
		*s = (struct spinner){.pid = current->pid, .since = now_ns};
	if (only_asks(system_call)) {
		s->calls++;
	} else {
		s->calls_before = s->calls;
		s->since_before = s->since;
		s->calls = 0;
		s->since = now_ns;
	}
	rest_of_row(s);
}

static void ask(void)
{
	struct spinner *s = &spinners[current->pid % SPINNERS];
	if (s->at != now_ns) {
		s->at = now_ns;
		s->still = 0;
	}
	if (++s->still < STILL_CALLS)
		return;
	liquidnet_pass_time(CALL_NS);
	if (!single_task_running())
		yield();
}

/* A call of the program's failed. User-mode Linux lets that take 1 us, a seventh of a frame's time at 10 Gbit/s, and each program that empties
 * a socket asks once too often. */
void liquidnet_call_failed(void)
{
	struct spinner *s = &spinners[current->pid % SPINNERS];
	if (s->pid == current->pid && !s->calls && s->last + SPIN_PAUSE_NS >= now_ns) {
		s->calls = s->calls_before + 1;
		s->since = s->since_before;
		rest_of_row(s);
	}
	ask();
}

/* It came back, with a system call or with -1: what it and the kernel have spent since the last time passes now. */
void liquidnet_leave_user(int host_pid, int system_call)
{
	if (liquidnet_progress)
		WRITE_ONCE(liquidnet_progress->in_user, 0);
	if (liquidnet_cpu) {
		unsigned long long program = liquidnet_cpu_ns(host_pid), kernel = liquidnet_cpu_ns(0),
				   spent = 0;
		if (program > program_spent)
			spent += program - program_spent;
		if (kernel_spent && kernel > kernel_spent)
			spent += kernel - kernel_spent;
		kernel_spent = kernel;
		liquidnet_pass_time(spent * liquidnet_cpu / 100);
	} else if (time_travel_mode == TT_MODE_INFCPU && system_call >= 0) {
		count_spins(system_call);
		if (reads_clock(system_call))
			ask();
	}
}

/* A program read the time-stamp counter, which it is not let (PR_SET_TSC): it is virtual time in nanoseconds. False: it did something else. */
int liquidnet_rdtsc(void *of)
{
	struct uml_pt_regs *regs = of;
	unsigned char code[3] = {};
	unsigned long long now;
	int size = 0;
	if (copy_from_user(code, (void __user *)UPT_IP(regs), sizeof(code)))
		return 0;
	if (code[0] == 0x0f && code[1] == 0x31)
		size = 2; /* rdtsc */
	else if (code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9)
		size = 3; /* rdtscp: the processor's number too */
	if (!size)
		return 0;
	ask();
	now = ktime_get_raw_ns();
	UPT_AX(regs) = (unsigned int)now;
	UPT_DX(regs) = now >> 32;
	if (size == 3)
		UPT_CX(regs) = 0;
	UPT_IP(regs) += size;
	return 1;
}

static int __init liquidnet_start(void)
{
	if (liquidnet_cpu)
		liquidnet_interrupt_programs();
	return 0;
}
late_initcall(liquidnet_start);
