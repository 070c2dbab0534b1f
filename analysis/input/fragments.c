/* Fragments: see the header. */
#include "analysis/input/fragments.h"
#include <stdlib.h>
#include <string.h>

enum { PACKETS = 256, PIECES = 64 };

/* RFC 791 lets a packet wait 15 s and more, Linux 30 s (ipfrag_time); after that an identification may be used again. */
#define WAIT_NS ((int64_t)30 * 1000000000)

struct packet {
	bool used;
	uint8_t addresses[32];
	uint32_t id;
	int64_t first_ns;
	uint32_t total; /* 0: the last piece was not seen */
	uint32_t pieces, piece[PIECES][2];
	uint64_t head_known; /* a bit a byte */
	uint8_t head[FRAGMENTS_HEAD];
};

struct fragments {
	struct packet packets[PACKETS];
	uint8_t head[FRAGMENTS_HEAD]; /* of the packet that became whole last */
};

struct fragments *fragments_new(void)
{
	return calloc(1, sizeof(struct fragments));
}

void fragments_free(struct fragments *fragments)
{
	free(fragments);
}

static struct packet *find(struct fragments *fragments, const struct fragment *fragment)
{
	struct packet *oldest = &fragments->packets[0];
	for (unsigned i = 0; i < PACKETS; i++) {
		struct packet *packet = &fragments->packets[i];
		if (packet->used && packet->id == fragment->id &&
			!memcmp(packet->addresses, fragment->addresses, sizeof packet->addresses) &&
			fragment->time_ns - packet->first_ns <= WAIT_NS)
			return packet;
		if (oldest->used && (!packet->used || packet->first_ns < oldest->first_ns))
			oldest = packet;
	}
	memset(oldest, 0, sizeof *oldest);
	oldest->used = true;
	oldest->id = fragment->id;
	oldest->first_ns = fragment->time_ns;
	memcpy(oldest->addresses, fragment->addresses, sizeof oldest->addresses);
	return oldest;
}

/* Marks [start, end) as there. Pieces are few: the list is kept merged, in no order. */
static bool add_piece(struct packet *packet, uint32_t start, uint32_t end)
{
	for (uint32_t i = 0; i < packet->pieces;) {
		uint32_t *piece = packet->piece[i];
		if (piece[0] > end || piece[1] < start) {
			i++;
			continue;
		}
		start = piece[0] < start ? piece[0] : start;
		end = piece[1] > end ? piece[1] : end;
		memcpy(piece, packet->piece[--packet->pieces], sizeof packet->piece[0]);
	}
	if (packet->pieces == PIECES)
		return false;
	packet->piece[packet->pieces][0] = start;
	packet->piece[packet->pieces++][1] = end;
	return true;
}

static void keep_head(struct packet *packet, const struct fragment *fragment)
{
	for (uint32_t i = 0; i < fragment->at_hand && fragment->offset + i < FRAGMENTS_HEAD; i++) {
		packet->head[fragment->offset + i] = fragment->data[i];
		packet->head_known |= (uint64_t)1 << (fragment->offset + i);
	}
}

bool fragments_add(struct fragments *fragments, const struct fragment *fragment, struct whole *whole)
{
	struct packet *packet = find(fragments, fragment);
	if (!fragment->more)
		packet->total = fragment->offset + fragment->length;
	keep_head(packet, fragment);
	if (!add_piece(packet, fragment->offset, fragment->offset + fragment->length)) {
		packet->used = false;
		return false;
	}
	if (!packet->total || packet->pieces != 1 || packet->piece[0][0] != 0 ||
		packet->piece[0][1] < packet->total)
		return false;
	memcpy(fragments->head, packet->head, sizeof packet->head);
	uint32_t known = packet->head_known == ~(uint64_t)0 ? FRAGMENTS_HEAD
							    : (uint32_t)__builtin_ctzll(~packet->head_known);
	*whole = (struct whole){.head = fragments->head,
		.at_hand = known < packet->total ? known : packet->total,
		.length = packet->total};
	packet->used = false;
	return true;
}
