/* The processor that a kernel of virtual time is bound to. Kernel and programs take turns, so that two kernels on one processor wait for each other at every system call: each takes one
 * that no other one has, of those that it may use (a batch system gives a job some of the machine's). */
#include "vm/virtual/virtual.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCKS "/run/liquidnet"

int virtual_take_processor(unsigned number, int *lock)
{
	cpu_set_t allowed;
	int fallback = -1, nth, count;
	*lock = -1;
	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0 || (count = CPU_COUNT(&allowed)) == 0)
		return -1;
	mkdir(LOCKS, 0755);
	nth = (int)(number % (unsigned)count);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		char path[64];
		if (!CPU_ISSET(i, &allowed))
			continue;
		if (nth-- == 0)
			fallback = i;
		snprintf(path, sizeof path, LOCKS "/virtual-processor-%d.lock", i);
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*lock = fd;
			return i;
		}
		close(fd);
	}
	return fallback;
}
