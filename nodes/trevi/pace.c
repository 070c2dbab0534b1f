#include "nodes/trevi/pace.h"

void pace_init(struct pace *p, unsigned receivers, int64_t now_ns)
{
	*p = (struct pace){.count = receivers};
	for (unsigned i = 0; i < receivers; i++)
		p->receivers[i].progress_ns = now_ns;
}

bool pace_ask(struct pace *p, unsigned receiver, uint32_t first, uint32_t count, int64_t now_ns)
{
	struct pace_receiver *r = &p->receivers[receiver];
	uint32_t end = first + count;

	if (receiver >= p->count || r->gone || end < first || end > p->sent + PACE_AHEAD)
		return false;
	if (end > r->asked) {
		r->asked = end;
		r->progress_ns = now_ns;
	}
	return true;
}

static uint32_t least(const struct pace *p)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < p->count; i++)
		if (!p->receivers[i].gone && p->receivers[i].asked < least)
			least = p->receivers[i].asked;
	return least;
}

uint32_t pace_room(const struct pace *p)
{
	uint32_t end = least(p);

	return end == UINT32_MAX || end < p->sent ? 0 : end - p->sent;
}

void pace_leave(struct pace *p, unsigned receiver)
{
	p->receivers[receiver].gone = true;
}

int pace_straggler(const struct pace *p, int64_t patience_ns, int64_t now_ns)
{
	uint32_t end = least(p);

	for (unsigned i = 0; i < p->count; i++)
		if (!p->receivers[i].gone && p->receivers[i].asked == end && end <= p->sent &&
			now_ns - p->receivers[i].progress_ns > patience_ns)
			return (int)i;
	return -1;
}
