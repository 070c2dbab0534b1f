/* Forge: makes the segments of the published attacks, only from what the attacker knows. Each is one packet without payload. Pure. */
#ifndef LIQUIDNET_THREATS_FORGE_H
#define LIQUIDNET_THREATS_FORGE_H

#include "nodes/threats/knowledge.h"

/* How an announced address is proven, rightly or not; and what the residual attacks send. */
enum form {
	FORM_V0,      /* RFC 6824: nothing is to be proven */
	FORM_NONE,    /* v1 without an HMAC */
	FORM_ZERO,    /* an HMAC of 0 */
	FORM_SWAPPED, /* the keys in the wrong order */
	FORM_LEFT,    /* the first 64 bits of the right HMAC instead of the last */
	FORM_ECHO,    /* as if it answered an announcement */
	FORM_RIGHT,
	FORM_REMOVE, /* REMOVE_ADDR */
	FORM_PRIO,   /* MP_PRIO: this subflow is a backup */
	FORM_PRIO_V0,
	FORM_FASTCLOSE, /* MP_FASTCLOSE with a wrong key */
	FORMS,
};

const char *form_name(enum form form);
/* What a form needs besides tuple and numbers. */
unsigned form_needs(enum form form);
/* Whether it announces an address. */
bool form_announces(enum form form);

enum {
	FORGE_AHEAD =
		1000 /* bytes in front of the next number: what is on its way does not make it too old */
};

/* A segment from one side to the other, a little ahead, with options. `options` must outlive it. */
struct packet forge_segment(const struct known *known, unsigned from, const struct option_list *options);
/* The options of a form, in the name of side `from`; `address` is the attacker's (mapped IPv4). */
void forge_form(const struct known *known, unsigned from, enum form form, const uint8_t address[16],
	uint8_t id, struct option_list *options);
/* A reset of exactly the number that the other side expects (RFC 5961, section 3.2). */
struct packet forge_reset(const struct known *known, unsigned from);
/* SYN+MP_JOIN as from `source`. */
struct packet forge_join(const struct packet_end *source, const struct packet_end *server, uint32_t sequence,
	uint32_t token, uint32_t nonce, struct option_list *options);

#endif
