/* The pace of a group: a sender to several receivers goes at the pace of the slowest (Trilogy2 D1.1, 4.2.4). Each receiver asks with
 * running numbers. The symbol of a number is sent once, when all receivers have asked for it. Pure. */
#ifndef LIQUIDNET_TREVI_PACE_H
#define LIQUIDNET_TREVI_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_RECEIVERS 16
#define PACE_AHEAD 4096 /* a receiver that asks for more than so many beyond what was sent is not believed */

struct pace_receiver {
	uint32_t asked; /* it has asked for all numbers below this */
	bool gone;      /* it has all, or was dropped */
	int64_t progress_ns;
};

struct pace {
	struct pace_receiver receivers[PACE_RECEIVERS];
	unsigned count;
	uint32_t sent;
};

void pace_init(struct pace *pace, unsigned receivers, int64_t now_ns);
/* A receiver asks for the numbers `first` to `first` + count - 1, and so for all before them. False: the request is impossible, and
 * nothing changed. */
bool pace_ask(struct pace *pace, unsigned receiver, uint32_t first, uint32_t count, int64_t now_ns);
/* How many symbols may be sent now, from number `sent` on. */
uint32_t pace_room(const struct pace *pace);
/* The receiver no longer counts. */
void pace_leave(struct pace *pace, unsigned receiver);
/* A receiver that has asked for nothing new for `patience_ns` while others wait for it; -1: none. */
int pace_straggler(const struct pace *pace, int64_t patience_ns, int64_t now_ns);

#endif
