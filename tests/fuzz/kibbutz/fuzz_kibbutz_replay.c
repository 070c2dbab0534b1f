/* Fuzz: any bytes as a device's event trace: replayed into the policy, or refused with a line. */
#include "nodes/kibbutz/sim/replay.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static FILE *nowhere;
	struct replay_result result;
	char path[64], *error = NULL;
	if (fd < 0) {
		fd = memfd_create("trace", MFD_CLOEXEC);
		nowhere = fopen("/dev/null", "we");
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	expect(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	if (replay_trace(path, nowhere, &result, &error) < 0)
		expect(error && !strchr(error, '\n'));
	else
		expect(result.differences == 0 || result.decisions + result.calls > 0);
	free(error);
	return 0;
}
