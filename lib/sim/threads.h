/* Work in threads, on all processors that the process may use. */
#ifndef LIQUIDNET_SIM_THREADS_H
#define LIQUIDNET_SIM_THREADS_H

/* Calls one(context, i) once for each i from `first` to `end` - 1, in several threads at a time, and returns when all calls have
 * returned. No call may read what another one writes. */
void threads_each(unsigned first, unsigned end, void (*one)(void *context, unsigned number), void *context);

#endif
