#include "nodes/threats/forge.h"
#include "lib/mptcp/keys.h"
#include <string.h>

enum { MSS = 1460, WINDOW_SHIFT = 7 };

static const struct {
	const char *name;
	unsigned needs;
} forms[FORMS] = {
	[FORM_V0] = {"v0", 0},
	[FORM_NONE] = {"none", 0},
	[FORM_ZERO] = {"zero", 0},
	[FORM_SWAPPED] = {"swapped", KNOWS_KEYS},
	[FORM_LEFT] = {"left", KNOWS_KEYS},
	[FORM_ECHO] = {"echo", 0},
	[FORM_RIGHT] = {"right", KNOWS_KEYS},
	[FORM_REMOVE] = {"remove", 0},
	[FORM_PRIO] = {"prio", 0},
	[FORM_PRIO_V0] = {"prio-v0", 0},
	[FORM_FASTCLOSE] = {"fastclose", 0},
};

const char *form_name(enum form form)
{
	return forms[form].name;
}

unsigned form_needs(enum form form)
{
	return forms[form].needs;
}

bool form_announces(enum form form)
{
	return form <= FORM_RIGHT;
}

static void point_at(struct packet *packet, const struct option_list *options)
{
	packet->options = options->bytes;
	packet->options_length = options->length;
}

struct packet forge_segment(const struct known *k, unsigned from, const struct option_list *options)
{
	struct packet packet = {.family = 4,
		.source = k->end[from],
		.destination = k->end[!from],
		.sequence = k->next[from] + FORGE_AHEAD,
		.acknowledgement = k->acknowledged[from],
		.window = UINT16_MAX,
		.flags = PACKET_ACK};
	point_at(&packet, options);
	return packet;
}

/* What the announcer of side `from` would prove; `first` takes the wrong half. */
static void prove(
	const struct known *k, unsigned from, const uint8_t *address, uint8_t id, bool first, uint8_t hmac[8])
{
	uint8_t whole[MPTCP_HMAC] = {0};
	mptcp_hmac_address_whole(k->key[from], k->key[!from], id, address + 12, 4, 0, whole);
	memcpy(hmac, first ? whole : whole + MPTCP_HMAC - 8, 8);
}

static void announce(const struct known *k, unsigned from, enum form form, const uint8_t address[16],
	uint8_t id, struct option_list *options)
{
	uint8_t hmac[8] = {0};
	struct option_address option = {.address_id = id,
		.family = 4,
		.echo = form == FORM_ECHO,
		.hmac = form == FORM_NONE ? NULL : hmac};
	memcpy(option.address, address + 12, 4);
	if (form == FORM_RIGHT || form == FORM_LEFT)
		prove(k, from, address, id, form == FORM_LEFT, hmac);
	else if (form == FORM_SWAPPED)
		prove(k, !from, address, id, false, hmac);
	if (form == FORM_V0)
		option_put_address_v0(options, &option);
	else
		option_put_address(options, &option);
}

void forge_form(const struct known *k, unsigned from, enum form form, const uint8_t address[16], uint8_t id,
	struct option_list *options)
{
	if (form_announces(form))
		announce(k, from, form, address, id, options);
	else if (form == FORM_REMOVE)
		option_put_remove(options, &id, 1);
	else if (form == FORM_PRIO)
		option_put_prio(options, true);
	else if (form == FORM_PRIO_V0)
		option_put_prio_v0(options, true, id);
	else
		option_put_fastclose(options, 0);
}

struct packet forge_reset(const struct known *k, unsigned from)
{
	return (struct packet){.family = 4,
		.source = k->end[from],
		.destination = k->end[!from],
		.sequence = k->next[from],
		.flags = PACKET_RST};
}

struct packet forge_join(const struct packet_end *source, const struct packet_end *server, uint32_t sequence,
	uint32_t token, uint32_t nonce, struct option_list *options)
{
	struct packet packet = {.family = 4,
		.source = *source,
		.destination = *server,
		.sequence = sequence,
		.window = UINT16_MAX,
		.flags = PACKET_SYN};
	option_put_mss(options, MSS);
	option_put_window_scale(options, WINDOW_SHIFT);
	option_put_join_syn(options, 1, false, token, nonce);
	point_at(&packet, options);
	return packet;
}
