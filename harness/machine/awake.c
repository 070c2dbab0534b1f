/* Awake: see the header. */
#include "harness/machine/awake.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int awake_hold(void)
{
	int32_t latency_us = 0;
	int fd = open("/dev/cpu_dma_latency", O_RDWR | O_CLOEXEC);
	if (fd < 0 || write(fd, &latency_us, sizeof latency_us) == sizeof latency_us)
		return fd;
	close(fd);
	return -1;
}

static bool has_cpuidle_driver(void)
{
	char name[32] = "none";
	int fd = open("/sys/devices/system/cpu/cpuidle/current_driver", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool known = read(fd, name, sizeof name) > 0 && strncmp(name, "none", 4) != 0;
	close(fd);
	return known;
}

bool awake_serves(void)
{
	int fd = awake_hold();
	if (fd < 0)
		return false;
	close(fd);
	return has_cpuidle_driver();
}
