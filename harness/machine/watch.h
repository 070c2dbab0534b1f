/* Watch: what became of the processes of a sandbox while a workload ran: which of them were stopped, were kept waiting
 * for a processor, ended, or were moved to another cgroup. Belongs to process 1 of a sandbox: what /proc shows is what
 * belongs to the trial. */
#ifndef LIQUIDNET_WATCH_H
#define LIQUIDNET_WATCH_H

#include <stdbool.h>

/* Watches every process but the calling one, those that are there when it writes a word to ready_fd and closes it
 * and those that come, until stop_fd is readable or at its end; then writes to result_path
 *   {"stopped": [{"name", "pid", "ms", "longest_ms"}], "waited": [{"name", "pid", "ms", "longest_ms"}],
 *    "ended": [{"name", "pid", "at_s"}], "moved": [{"name", "pid", "cgroup"}], "late_ms"}
 * `stopped`: seen stopped (SIGSTOP, a tracer), and for how long. `waited`: those that waited for a processor for 1 ms
 * or more in all, by the kernel's count (schedstat) of the one of their threads that waited most. `ended`: those that
 * were there at first, had lived for half a second or more, and ended before it did. `late_ms`: the
 * longest time in which it was not able to look. With `sampled` false only ends are watched, without a timer.
 * Returns an exit status. */
int watch_run(int ready_fd, int stop_fd, bool sampled, const char *result_path);

#endif
