/* The model of a link that trims, to the nanosecond; and what a trim, and a bounce, do to a frame. */
#include "lib/base/draw.h"
#include "lib/ndp/ndp_wire.h"
#include "nodes/link/packet.h"
#include "tests/unit/link/link_model.h"

#include <stdlib.h>
#include <string.h>

#define FRAME 9014
#define HEADER 66
/* At 1 Gbit/s. */
#define DATA_NS (FRAME * 8)
#define HEADER_NS (HEADER * 8)

static struct shape trimming(uint32_t packets)
{
	return (struct shape){.rate_bps = 1000000000,
		.delay_ns = 1000,
		.queue = QUEUE_TRIM,
		.queue_packets = packets,
		.trim = {.headers = 1125, .ratio = 10, .tail = 0, .bounce = true, .port = NDP_PORT}};
}

static struct model *make_trimming(struct shape shape)
{
	struct model *m = make(shape);
	model_set_frame(m, FRAME);
	return m;
}

static enum model_fate offer_data(struct model *m, int64_t now, uintptr_t token)
{
	return model_offer_as(m, now, FRAME, false, TRIM_DATA, HEADER, (void *)token);
}

static struct model_packet take(struct model *m)
{
	struct model_packet packet;
	int64_t next = model_next(m);
	assert_true(next != MODEL_NEVER);
	assert_true(model_take(m, next, &packet));
	assert_int_equal(packet.departure_ns, next);
	return packet;
}

/* Ten at once into a queue of eight: two are cut, and overtake what waits but for what is being sent. */
static void headers_overtake(void **state)
{
	(void)state;
	struct model *m = make_trimming(trimming(8));
	struct model_queue queue;
	for (uintptr_t i = 0; i < 10; i++)
		assert_int_equal(offer_data(m, 0, i), MODEL_QUEUED);
	model_queue(m, 0, &queue);
	assert_int_equal(queue.packets, 10);
	assert_int_equal(queue.bytes, 8 * FRAME + 2 * HEADER);
	const uintptr_t order[] = {0, 8, 9, 1, 2, 3, 4, 5, 6, 7};
	int64_t at = 1000;
	for (int i = 0; i < 10; i++) {
		struct model_packet packet = take(m);
		bool cut = order[i] >= 8;
		at += cut ? HEADER_NS : DATA_NS;
		assert_int_equal((uintptr_t)packet.token, order[i]);
		assert_int_equal(packet.departure_ns, at);
		assert_int_equal(packet.trimmed, cut);
		assert_int_equal(packet.bytes, cut ? HEADER : FRAME);
		assert_int_equal(packet.end, MODEL_LEAVES);
	}
	assert_true(model_next(m) == MODEL_NEVER);
	assert_int_equal(model_trim(m)->counters.trimmed, 2);
	assert_int_equal(model_trim(m)->low.most_bytes, 8 * FRAME);
	model_free(m);
}

/* However late somebody asks, the queue has been served in time. */
static void late_questions(void **state)
{
	(void)state;
	struct model *m = make_trimming(trimming(2));
	struct model_packet packet;
	offer_data(m, 0, 1);
	offer_data(m, 0, 2);
	assert_int_equal(offer_data(m, DATA_NS, 3), MODEL_QUEUED); /* the first has left */
	assert_int_equal(offer_data(m, DATA_NS, 4), MODEL_QUEUED); /* cut */
	int64_t expected[] = {DATA_NS, 2 * DATA_NS, 2 * DATA_NS + HEADER_NS, 3 * DATA_NS + HEADER_NS};
	for (int i = 0; i < 4; i++) {
		assert_true(model_take(m, 1000 * MS, &packet));
		assert_int_equal(packet.departure_ns, expected[i] + 1000);
	}
	assert_false(model_take(m, 1000 * MS, &packet));
	offer_data(m, 1001 * MS, 5);
	assert_int_equal(model_next(m), 1001 * MS + DATA_NS + 1000);
	model_free(m);
}

/* No room for a header: it goes back at once, cut; or is dropped where nothing bounces, as control always is. */
static void bounces(void **state)
{
	(void)state;
	struct shape shape = trimming(2);
	shape.trim.headers = 1;
	struct model *m = make_trimming(shape);
	struct model_packet packet;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(offer_data(m, 5, i), MODEL_QUEUED);
	assert_true(model_take(m, 5, &packet));
	assert_int_equal(packet.end, MODEL_BOUNCED);
	assert_int_equal((uintptr_t)packet.token, 3);
	assert_true(packet.trimmed);
	assert_int_equal(packet.bytes, HEADER);
	assert_int_equal(model_offer_as(m, 5, HEADER, false, TRIM_CONTROL, HEADER, NULL), MODEL_OVERFLOW);
	shape.trim.bounce = false;
	assert_int_equal(model_change(m, &shape, NULL), 0);
	assert_int_equal(offer_data(m, 5, 9), MODEL_OVERFLOW);
	assert_int_equal(model_trim(m)->counters.bounced, 1);
	assert_int_equal(model_trim(m)->counters.headers_dropped, 2);
	model_free(m);
}

/* The newest that waits is cut for the one that comes, and what it was lives on as its header. */
static void the_newest_yields(void **state)
{
	(void)state;
	struct shape shape = trimming(3);
	shape.trim.tail = 1;
	struct model *m = make_trimming(shape);
	for (uintptr_t i = 0; i < 4; i++)
		offer_data(m, 0, i);
	const uintptr_t order[] = {0, 2, 1, 3};
	for (int i = 0; i < 4; i++)
		assert_int_equal((uintptr_t)take(m).token, order[i]);
	assert_int_equal(model_trim(m)->counters.trimmed_tail, 1);
	model_free(m);
}

/* Other traffic has a limit of its own, is never cut, and is marked beyond a threshold. */
static void others(void **state)
{
	(void)state;
	struct shape shape = trimming(2);
	shape.trim.others = 4;
	shape.ecn_packets = 3;
	struct model *m = make_trimming(shape);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(model_offer(m, 0, FRAME, true, (void *)i), MODEL_QUEUED);
	assert_int_equal(model_offer(m, 0, FRAME, true, NULL), MODEL_OVERFLOW);
	for (uintptr_t i = 0; i < 4; i++) {
		struct model_packet packet = take(m);
		assert_int_equal((uintptr_t)packet.token, i);
		assert_int_equal(packet.marked, i == 3);
		assert_false(packet.trimmed);
	}
	model_free(m);
}

/* ---- frames */

static uint32_t sum(const uint8_t *at, int bytes)
{
	uint32_t total = 0;
	for (int i = 0; i < bytes; i += 2)
		total += (uint32_t)at[i] << 8 | at[i + 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

/* A DATA packet of 1,000 bytes from port 40000 to NDP's. */
static uint32_t make_frame(uint8_t *frame, enum ndp_type type)
{
	const struct ndp_message message = {.type = type,
		.flags = NDP_FLAG_SYN,
		.flow = 7,
		.sequence = 3,
		.path = 1,
		.paths = 2,
		.length = 1000};
	const uint8_t ip[] = {0x45, 0, 0, 0, 1, 2, 0x40, 0, 64, 17, 0, 0, 10, 64, 0, 1, 10, 64, 0, 2};
	uint32_t payload = type == NDP_DATA ? 1000 : 0, udp = 8 + NDP_WIRE_SIZE + payload;
	memset(frame, 0, 14 + 20 + udp);
	frame[12] = 8;
	memcpy(frame + 14, ip, sizeof ip);
	frame[16] = (uint8_t)((20 + udp) >> 8);
	frame[17] = (uint8_t)(20 + udp);
	uint32_t check = ~sum(frame + 14, 20);
	frame[24] = (uint8_t)(check >> 8);
	frame[25] = (uint8_t)check;
	const uint8_t ports[] = {40000 >> 8, 40000 & 255, NDP_PORT >> 8, NDP_PORT & 255, (uint8_t)(udp >> 8),
		(uint8_t)udp, 1, 1};
	memcpy(frame + 34, ports, sizeof ports);
	ndp_encode(&message, frame + 42);
	return 14 + 20 + udp;
}

static void frames_are_cut(void **state)
{
	(void)state;
	const uint8_t to[6] = {2, 2, 2, 2, 2, 2};
	uint8_t frame[2000];
	uint16_t header = 0;
	struct ndp_message message;
	uint32_t bytes = make_frame(frame, NDP_DATA);
	assert_int_equal(packet_trim_class(frame, bytes, NDP_PORT, &header), TRIM_DATA);
	assert_int_equal(header, HEADER);
	packet_trim(frame);
	assert_int_equal(sum(frame + 14, 20), 0xffff);
	assert_int_equal(packet_trim_class(frame, HEADER, NDP_PORT, &header), TRIM_HEADER);
	assert_int_equal(ndp_decode(frame + 42, NDP_WIRE_SIZE, &message), NDP_GOOD);
	assert_int_equal(message.type, NDP_HEADER);
	assert_int_equal(message.sequence, 3);
	assert_int_equal(message.length, 1000);
	assert_int_equal(frame[40] | frame[41], 0);
	packet_bounce(frame, to);
	assert_int_equal(sum(frame + 14, 20), 0xffff);
	assert_memory_equal(frame, to, 6);
	assert_int_equal(frame[29], 2);
	assert_int_equal(frame[33], 1);
	assert_int_equal(frame[34] << 8 | frame[35], NDP_PORT);
	assert_int_equal(ndp_decode(frame + 42, NDP_WIRE_SIZE, &message), NDP_GOOD);
	assert_int_equal(message.type, NDP_RTS);
	assert_int_equal(packet_trim_class(frame, HEADER, NDP_PORT, &header), TRIM_CONTROL);
}

/* What is no NDP is left alone: another port, fragments, other protocols, anything cut off, any bytes. */
static void other_frames(void **state)
{
	(void)state;
	uint8_t frame[2000], copy[2000];
	uint16_t header;
	uint32_t bytes = make_frame(frame, NDP_DATA);
	assert_int_equal(packet_trim_class(frame, bytes, 7000, &header), TRIM_OTHER);
	for (uint32_t cut = 0; cut < bytes; cut++)
		assert_int_not_equal(packet_trim_class(frame, cut, NDP_PORT, &header), TRIM_DATA);
	memcpy(copy, frame, sizeof copy);
	copy[20] = 0x20; /* more fragments */
	assert_int_equal(packet_trim_class(copy, bytes, NDP_PORT, &header), TRIM_OTHER);
	memcpy(copy, frame, sizeof copy);
	copy[23] = 6;
	assert_int_equal(packet_trim_class(copy, bytes, NDP_PORT, &header), TRIM_OTHER);
	memcpy(copy, frame, sizeof copy);
	copy[42] = 9; /* version */
	assert_int_equal(packet_trim_class(copy, bytes, NDP_PORT, &header), TRIM_CONTROL);
	uint64_t draws = 1;
	for (int i = 0; i < 100000; i++) {
		memcpy(copy, frame, sizeof copy);
		for (int k = 0; k < 4; k++)
			copy[12 + draw_below(&draws, 56)] = (uint8_t)draw_next(&draws);
		if (packet_trim_class(copy, bytes, NDP_PORT, &header) == TRIM_DATA) {
			assert_true(header <= bytes);
			packet_trim(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_overtake),
		cmocka_unit_test(late_questions),
		cmocka_unit_test(bounces),
		cmocka_unit_test(the_newest_yields),
		cmocka_unit_test(others),
		cmocka_unit_test(frames_are_cut),
		cmocka_unit_test(other_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
