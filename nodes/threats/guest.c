#include "nodes/threats/guest.h"
#include "lib/mptcp/keys.h"
#include "nodes/threats/forge.h"
#include <string.h>

static struct packet segment(const struct guest *g, const struct option_list *options)
{
	return (struct packet){.family = 4,
		.source = g->own,
		.destination = g->server,
		.sequence = g->next,
		.acknowledgement = g->expected,
		.window = UINT16_MAX,
		.flags = PACKET_ACK,
		.options = options->bytes,
		.options_length = options->length};
}

void guest_begin(struct guest *g, const struct known *known, const struct packet_end *own,
	const struct packet_end *server, bool liar, uint64_t draw, struct option_list *options,
	struct packet *packet)
{
	*g = (struct guest){.state = GUEST_ASKED,
		.liar = liar,
		.own = *own,
		.server = *server,
		.own_key = known->key[OF_CLIENT],
		.server_key = known->key[OF_SERVER],
		.token = known->token[OF_SERVER],
		.nonce = (uint32_t)draw,
		.initial = (uint32_t)(draw >> 32),
		.reset_reason = -1};
	g->next = g->initial + 1;
	*packet = forge_join(own, server, g->initial, g->token, g->nonce, options);
}

static bool is_ours(const struct guest *g, const struct packet *p)
{
	return p->source.port == g->server.port && p->destination.port == g->own.port &&
	       memcmp(p->source.address, g->server.address, 16) == 0 &&
	       memcmp(p->destination.address, g->own.address, 16) == 0;
}

static bool answer(
	struct guest *g, const struct packet *in, struct option_list *options, struct packet *packet)
{
	const uint8_t *option =
		in->options_length ? option_find(in->options, in->options_length, MPTCP_JOIN) : NULL;
	struct option_join join;
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	if (!(in->flags & PACKET_ACK) || in->acknowledgement != g->next || !option || option[1] != 16)
		return false;
	option_join(option, &join);
	g->peer_proven = mptcp_hmac_join(1, g->server_key, g->own_key, join.nonce, g->nonce, hmac) &&
			 memcmp(hmac, join.hmac, MPTCP_HMAC_JOIN_SYN_ACK) == 0;
	g->peer_initial = in->sequence;
	g->expected = in->sequence + 1;
	if (!mptcp_hmac_join(1, g->own_key, g->server_key, g->nonce, join.nonce, hmac))
		return false;
	hmac[0] ^= g->liar;
	option_put_join_ack(options, hmac);
	g->state = GUEST_PROVEN;
	*packet = segment(g, options);
	return true;
}

static void take_reset(struct guest *g, const struct packet *in)
{
	const uint8_t *option =
		in->options_length ? option_find(in->options, in->options_length, MPTCP_RST) : NULL;
	g->state = GUEST_RESET;
	if (option)
		g->reset_reason = option[3];
}

/* How far the connection's own numbers are with this segment: its mapping, from which 32 bits may be missing (section 3.3.1). */
static void take_mapping(struct guest *g, const struct packet *in)
{
	struct tcp_options parsed;
	uint64_t initial, sequence;
	uint32_t token;
	if (!in->options_length)
		return;
	options_parse(in->options, in->options_length, false, &parsed);
	if (!(parsed.present & OPTION_DSS) || !(parsed.dss.flags & DSS_MAP))
		return;
	sequence = parsed.dss.sequence;
	if (!(parsed.dss.flags & DSS_DSN_64)) {
		if (!g->has_data && !mptcp_hash_key(g->server_key, 1, &token, &initial))
			return;
		uint64_t near = g->has_data ? g->data_acknowledged : initial;
		sequence = near + (uint64_t)(int64_t)(int32_t)((uint32_t)sequence - (uint32_t)near);
	}
	/* What is in order on the subflow so far lies so far into the mapping. */
	uint32_t into = g->expected - g->peer_initial - parsed.dss.subflow_sequence;
	if (into > parsed.dss.length)
		return;
	uint64_t end = sequence + into;
	if (!g->has_data || (int64_t)(end - g->data_acknowledged) > 0)
		g->data_acknowledged = end;
	g->has_data = true;
}

static void acknowledge(const struct guest *g, struct option_list *options)
{
	if (!g->has_data)
		return;
	option_put_dss(options,
		&(struct dss){.flags = DSS_ACK | DSS_ACK_64, .acknowledgement = g->data_acknowledged});
}

bool guest_packet(
	struct guest *g, const struct packet *in, struct option_list *options, struct packet *packet)
{
	if (g->state == GUEST_CLOSED || g->state == GUEST_RESET || !is_ours(g, in))
		return false;
	if (in->flags & PACKET_RST) {
		take_reset(g, in);
		return false;
	}
	if (in->flags & PACKET_SYN)
		return g->state == GUEST_ASKED && answer(g, in, options, packet);
	if (g->state < GUEST_PROVEN)
		return false;
	g->state = GUEST_ESTABLISHED;
	if (!packet_space(in))
		return false;
	if (in->sequence == g->expected) {
		g->expected += packet_space(in);
		g->bytes += in->payload_length;
		take_mapping(g, in);
	}
	acknowledge(g, options);
	*packet = segment(g, options);
	return true;
}

void guest_remove(struct guest *g, uint8_t id, struct option_list *options, struct packet *packet)
{
	option_put_remove(options, &id, 1);
	*packet = segment(g, options);
}

void guest_close(struct guest *g, struct option_list *options, struct packet *packet)
{
	option_put_fastclose(options, g->server_key);
	*packet = segment(g, options);
}
