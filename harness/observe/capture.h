/* Capture: one process writes the packets of several interfaces, each in its own namespace, to pcap files. */
#ifndef LIQUIDNET_CAPTURE_H
#define LIQUIDNET_CAPTURE_H

#include "harness/place/place.h"
#include <stddef.h>
#include <stdint.h>

struct capture_target {
	const char *name;
	const struct place *place;
	const char *interface;
	uint32_t snap; /* bytes kept of a packet */
	const char *path;
	const char *filter; /* only these packets, as libpcap says it; NULL: all */
};

/* Captures until stop_fd is readable or at its end, and then for the 0.12 s in which the kernel hands over
 * what it holds: however long the traffic goes on. Says READY on ready_fd (closed then) when all are active.
 * Writes
 * {"targets":[{"name","received","dropped_kernel","dropped_interface","bytes"}]} to result_path: packets, and
 * the size of the pcap file. Returns an exit status; reasons go to standard error (a file that could not be
 * written whole, an interface that went away; one that is down for a while is none). Nanosecond timestamps;
 * default buffering (immediate mode costs ten times the processor time). Runs at normal priority, in a
 * process of one thread. */
int capture_run(const struct capture_target *targets, size_t count, int ready_fd, int stop_fd,
	const char *result_path);

#endif
