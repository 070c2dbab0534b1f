/* Cookies: the proof that whoever asks gets what is sent to its address. A cookie is the time of its issue and a keyed
 * hash (BLAKE2b) of that time, the member, and the address and port that it was sent to: the detour keeps nothing. It is
 * good for COOKIE_LIFE_NS, and until the secret changes, which it does with every start. Pure: time and secret are
 * given. */
#ifndef LIQUIDNET_DETOUR_COOKIE_H
#define LIQUIDNET_DETOUR_COOKIE_H

#include "lib/detour/message.h"

#define COOKIE_LIFE_NS (600 * 1000000000LL)

struct cookie_secret {
	uint8_t bytes[32];
};

/* `now` in ns, of a clock that never goes back (CLOCK_BOOTTIME); >= 0. */
void cookie_make(const struct cookie_secret *secret, int64_t now, uint64_t member, const struct place *from,
	uint8_t cookie[MESSAGE_COOKIE_SIZE]);
/* Whether the cookie is ours and of age; *issued (ns) is set then. */
bool cookie_check(const struct cookie_secret *secret, int64_t now, uint64_t member, const struct place *from,
	const uint8_t cookie[MESSAGE_COOKIE_SIZE], int64_t *issued);

#endif
