/* Work on all processors that we may use, in threads. */
#ifndef LIQUIDNET_SIM_THREADS_H
#define LIQUIDNET_SIM_THREADS_H

/* Calls one(context, i) for each i from `first` up to `end`, once each, in several threads at a time; returns when all have returned. What one
 * call writes no other may read. */
void threads_each(unsigned first, unsigned end, void (*one)(void *context, unsigned number), void *context);

#endif
