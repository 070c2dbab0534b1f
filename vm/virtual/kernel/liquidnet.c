// SPDX-License-Identifier: GPL-2.0
/* The kernel of virtual time, the half that knows tasks and time: who runs (for a watcher outside), processor time as virtual time, and the
 * time-stamp counter of programs. */
#include <asm/ptrace.h>
#include <liquidnet.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

static unsigned long long kernel_spent, program_spent;

/* Virtual time moved. */
void liquidnet_now(unsigned long long ns)
{
	if (liquidnet_progress)
		WRITE_ONCE(liquidnet_progress->now_ns, ns);
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

/* It came back: what it and the kernel have spent since the last time passes now. */
void liquidnet_leave_user(int host_pid)
{
	if (liquidnet_progress)
		WRITE_ONCE(liquidnet_progress->in_user, 0);
	if (liquidnet_cpu) {
		unsigned long long program = liquidnet_cpu_ns(host_pid), kernel = liquidnet_cpu_ns(0), spent = 0;
		if (program > program_spent)
			spent += program - program_spent;
		if (kernel_spent && kernel > kernel_spent)
			spent += kernel - kernel_spent;
		kernel_spent = kernel;
		liquidnet_pass_time(spent * liquidnet_cpu / 100);
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
