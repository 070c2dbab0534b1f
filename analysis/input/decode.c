/* Decode: see the header. Every read is behind a check against what was captured. */
#include "analysis/input/decode.h"
#include "analysis/input/fragments.h"
#include <string.h>

enum { LINK_ETHERNET = 1, ETHER_IPV4 = 0x0800 };
enum { PROTOCOL_TCP = 6, IPV6_HEADER = 40, TCP_HEADER = 20, TUNNELS_DEEP = 4 };

/* Spreads two words over 32 bits: the halves of their product, which depend on every bit of both. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xff51afd7ed558ccdu);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void set_key4(struct segment *segment, uint64_t addresses, uint32_t ports, uint64_t carrier)
{
	uint64_t source = addresses >> 32 << 16 | ports >> 16;
	uint64_t destination = (uint64_t)(uint32_t)addresses << 16 | (ports & 0xffff);
	bool from_second = source > destination;
	uint64_t first = from_second ? destination : source, second = from_second ? source : destination;
	segment->from_second = from_second;
	segment->key = (struct flow_key){{first, second, 0, 0, carrier}};
	uint64_t sum = (first + carrier) * 0x9e3779b97f4a7c15u + second;
	segment->hash = (uint32_t)((sum ^ sum >> 32) * 0xff51afd7ed558ccdu >> 32);
}

static inline void make_key4(struct segment *segment, const uint8_t *ip, const uint8_t *tcp, uint64_t carrier)
{
	set_key4(segment, wire64(ip + 12), wire32(tcp), carrier);
}

static void make_key6(struct segment *segment, const uint8_t *ip, const uint8_t *tcp, uint64_t carrier)
{
	uint64_t source[2] = {wire64(ip + 8), wire64(ip + 16)};
	uint64_t destination[2] = {wire64(ip + 24), wire64(ip + 32)};
	uint64_t ports[2] = {wire16(tcp), wire16(tcp + 2)};
	bool swap;
	if (source[0] != destination[0])
		swap = source[0] > destination[0];
	else if (source[1] != destination[1])
		swap = source[1] > destination[1];
	else
		swap = ports[0] > ports[1];
	const uint64_t *first = swap ? destination : source, *second = swap ? source : destination;
	segment->from_second = swap;
	segment->key = (struct flow_key){{first[0], first[1], second[0], second[1],
		KEY_SIX | carrier | ports[swap] << 16 | ports[!swap]}};
	uint64_t sum = 0;
	for (unsigned i = 0; i < 5; i++)
		sum = (sum ^ segment->key.word[i]) * 0x9e3779b97f4a7c15u + (sum >> 29);
	segment->hash = (uint32_t)mix(sum, sum >> 32);
}

/* The same packet captured again: all that a hop leaves alone is the same, its identification included. 0: it
 * cannot be told. `numbers`: sequence and acknowledgement; `others`: identification and window. */
static inline uint32_t signature_of(const struct segment *segment, uint64_t numbers, uint32_t others)
{
	if (__builtin_expect(others <= UINT16_MAX, 0) &&
		(!segment->payload || !(segment->parsed.present & OPTION_TIMESTAMP)))
		return 0;
	uint64_t sizes = (uint64_t)segment->payload << 8 | segment->flags;
	return (uint32_t)mix(mix(numbers, (uint64_t)segment->parsed.timestamp << 32 | others), sizes) | 1;
}

/* Whether a segment with the usual options is of the kind that nearly all are: an acknowledgement, with data or
 * without, of an open window. */
static inline bool is_usual(const struct segment *segment)
{
	return (segment->flags & ~TCP_PSH) == TCP_ACK && !segment->ecn && segment->window;
}

/* The TCP header and on: `at_hand` bytes captured, `length` by the IP header. */
static inline enum decode_result decode_tcp(
	const uint8_t *tcp, uint32_t at_hand, uint32_t length, uint32_t ip_header, struct segment *segment)
{
	if (length < TCP_HEADER)
		return DECODE_MALFORMED;
	if (at_hand < TCP_HEADER)
		return DECODE_CUT;
	uint32_t header = (tcp[12] >> 4) * 4u;
	if (header < TCP_HEADER || header > length)
		return DECODE_MALFORMED;
	segment->sequence = wire32(tcp + 4);
	segment->acknowledgement = wire32(tcp + 8);
	segment->flags = tcp[13];
	segment->window = wire16(tcp + 14);
	segment->payload = length - header;
	segment->options = tcp + TCP_HEADER;
	segment->options_sent = (uint8_t)(header - TCP_HEADER);
	segment->options_cut = at_hand < header;
	segment->options_length = (uint8_t)((at_hand < header ? at_hand : header) - TCP_HEADER);
	segment->header_bytes = (uint16_t)(ip_header + header);
	segment->usual = !segment->options_cut &&
			 options_usual(segment->options, segment->options_length, &segment->parsed);
	if (!segment->usual)
		options_parse(
			segment->options, segment->options_length, segment->options_cut, &segment->parsed);
	return DECODE_TCP;
}

static uint64_t carrier_of(const struct network *network)
{
	if (network->tunnel < TUNNEL_LINKS_END)
		return 0;
	return (uint64_t)network->tunnel << KEY_TUNNEL_SHIFT | (uint64_t)network->number << KEY_NUMBER_SHIFT;
}

/* A fragment of a TCP packet: when it makes the packet whole, that is decoded. */
static enum decode_result decode_fragment(struct decoder *decoder, const struct network *network,
	const struct fragment *fragment, uint32_t ip_header, struct segment *segment)
{
	struct whole whole;
	if (!decoder->fragments)
		decoder->fragments = fragments_new();
	if (!decoder->fragments || !fragments_add(decoder->fragments, fragment, &whole))
		return DECODE_FRAGMENT;
	enum decode_result result = decode_tcp(whole.head, whole.at_hand, whole.length, ip_header, segment);
	if (result != DECODE_TCP)
		return result;
	decoder->reassembled++;
	decoder->tunnels[network->tunnel]++;
	if (network->data[0] >> 4 == 4)
		make_key4(segment, network->data, whole.head, carrier_of(network));
	else
		make_key6(segment, network->data, whole.head, carrier_of(network));
	return DECODE_TCP;
}

static enum decode_result decode_ip(
	struct decoder *decoder, struct network *network, struct segment *segment, unsigned depth);

static enum decode_result decode_inner(struct decoder *decoder, uint8_t protocol, const struct network *outer,
	uint32_t header, uint32_t at_hand, uint32_t length, struct segment *segment, unsigned depth)
{
	struct network inner = {.data = outer->data + header,
		.captured = at_hand - header,
		.original = length - header,
		.tunnel = outer->tunnel,
		.number = outer->number};
	if (depth == TUNNELS_DEEP)
		return DECODE_OTHER;
	enum decode_result result = decode_tunnel(protocol, &inner);
	return result == DECODE_TCP ? decode_ip(decoder, &inner, segment, depth + 1) : result;
}

static enum decode_result fragment4(struct decoder *decoder, const struct network *network, uint32_t header,
	uint32_t at_hand, uint32_t length, struct segment *segment)
{
	const uint8_t *ip = network->data;
	struct fragment fragment = {.id = wire16(ip + 4),
		.offset = (wire16(ip + 6) & 0x1fffu) * 8,
		.more = wire16(ip + 6) & 0x2000,
		.length = length - header,
		.data = ip + header,
		.at_hand = at_hand - header,
		.time_ns = segment->time_ns};
	memcpy(fragment.addresses, ip + 12, 8);
	return decode_fragment(decoder, network, &fragment, header, segment);
}

static enum decode_result decode_ipv4(
	struct decoder *decoder, const struct network *network, struct segment *segment, unsigned depth)
{
	const uint8_t *ip = network->data;
	uint32_t captured = network->captured;
	if (captured < 20)
		return network->original < 20 ? DECODE_MALFORMED : DECODE_CUT;
	uint32_t header = (ip[0] & 15u) * 4, length = wire16(ip + 2);
	/* Segmentation offload beyond 64 KiB leaves 0 here. */
	if (__builtin_expect(length == 0, 0))
		length = network->original;
	if (header < 20 || length < header)
		return DECODE_MALFORMED;
	if (captured < header)
		return DECODE_CUT;
	uint32_t at_hand = captured < length ? captured : length;
	segment->ip_id = wire16(ip + 4);
	segment->ecn = ip[1] & 3;
	/* More fragments, or an offset. */
	bool whole = !(wire16(ip + 6) & 0x3fff);
	if (__builtin_expect(ip[9] != PROTOCOL_TCP, 0))
		return whole ? decode_inner(decoder, ip[9], network, header, at_hand, length, segment, depth)
			     : DECODE_OTHER;
	/* Some writers put the captured length in both places, some networks cut packets: what IP says was
	 * sent. */
	if (__builtin_expect(length > network->original, 0))
		decoder->short_frames++;
	if (__builtin_expect(!whole, 0))
		return fragment4(decoder, network, header, at_hand, length, segment);
	enum decode_result result =
		decode_tcp(ip + header, at_hand - header, length - header, header, segment);
	if (result == DECODE_TCP) {
		make_key4(segment, ip, ip + header, carrier_of(network));
		decoder->tunnels[network->tunnel]++;
	}
	return result;
}

struct extensions {
	uint8_t next; /* the upper protocol */
	uint32_t at;  /* its offset */
	bool fragment;
	uint32_t id, offset;
	bool more;
};

/* Moves over the extension headers (RFC 8200, section 4), to a fragment's payload at most. */
static enum decode_result skip_extensions(
	const uint8_t *ip, uint32_t at_hand, uint32_t length, struct extensions *extensions)
{
	for (unsigned depth = 0; depth < 16; depth++) {
		uint32_t size, at = extensions->at;
		switch (extensions->next) {
		case 0:   /* hop by hop */
		case 43:  /* routing */
		case 60:  /* destination */
		case 135: /* mobility */
		case 51:  /* authentication */
		case 44:  /* fragment */
			break;
		default:
			return DECODE_TCP;
		}
		if (at + 8 > length)
			return DECODE_MALFORMED;
		if (at + 8 > at_hand)
			return DECODE_CUT;
		if (extensions->next == 44)
			size = 8;
		else if (extensions->next == 51)
			size = (ip[at + 1] + 2u) * 4;
		else
			size = (ip[at + 1] + 1u) * 8;
		bool fragment = extensions->next == 44;
		extensions->next = ip[at];
		extensions->at += size;
		if (extensions->at > length)
			return DECODE_MALFORMED;
		/* A whole packet in one fragment (RFC 6946) is as good as none. */
		if (fragment && wire16(ip + at + 2) & 0xfff9) {
			extensions->fragment = true;
			extensions->offset = wire16(ip + at + 2) & 0xfff8u;
			extensions->more = ip[at + 3] & 1;
			extensions->id = wire32(ip + at + 4);
			return DECODE_TCP;
		}
	}
	return DECODE_MALFORMED;
}

static enum decode_result fragment6(struct decoder *decoder, const struct network *network,
	const struct extensions *extensions, uint32_t at_hand, uint32_t length, struct segment *segment)
{
	struct fragment fragment = {.id = extensions->id,
		.offset = extensions->offset,
		.more = extensions->more,
		.length = length - extensions->at,
		.data = network->data + extensions->at,
		.at_hand = at_hand - extensions->at,
		.time_ns = segment->time_ns};
	memcpy(fragment.addresses, network->data + 8, 32);
	return decode_fragment(decoder, network, &fragment, extensions->at, segment);
}

static enum decode_result decode_ipv6(
	struct decoder *decoder, const struct network *network, struct segment *segment, unsigned depth)
{
	const uint8_t *ip = network->data;
	uint32_t captured = network->captured;
	if (captured < IPV6_HEADER)
		return network->original < IPV6_HEADER ? DECODE_MALFORMED : DECODE_CUT;
	uint32_t length = wire16(ip + 4) + (uint32_t)IPV6_HEADER;
	/* A jumbogram or segmentation offload beyond 64 KiB. */
	if (length == IPV6_HEADER)
		length = network->original;
	uint32_t at_hand = captured < length ? captured : length;
	struct extensions extensions = {.next = ip[6], .at = IPV6_HEADER};
	enum decode_result result = skip_extensions(ip, at_hand, length, &extensions);
	if (result != DECODE_TCP)
		return result;
	if (extensions.at > at_hand)
		return DECODE_CUT;
	segment->ip_id = 0;
	segment->ecn = ip[1] >> 4 & 3;
	if (extensions.next != PROTOCOL_TCP)
		return extensions.fragment ? DECODE_OTHER
					   : decode_inner(decoder, extensions.next, network, extensions.at,
						     at_hand, length, segment, depth);
	decoder->short_frames += length > network->original;
	if (extensions.fragment)
		return fragment6(decoder, network, &extensions, at_hand, length, segment);
	result = decode_tcp(
		ip + extensions.at, at_hand - extensions.at, length - extensions.at, extensions.at, segment);
	if (result == DECODE_TCP) {
		make_key6(segment, ip, ip + extensions.at, carrier_of(network));
		decoder->tunnels[network->tunnel]++;
	}
	return result;
}

static enum decode_result decode_ip(
	struct decoder *decoder, struct network *network, struct segment *segment, unsigned depth)
{
	if (network->captured == 0)
		return network->original ? DECODE_CUT : DECODE_MALFORMED;
	if (network->data[0] >> 4 == 4)
		return decode_ipv4(decoder, network, segment, depth);
	if (network->data[0] >> 4 == 6)
		return decode_ipv6(decoder, network, segment, depth);
	return DECODE_MALFORMED;
}

/* By far the most: a whole TCP segment in IPv4 on Ethernet, with the usual options or others. False: it is something
 * else, and is decoded step by step. */
static inline bool decode_plain(
	struct decoder *decoder, const struct capture_packet *packet, struct segment *segment)
{
	enum { HEADERS = 20 + TCP_HEADER, OPTIONS_MOST = 40, FIRST = 14 + HEADERS };
	const uint8_t *frame = packet->data, *tcp = frame + 14 + 20;
	if (packet->link_type != LINK_ETHERNET || packet->captured < FIRST)
		return false;
	/* The type, version and header length, and behind them service, length and identification; no fragment, and the
	 * protocol. */
	uint64_t start = wire64(frame + 12);
	if (start >> 40 != (ETHER_IPV4 << 8 | 0x45) || (wire32(frame + 20) & 0x3fff00ff) != PROTOCOL_TCP)
		return false;
	/* Header length, flags and window. Options of fewer than 0 bytes are too many. */
	uint32_t fields = wire32(tcp + 12), length = start >> 16 & 0xffff;
	uint32_t options = (fields >> 26 & 0x3c) - TCP_HEADER;
	/* Beyond what was captured the step by step way knows what is missing. */
	if (options > OPTIONS_MOST || length < HEADERS + options || packet->captured - FIRST < options ||
		packet->original - 14 < length)
		return false;
	uint64_t numbers = wire64(tcp + 4);
	set_key4(segment, wire64(frame + 26), wire32(tcp), 0);
	segment->sequence = (uint32_t)(numbers >> 32);
	segment->acknowledgement = (uint32_t)numbers;
	segment->payload = length - HEADERS - options;
	segment->header_bytes = (uint16_t)(HEADERS + options);
	segment->window = (uint16_t)fields;
	segment->ip_id = (uint16_t)start;
	segment->flags = (uint8_t)(fields >> 16);
	segment->ecn = start >> 32 & 3;
	segment->options_length = segment->options_sent = (uint8_t)options;
	segment->options = tcp + TCP_HEADER;
	segment->options_cut = false;
	bool usual = options_usual(tcp + TCP_HEADER, options, &segment->parsed);
	if (__builtin_expect(!usual, 0))
		options_parse(tcp + TCP_HEADER, options, false, &segment->parsed);
	/* is_usual, of the words at hand. */
	segment->usual = usual && (fields & ((0xffu & ~TCP_PSH) << 16)) == TCP_ACK << 16 &&
			 (uint16_t)fields && !segment->ecn;
	segment->signature = signature_of(segment, numbers, (uint32_t)start << 16 | (fields & 0xffff));
	decoder->tunnels[TUNNEL_NONE]++;
	return true;
}

/* Out of the way: its variables would cost the loop of the others registers. */
static __attribute__((noinline, cold)) enum decode_result decode_steps(
	struct decoder *decoder, const struct capture_packet *packet, struct segment *segment)
{
	struct network network;
	enum decode_result result = decode_link(packet, &network);
	if (result == DECODE_TCP)
		result = decode_ip(decoder, &network, segment, 0);
	if (result != DECODE_TCP)
		return result;
	segment->usual = segment->usual && is_usual(segment);
	segment->signature =
		signature_of(segment, (uint64_t)segment->sequence << 32 | segment->acknowledgement,
			(uint32_t)segment->ip_id << 16 | segment->window);
	return DECODE_TCP;
}

size_t decode_packets(struct decoder *decoder, const struct capture_packet *packets, size_t size,
	struct segment *segments, uint64_t results[DECODE_RESULTS])
{
	struct segment *segment = segments;
	const int64_t start_ns = decoder->start_ns;
	for (size_t i = 0; i < size; i++) {
		segment->time_ns = packets[i].time_ns - start_ns;
		if (__builtin_expect(!decode_plain(decoder, &packets[i], segment), 0)) {
			enum decode_result result = decode_steps(decoder, &packets[i], segment);
			if (result != DECODE_TCP) {
				results[result]++;
				continue;
			}
		}
		segment++;
	}
	results[DECODE_TCP] += (uint64_t)(segment - segments);
	return (size_t)(segment - segments);
}

void decoder_free(struct decoder *decoder)
{
	fragments_free(decoder->fragments);
	decoder->fragments = NULL;
}
