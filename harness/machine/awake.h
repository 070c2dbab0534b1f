/* Awake: while trials run, an idle processor polls instead of sleeping (the kernel's PM QoS, CPU latency 0:
 * Documentation/power/pm_qos_interface.rst), as programs that measure latency do. A processor that sleeps has
 * to be woken for every packet that is due; a virtual one has to be scheduled by its host first, which took 2
 * to 5 ms where other guests were busy, and 0.2 ms with this (docs/verdict.md). */
#ifndef LIQUIDNET_AWAKE_H
#define LIQUIDNET_AWAKE_H

#include <stdbool.h>

/* Returns a descriptor (close-on-exec); processors poll as long as it, or a copy in a forked process, is
 * open: nothing outlives its owner. -1 where the kernel has no such thing or does not allow it; then they
 * sleep as usual, and the verdicts say what that costs. */
int awake_hold(void);

/* Whether a hold makes processors poll: the kernel must also have a cpuidle driver, which alone heeds it. */
bool awake_serves(void);

#endif
