/* Fuzz: any bytes as a packet are refused by name or read within what is there; a packet that was read whole is, written and
 * read again, the same; each of its options too, where this library has a writer for it. */
#include "lib/mptcp/packet.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void write_again(const uint8_t *option)
{
	struct option_list list = {0};
	struct option_capable capable;
	struct option_join join;
	struct option_address address, again;
	unsigned length = option[1];
	switch (option[2] >> 4) {
	case MPTCP_CAPABLE:
		option_capable(option, &capable);
		option_put_capable(&list, &capable);
		/* A checksum behind the data length is not read. */
		expect(list.length == (length == 24 ? 22 : length) &&
			memcmp(option + 3, list.bytes + 3, list.length - 3u) == 0);
		break;
	case MPTCP_JOIN:
		option_join(option, &join);
		if (length == 12)
			option_put_join_syn(&list, join.address_id, join.backup, join.token, join.nonce);
		else if (length == 16)
			option_put_join_syn_ack(&list, join.address_id, join.backup, join.hmac, join.nonce);
		else
			option_put_join_ack(&list, join.hmac);
		expect(list.length == length && memcmp(option + 4, list.bytes + 4, length - 4u) == 0);
		break;
	case MPTCP_ADD_ADDR:
		option_address(option, &address);
		if (!address.family || (option[2] & 15u) == 4 || (option[2] & 15u) == 6)
			break;
		option_put_address(&list, &address);
		option_address(list.bytes, &again);
		expect(again.family == address.family && again.port == address.port &&
			again.echo == address.echo && memcmp(again.address, address.address, 16) == 0 &&
			!again.hmac == !address.hmac);
		break;
	default:
		break;
	}
}

static void check_options(const uint8_t *options, unsigned length)
{
	struct tcp_options parsed;
	const uint8_t *rare[OPTIONS_RARE];
	uint32_t sacks[OPTIONS_SACKS][2];
	options_parse(options, length, false, &parsed);
	unsigned count = options_rare(options, length, rare);
	expect(options_sacks(options, length, sacks) <= OPTIONS_SACKS);
	for (unsigned i = 0; i < count; i++) {
		expect(rare[i] >= options && rare[i] + rare[i][1] <= options + length);
		expect(option_find(options, length, rare[i][2] >> 4) != NULL);
		write_again(rare[i]);
	}
	if (parsed.present & OPTION_DSS) {
		struct option_list list = {0};
		struct tcp_options again;
		option_put_dss(&list, &parsed.dss);
		options_parse(list.bytes, list.length, false, &again);
		expect(again.present == (OPTION_DSS | OPTION_MPTCP) && again.dss.flags == parsed.dss.flags);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet, seen;
	if (size < 2)
		return 0;
	size_t beyond = data[0]; /* bytes of the packet that were not captured */
	data++, size--;
	enum packet_result result = packet_read(data, size, size + beyond, &packet);
	expect(result < PACKET_RESULTS);
	if (result != PACKET_TCP)
		return 0;
	expect(packet.options >= data && packet.payload == packet.options + packet.options_length &&
		packet.payload + packet.payload_at_hand <= data + size &&
		packet.payload_at_hand <= packet.payload_length);
	check_options(packet.options, packet.options_length);
	packet.payload_length = packet.payload_at_hand;
	uint8_t *bytes = malloc(size + PACKET_HEADERS);
	size_t written = bytes ? packet_write(&packet, bytes, size + PACKET_HEADERS) : 0;
	if (written) {
		expect(packet_read(bytes, written, written, &seen) == PACKET_TCP);
		expect(seen.sequence == packet.sequence && seen.payload_length == packet.payload_length &&
			seen.options_length == packet.options_length &&
			packet_space(&seen) == packet_space(&packet));
	}
	free(bytes);
	return 0;
}
