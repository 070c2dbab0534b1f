/* Sender, receiver and pull queue get any messages at any times: nothing but the sender's own packets is ever sent, no more than its pulls
 * allow, and counts stay counts. Four bytes are a step: what comes, a number, a time. */
#include "lib/ndp/ndp_paths.h"
#include "nodes/ndp/pulls.h"
#include "nodes/ndp/receiver.h"
#include "nodes/ndp/sender.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS 64
#define FLOWS 3

struct ends {
	struct ndp_sender sender;
	struct ndp_slot slots[SLOTS];
	uint64_t sent[SLOTS];
	struct ndp_receiver receivers[FLOWS];
	uint64_t here[FLOWS][2];
	struct ndp_pulls pulls;
	struct ndp_pull_flow *places[16];
	struct ndp_paths paths;
	struct ndp_path scores[5];
	uint16_t order[5];
	uint32_t total;
	uint64_t now;
};

static void send(struct ends *ends, uint32_t packets)
{
	uint32_t sequence;
	bool again;

	for (uint32_t i = 0;
		i < packets && i < 1000 && ndp_sender_next(&ends->sender, ends->now, &sequence, &again);
		i++) {
		if (sequence >= ends->total || sequence - ends->sender.oldest >= SLOTS ||
			ndp_paths_next(&ends->paths) >= 5)
			abort();
	}
}

static void to_sender(struct ends *ends, uint8_t what, uint32_t number)
{
	struct ndp_sender *s = &ends->sender;

	switch (what) {
	case 0:
		send(ends, ndp_sender_ack(s, number, ends->now));
		break;
	case 1:
		send(ends, ndp_sender_nack(s, number, ends->now));
		break;
	case 2:
		send(ends, ndp_sender_pull(s, number, ends->now));
		break;
	case 3:
		send(ends, ndp_sender_bounced(s, number, ends->now));
		break;
	default:
		send(ends, ndp_sender_timeout(s, 500, ends->now));
	}
	ndp_paths_feedback(&ends->paths, number, what == 0 ? NDP_FEEDBACK_ACK : NDP_FEEDBACK_NACK);
	if (s->oldest > s->fresh || s->fresh > ends->total || s->fresh - s->oldest > SLOTS)
		abort();
}

static void to_receiver(struct ends *ends, uint8_t what, uint32_t number)
{
	struct ndp_receiver *receiver = &ends->receivers[what % FLOWS];
	uint32_t before = receiver->received;
	struct ndp_answer answer = ndp_receive(receiver, &ends->pulls, what & 64, number,
		what & 128 ? true : number + 1 == receiver->total, ends->now);

	if (receiver->received != before + answer.fresh || receiver->base > receiver->end ||
		receiver->received > receiver->end)
		abort();
	if (receiver->total && receiver->end > receiver->total)
		abort();
	if (ndp_pulls_due(&ends->pulls) <= ends->now && !ndp_pulls_take(&ends->pulls, ends->now))
		abort();
}

static void begin(struct ends *ends, const uint8_t *data)
{
	memset(ends, 0, sizeof *ends);
	ends->total = data[0];
	ndp_sender_init(&ends->sender, ends->total, 1 + data[1] % SLOTS, ends->slots,
		data[2] & 1 ? ends->sent : NULL, SLOTS);
	for (int i = 0; i < FLOWS; i++)
		ndp_receiver_init(&ends->receivers[i], ends->here[i], 128, i == 0 && data[2] & 2);
	ndp_pulls_init(&ends->pulls, 70, data[2] & 4 ? NDP_PATIENCE : 0);
	if (data[2] & 8)
		ndp_pulls_in_order(&ends->pulls, ends->places, 16);
	ndp_paths_init(&ends->paths, ends->order, data[2] & 16 ? ends->scores : NULL, 5,
		(enum ndp_spray)(data[3] % 3), data[3]);
	send(ends, ndp_sender_start(&ends->sender, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ends ends;

	if (size < 4)
		return 0;
	begin(&ends, data);
	for (size_t i = 4; i + 4 <= size; i += 4) {
		uint32_t number = (uint32_t)(data[i + 1] | data[i + 2] << 8);
		if (number >= 0xff00)
			number |= 0xffff0000; /* the far end of 32 bits, too */
		ends.now += data[i + 3];
		if (data[i] & 32)
			to_receiver(&ends, data[i], number);
		else
			to_sender(&ends, data[i] & 7, number);
	}
	return 0;
}
