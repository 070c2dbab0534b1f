/* CoDel: see the header. RFC 8289, section 5.5's dequeue(), turned inside out: one call a packet instead of a
 * loop. */
#include "lib/link/codel.h"

#include <math.h>

void codel_init(struct codel *codel, int64_t target_ns, int64_t interval_ns)
{
	*codel = (struct codel){.target_ns = target_ns, .interval_ns = interval_ns};
}

static int64_t control_law(const struct codel *codel, int64_t from_ns, uint32_t count)
{
	return from_ns + (int64_t)((double)codel->interval_ns / sqrt(count));
}

/* dodequeue(): whether the wait has been above the target for an interval. */
static bool stands(struct codel *codel, int64_t now, int64_t sojourn, uint64_t left, uint64_t largest)
{
	if (sojourn < codel->target_ns || left <= largest) {
		codel->first_above_ns = 0;
		return false;
	}
	if (codel->first_above_ns == 0) {
		codel->first_above_ns = now + codel->interval_ns;
		return false;
	}
	return now >= codel->first_above_ns;
}

/* The state is entered with its first drop; soon after the last time it goes on where that was. */
static void enter(struct codel *codel, int64_t now)
{
	uint32_t delta = codel->count - codel->last_count;
	bool recent = now - codel->drop_next_ns < 16 * codel->interval_ns;
	codel->dropping = true;
	codel->count = delta > 1 && recent ? delta : 1;
	codel->drop_next_ns = control_law(codel, now, codel->count);
	codel->last_count = codel->count;
}

bool codel_drops(struct codel *codel, int64_t now, int64_t sojourn, uint64_t left, uint64_t largest)
{
	bool ok = stands(codel, now, sojourn, left, largest), again = codel->again;
	codel->again = false;
	if (codel->dropping) {
		if (!ok)
			codel->dropping = false;
		else if (again) /* drop_next moves on by what it was, once the next packet is found to stand
				   too */
			codel->drop_next_ns = control_law(codel, codel->drop_next_ns, codel->count);
		if (!codel->dropping || now < codel->drop_next_ns)
			return false;
		codel->count++;
		codel->again = true;
		return true;
	}
	if (!ok)
		return false;
	enter(codel, now);
	return true;
}

void codel_marked(struct codel *codel)
{
	if (!codel->again)
		return;
	codel->again = false;
	codel->drop_next_ns = control_law(codel, codel->drop_next_ns, codel->count);
}

void codel_empty(struct codel *codel)
{
	codel->first_above_ns = 0;
	codel->dropping = false;
	codel->again = false;
}
