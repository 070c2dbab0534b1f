#include "nodes/threats/attack/guard.h"
#include "lib/base/error.h"
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the first pid namespace of a kernel (PROC_PID_INIT_INO of linux/proc_ns.h). */
#define FIRST_PID_NAMESPACE 0xeffffffcu

static const void *map(int fd, size_t *size)
{
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0)
		return MAP_FAILED;
	*size = (size_t)status.st_size;
	return mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
}

/* Whether process 1 runs the program of that name which lies beside ours. */
static bool is_process_1(const char *name)
{
	char path[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t sizes[2];
	if (length <= 0)
		return false;
	path[length] = 0;
	char *slash = strrchr(path, '/');
	if (!slash)
		return false;
	snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s", name);
	int fds[2] = {open("/proc/1/exe", O_RDONLY | O_CLOEXEC), open(path, O_RDONLY | O_CLOEXEC)};
	const void *bytes[2] = {map(fds[0], &sizes[0]), map(fds[1], &sizes[1])};
	bool same = bytes[0] != MAP_FAILED && bytes[1] != MAP_FAILED && sizes[0] == sizes[1] &&
		    memcmp(bytes[0], bytes[1], sizes[0]) == 0;
	for (unsigned i = 0; i < 2; i++) {
		if (bytes[i] != MAP_FAILED)
			munmap((void *)bytes[i], sizes[i]);
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return same;
}

int guard_sandbox(char **error)
{
	struct stat status;
	bool first = stat("/proc/self/ns/pid", &status) < 0 || status.st_ino == FIRST_PID_NAMESPACE;
	if ((!first && is_process_1("liquidnet")) || is_process_1("liquidnet-virtual"))
		return 0;
	return error_set(error,
		"process 1 is not the harness's; it runs inside of trials only: `liquidnet run threats`, `liquidnet shell threats`");
}
