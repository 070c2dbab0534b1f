/* Slow start: see the header. */
#include "nodes/pooling/slow_start.h"

#include <stdbool.h>

/* Whether it stays as it is in sample `from` for long enough; false too where the samples end before that. */
static bool is_still(const struct window_sample *s, size_t count, size_t from)
{
	for (size_t i = from + 1; i < count; i++) {
		if (s[i].cwnd > SLOW_START_GROWTH * s[from].cwnd)
			return false;
		if (s[i].at_ns - s[from].at_ns >= SLOW_START_STILL_NS)
			return true;
	}
	return false;
}

int64_t slow_start_end(const struct window_sample *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (s[i].retransmitted > 0 || is_still(s, count, i))
			return s[i].at_ns;
	return -1;
}
