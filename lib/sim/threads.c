/* Threads take the next number that nobody has taken. */
#include "lib/sim/threads.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS_MOST 256

struct work {
	atomic_uint next;
	unsigned end;
	void (*one)(void *context, unsigned number);
	void *context;
};

static void *take(void *context)
{
	struct work *work = context;

	for (unsigned i; (i = atomic_fetch_add(&work->next, 1)) < work->end;)
		work->one(work->context, i);
	return NULL;
}

void threads_each(unsigned first, unsigned end, void (*one)(void *context, unsigned number), void *context)
{
	struct work work = {first, end, one, context};
	pthread_t threads[THREADS_MOST];
	cpu_set_t mine;
	int processors = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1, started = 0;

	/* This thread is one of them. */
	while (started < processors - 1 && started < THREADS_MOST &&
		pthread_create(&threads[started], NULL, take, &work) == 0)
		started++;
	take(&work);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
