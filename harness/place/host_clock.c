/* A host's clock: see the header. */
#include "harness/place/host_clock.h"

#include "harness/place/message.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define ANSWER_NS (10 * NS_PER_S)
#define TIMES 8

static int64_t real_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* One answer: the host's time, and ours when it came. */
static int hear(struct channel *c, int64_t *there_ns, int64_t *heard_ns, char **error)
{
	struct message m;
	if (channel_await(c, &m, clock_now_ns() + ANSWER_NS, error) < 0)
		return -1;
	*heard_ns = real_ns();
	*there_ns = message_number(m.head, "ns");
	message_free(&m);
	return 0;
}

static int exchange(struct channel *c, int64_t *ahead_ns, int64_t *took_ns, char **error)
{
	int64_t there_ns, heard_ns, asked_ns = real_ns();
	if (message_say(c->fd, json_pack("{s:b}", "again", 1)) < 0)
		return error_set(error, "%s", strerror(errno));
	if (hear(c, &there_ns, &heard_ns, error) < 0)
		return -1;
	if (heard_ns - asked_ns < *took_ns) {
		*took_ns = heard_ns - asked_ns;
		*ahead_ns = there_ns - (asked_ns + *took_ns / 2);
	}
	return 0;
}

int host_clock(const struct place *place, double *ahead_ms, double *error_ms, char **error)
{
	int64_t ahead_ns = 0, took_ns = INT64_MAX, there_ns, heard_ns;
	struct channel c = {.fd = place_talk(place, json_pack("{s:s}", "do", "clock"), error)};
	if (c.fd < 0)
		return -1;
	/* The first answer took the opening of a connection, too. */
	int result = hear(&c, &there_ns, &heard_ns, error);
	for (int i = 0; result == 0 && i < TIMES; i++)
		result = exchange(&c, &ahead_ns, &took_ns, error);
	channel_close(&c);
	*ahead_ms = (double)ahead_ns / 1e6;
	*error_ms = (double)took_ns / 2e6;
	return result < 0 ? error_prefix(error, "host %s", place->name) : 0;
}
