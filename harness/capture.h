/* Capture: one process writes the packets of several interfaces, each in its own namespace, to pcap files. */
#ifndef LIQUIDNET_CAPTURE_H
#define LIQUIDNET_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

struct capture_target {
	const char *name;
	int netns_fd;
	const char *interface;
	uint32_t snap; /* bytes kept of a packet */
	const char *path;
};

/* Captures until stop_fd is readable or at its end; says READY on ready_fd (closed then) when all are active. Writes
 * {"targets":[{"name","received","dropped_kernel","dropped_interface"}]} to result_path. Returns an exit status; reasons
 * go to standard error. Nanosecond timestamps; default buffering (immediate mode costs ten times the processor time). */
int capture_run(const struct capture_target *targets, size_t count, int ready_fd, int stop_fd, const char *result_path);

#endif
