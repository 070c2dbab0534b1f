/* Any bytes as a datagram of the path manager's event channel: nothing but whole events may come out. */
#include "lib/mptcp/pm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FAMILY 30

static void check(void *context, const struct mptcp_pm_event *event)
{
	bool listener = event->type >= MPTCP_PM_EVENT_LISTENER_CREATED;
	(void)context;

	if (mptcp_pm_event_name(event->type)[0] == '?' || event->error < 0 || event->error > 255)
		abort();
	if (!listener && !event->token)
		abort();
	if (event->type == MPTCP_PM_EVENT_ESTABLISHED &&
		(address_is_none(&event->local.address) || address_is_none(&event->remote.address)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	mptcp_pm_decode(bytes, size, FAMILY, check, NULL);
	return 0;
}
