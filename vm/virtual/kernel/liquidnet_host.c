// SPDX-License-Identifier: GPL-2.0
/* The kernel of virtual time, the half that calls the host: options of the command line, the seeded source of random numbers, the processor
 * time that was spent, and sleep for a person at a terminal. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* After the C library's headers: these redefine words that it uses. */
#include <init.h>
#include <liquidnet.h>
#include <os.h>

struct liquidnet_progress *liquidnet_progress;
int liquidnet_seeded, liquidnet_pace, liquidnet_trap_tsc;
unsigned int liquidnet_cpu;
static unsigned long long seed_state;

static int __init seed_setup(char *text, int *add)
{
	*add = 0;
	seed_state = strtoull(text, NULL, 10);
	liquidnet_seeded = 1;
	return 0;
}
__uml_setup("seed=", seed_setup,
	"seed=<number>\n    Everything that is drawn at random comes from this number.\n\n");

static int __init progress_setup(char *text, int *add)
{
	void *page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(text), 0);
	*add = 0;
	if (page != MAP_FAILED)
		liquidnet_progress = page;
	return 0;
}
__uml_setup("progress=", progress_setup,
	"progress=<descriptor>\n    Virtual time and the running program are written there.\n\n");

static int __init cpu_setup(char *text, int *add)
{
	*add = 0;
	liquidnet_cpu = (unsigned int)atoi(text);
	return 0;
}
__uml_setup("cpu=", cpu_setup, "cpu=<per cent>\n    Processor time counts as virtual time, times this.\n\n");

static int __init tsc_setup(char *text, int *add)
{
	*add = 0;
	liquidnet_trap_tsc = 1;
	return 0;
}
__uml_setup("tsc", tsc_setup, "tsc\n    Programs read virtual time from the time-stamp counter.\n\n");

static int __init pace_setup(char *text, int *add)
{
	*add = 0;
	liquidnet_pace = 1;
	return 0;
}
__uml_setup("pace", pace_setup, "pace\n    Virtual time passes no faster than the host's.\n\n");

/* SplitMix64 (Steele, Lea, Flood 2014). It only has to differ from seed to seed: the kernel hashes and expands what it takes from here. */
long liquidnet_random(void *to, unsigned long size)
{
	unsigned char *bytes = to;
	for (unsigned long done = 0; done < size;) {
		unsigned long long z = seed_state += 0x9e3779b97f4a7c15ULL;
		unsigned long part = size - done < sizeof(z) ? size - done : sizeof(z);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		z ^= z >> 31;
		memcpy(bytes + done, &z, part);
		done += part;
	}
	return (long)size;
}

/* Processor time of a process of the host, 0 for the kernel itself. */
unsigned long long liquidnet_cpu_ns(int pid)
{
	struct timespec spent;
	/* The clock of another process, as clock_getcpuclockid(3) makes it; glibc's has a system call more. */
	clockid_t clock = pid ? (clockid_t)((~(unsigned int)pid << 3) | 2) : CLOCK_PROCESS_CPUTIME_ID;
	if (clock_gettime(clock, &spent) < 0)
		return 0;
	return (unsigned long long)spent.tv_sec * 1000000000ULL + (unsigned long long)spent.tv_nsec;
}

/* Sleeps until that much has passed or the host has something for the kernel (a key). Returns what passed. */
unsigned long long liquidnet_sleep(unsigned long long ns)
{
	struct timespec from, to,
		wait = {.tv_sec = (time_t)(ns / 1000000000ULL), .tv_nsec = (long)(ns % 1000000000ULL)};
	unsigned long long passed;
	sigset_t block, before;
	if (ns > 3600000000000ULL)
		wait = (struct timespec){.tv_sec = 3600};
	sigemptyset(&block);
	sigaddset(&block, SIGIO);
	sigaddset(&block, SIGWINCH);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &before);
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (!signals_are_pending())
		ppoll(NULL, 0, &wait, &before);
	clock_gettime(CLOCK_MONOTONIC, &to);
	sigprocmask(SIG_SETMASK, &before, NULL);
	passed = (unsigned long long)(to.tv_sec - from.tv_sec) * 1000000000ULL +
		 (unsigned long long)(to.tv_nsec - from.tv_nsec);
	return passed < ns ? passed : ns;
}

/* With cpu=: a program that spins gives the processor back every 10 ms of the host's. */
void liquidnet_interrupt_programs(void)
{
	struct itimerval every = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000};
	setitimer(ITIMER_REAL, &every, NULL);
}
