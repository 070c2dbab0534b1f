/* Awake: see the header. */
#include "harness/awake.h"

#include <fcntl.h>
#include <stdint.h>
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

const char *awake_text(void)
{
	int fd = awake_hold();
	if (fd < 0)
		return "sleeps";
	close(fd);
	return "polls";
}
