/* The NDP header: what is written is read again; what is not a header is refused, each fault by its name. */
#include "lib/ndp/ndp_wire.h"
#include "tests/unit/check.h"
#include <string.h>

static const struct ndp_message data = {
	NDP_DATA, NDP_FLAG_SYN | NDP_FLAG_LAST, 0x01020304, 7, 0, 9, 3, 16, 9000};

static enum ndp_fault decode(const struct ndp_message *message, size_t size)
{
	uint8_t bytes[NDP_WIRE_SIZE + 65535] = {0};
	struct ndp_message again;

	ndp_encode(message, bytes);
	enum ndp_fault fault = ndp_decode(bytes, size, &again);
	if (fault == NDP_GOOD)
		assert_memory_equal(&again, message, sizeof again);
	return fault;
}

/* To the byte: who builds another implementation needs no more. */
static void layout(void **state)
{
	static const uint8_t expected[NDP_WIRE_SIZE] = {
		1, 1, 0, 3, 1, 2, 3, 4, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 3, 16, 0x23, 0x28};
	uint8_t bytes[NDP_WIRE_SIZE];

	(void)state;
	ndp_encode(&data, bytes);
	assert_memory_equal(bytes, expected, NDP_WIRE_SIZE);
}

static void all_types(void **state)
{
	static const struct ndp_message messages[] = {
		{NDP_HEADER, NDP_FLAG_RTX, 1, 2, 0, 0, 0, 1, 9000},
		{NDP_RTS, 0, 1, 2, 0, 0, 254, 255, 1},
		{NDP_ACK, 0, 1, 2, 0, 5, 1, 2, 0},
		{NDP_ACK, NDP_FLAG_PULL, 1, 2, 44, 5, 1, 2, 0},
		{NDP_NACK, NDP_FLAG_PULL, 1, 2, UINT32_MAX, 5, 1, 2, 0},
		{NDP_PULL, NDP_FLAG_PULL, 1, 0, 44, 5, 0, 2, 0},
	};

	(void)state;
	assert_int_equal(decode(&data, NDP_WIRE_SIZE + 9000), NDP_GOOD);
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		assert_int_equal(decode(&messages[i], NDP_WIRE_SIZE), NDP_GOOD);
}

/* refused FIELD VALUE FAULT: the data packet with one field wrong */
#define REFUSED(field, value, fault)                                                                         \
	do {                                                                                                 \
		struct ndp_message wrong = data;                                                             \
		wrong.field = (value);                                                                       \
		assert_int_equal(decode(&wrong, NDP_WIRE_SIZE + 9000), fault);                               \
	} while (0)

static void refused(void **state)
{
	struct ndp_message pull = {NDP_PULL, NDP_FLAG_PULL, 1, 0, 44, 5, 0, 2, 0};

	(void)state;
	for (size_t size = 0; size < NDP_WIRE_SIZE; size++)
		assert_int_equal(decode(&data, size), NDP_SHORT);
	assert_int_equal(decode(&data, NDP_WIRE_SIZE + 8999), NDP_LENGTH);
	assert_int_equal(decode(&data, NDP_WIRE_SIZE), NDP_LENGTH);
	REFUSED(type, 0, NDP_TYPE);
	REFUSED(type, NDP_TYPES, NDP_TYPE);
	REFUSED(flags, 16, NDP_FLAGS);
	REFUSED(flags, NDP_FLAG_PULL, NDP_FLAGS);
	REFUSED(pull, 1, NDP_NUMBER);
	REFUSED(path, 16, NDP_PATH);
	REFUSED(paths, 0, NDP_PATH);
	REFUSED(length, 9001, NDP_LENGTH);
	REFUSED(type, NDP_HEADER, NDP_LENGTH); /* a header has no payload behind it */
	pull.pull = 0;
	assert_int_equal(decode(&pull, NDP_WIRE_SIZE), NDP_NUMBER);
	pull.pull = 3;
	pull.sequence = 1;
	assert_int_equal(decode(&pull, NDP_WIRE_SIZE), NDP_NUMBER);
	pull.sequence = 0;
	pull.flags = 0;
	assert_int_equal(decode(&pull, NDP_WIRE_SIZE), NDP_FLAGS);
	pull.flags = NDP_FLAG_PULL;
	pull.length = 1;
	assert_int_equal(decode(&pull, NDP_WIRE_SIZE), NDP_LENGTH);
}

static void version(void **state)
{
	uint8_t bytes[NDP_WIRE_SIZE];
	struct ndp_message message = {.flow = 77};

	(void)state;
	ndp_encode(&(struct ndp_message){NDP_ACK, 0, 1, 2, 0, 5, 1, 2, 0}, bytes);
	bytes[0] = 2;
	assert_int_equal(ndp_decode(bytes, sizeof bytes, &message), NDP_VERSION);
	assert_int_equal(message.flow, 77); /* untouched */
	for (int fault = 0; fault < NDP_FAULTS; fault++)
		assert_non_null(ndp_fault_name((enum ndp_fault)fault));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(all_types),
		cmocka_unit_test(refused),
		cmocka_unit_test(version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
