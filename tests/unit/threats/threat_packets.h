/* Packets of a client, a server and an attacker, as tests of the attacks need them. */
#ifndef LIQUIDNET_TEST_THREAT_PACKETS_H
#define LIQUIDNET_TEST_THREAT_PACKETS_H

#include "lib/mptcp/packet.h"
#include "nodes/threats/knowledge.h"
#include <string.h>

#define KEY_CLIENT 0x0102030405060708u
#define KEY_SERVER 0xf1f2f3f4f5f6f7f8u

enum { FIRST_CLIENT = 1000, FIRST_SERVER = 9000, PORT_SERVER = 5000 };

static inline struct packet_end an_end(unsigned network, unsigned port)
{
	struct packet_end end = {.port = (uint16_t)port};
	end.address[10] = end.address[11] = 0xff;
	end.address[12] = 10;
	end.address[14] = (uint8_t)network;
	end.address[15] = 1;
	return end;
}

static inline struct packet a_packet(struct packet_end from, struct packet_end to, unsigned flags,
	uint32_t sequence, uint32_t acknowledgement, const struct option_list *options, unsigned payload)
{
	static const uint8_t bytes[4096];
	return (struct packet){.family = 4,
		.source = from,
		.destination = to,
		.flags = (uint8_t)flags,
		.sequence = sequence,
		.acknowledgement = acknowledgement,
		.window = 1000,
		.options = options ? options->bytes : NULL,
		.options_length = options ? options->length : 0,
		.payload = bytes,
		.payload_at_hand = payload,
		.payload_length = payload};
}

/* The three packets of a handshake from port `port` of the client, one after the other. */
static inline void a_handshake(unsigned port, struct option_list options[3], struct packet packets[3])
{
	struct packet_end client = an_end(1, port), server = an_end(2, PORT_SERVER);
	memset(options, 0, 3 * sizeof *options);
	option_put_window_scale(&options[0], 3);
	option_put_capable(&options[0], &(struct option_capable){.version = 1, .flags = 1});
	option_put_window_scale(&options[1], 4);
	option_put_capable(&options[1],
		&(struct option_capable){.version = 1, .flags = 1, .keys = 1, .key = {KEY_SERVER}});
	option_put_capable(
		&options[2], &(struct option_capable){
				     .version = 1, .flags = 1, .keys = 2, .key = {KEY_CLIENT, KEY_SERVER}});
	packets[0] = a_packet(client, server, PACKET_SYN, FIRST_CLIENT, 0, &options[0], 0);
	packets[1] = a_packet(
		server, client, PACKET_SYN | PACKET_ACK, FIRST_SERVER, FIRST_CLIENT + 1, &options[1], 0);
	packets[2] = a_packet(client, server, PACKET_ACK, FIRST_CLIENT + 1, FIRST_SERVER + 1, &options[2], 0);
}

#endif
