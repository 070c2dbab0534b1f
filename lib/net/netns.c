/* Network namespaces: see the header. */
#include "lib/net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int netns_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

int netns_open_pid(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	return netns_open(path);
}

int netns_call(int netns_fd, int (*fn)(void *context), void *context)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -1;
	if (setns(netns_fd, CLONE_NEWNET) < 0) {
		int fault = errno;
		close(home);
		errno = fault;
		return -1;
	}
	int result = fn(context);
	int fault = errno;
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	close(home);
	errno = fault;
	return result;
}
