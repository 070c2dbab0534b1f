/* Ping: `64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms`, and ` (DUP!)` behind one that came twice. */
#include "harness/hosts/ping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIMES_MAX 1000

json_t *ping_times(const char *text)
{
	json_t *times = json_array();
	for (const char *at = text; *at && json_array_size(times) < TIMES_MAX;) {
		size_t length = strcspn(at, "\n");
		const char *time = memmem(at, length, " time=", 6);
		char *end;
		double ms = time ? strtod(time + 6, &end) : -1;
		if (time && memmem(at, length, "icmp_seq=", 9) && !memmem(at, length, "DUP!", 4) &&
			strncmp(end, " ms", 3) == 0 && isfinite(ms) && ms >= 0)
			json_array_append_new(times, json_real(ms));
		at += length + (at[length] == '\n');
	}
	return times;
}
