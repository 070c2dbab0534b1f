/* Any text as a configuration of liquidnet-grin: taken, with a plan that holds, or refused with one line. */
#include "nodes/grin/daemon/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct settings *s = settings_parse("fuzz", (const char *)data, size, &error);

	if (!s == !error)
		abort();
	if (error && strchr(error, '\n'))
		abort();
	if (s) {
		const struct plan_server *me = settings_me(s);
		if (me->count > PLAN_LINKS || !plan_primary_good(me->primary) || !*s->uplink ||
			s->routing == PLAN_LSRR)
			abort();
		for (unsigned e = 0; e < me->count; e++) {
			int end;
			if (!*s->cables[e] || plan_owner(s->plan, me->ends[e].address, &end) != (int)s->me ||
				end != (int)e)
				abort();
		}
	}
	settings_free(s);
	free(error);
	return 0;
}
