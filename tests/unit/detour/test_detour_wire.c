/* The detour protocol's datagrams: the published layout byte by byte, and everything that must be refused. */
#include "nodes/detour/wire.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <string.h>

/* ver 1, op 0, reserved 0, 10.0.5.1, remote port 5201 (0x1451), detour port 8080 (0x1f90) */
static const uint8_t published[DETOUR_WIRE_SIZE] = {1, 0, 0, 0, 10, 0, 5, 1, 0x14, 0x51, 0x1f, 0x90};

static void decodes_the_published_layout(void **state)
{
	(void)state;
	struct detour_message m;
	assert_int_equal(detour_wire_decode(published, sizeof published, &m), DETOUR_WIRE_OK);
	assert_int_equal(m.operation, DETOUR_WIRE_REQUEST);
	assert_int_equal(m.reserved, 0);
	assert_int_equal(m.remote.s_addr, inet_addr("10.0.5.1"));
	assert_int_equal(m.remote_port, 5201);
	assert_int_equal(m.detour_port, 8080);
}

static void encodes_the_published_layout(void **state)
{
	(void)state;
	struct detour_message m = {
		.remote.s_addr = inet_addr("10.0.5.1"), .remote_port = 5201, .detour_port = 8080};
	uint8_t bytes[DETOUR_WIRE_SIZE];
	detour_wire_encode(&m, bytes);
	assert_memory_equal(bytes, published, sizeof bytes);
	m.operation = DETOUR_WIRE_RESPONSE;
	detour_wire_encode(&m, bytes);
	assert_int_equal(bytes[1], 1);
}

static void reserved_bits_are_carried_not_judged(void **state)
{
	(void)state;
	uint8_t bytes[DETOUR_WIRE_SIZE], again[DETOUR_WIRE_SIZE];
	struct detour_message m;
	memcpy(bytes, published, sizeof bytes);
	bytes[2] = 0xbe;
	bytes[3] = 0xef;
	assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m), DETOUR_WIRE_OK);
	assert_int_equal(m.reserved, 0xbeef);
	detour_wire_encode(&m, again);
	assert_memory_equal(bytes, again, sizeof bytes);
}

static void refuses_every_other_size(void **state)
{
	(void)state;
	uint8_t bytes[64];
	struct detour_message m;
	memset(bytes, 1, sizeof bytes);
	memcpy(bytes, published, sizeof published);
	for (size_t size = 0; size < sizeof bytes; size++)
		if (size != DETOUR_WIRE_SIZE)
			assert_int_equal(detour_wire_decode(bytes, size, &m),
				size < DETOUR_WIRE_SIZE ? DETOUR_WIRE_SHORT : DETOUR_WIRE_LONG);
}

static void refuses_other_versions_and_operations(void **state)
{
	(void)state;
	uint8_t bytes[DETOUR_WIRE_SIZE];
	struct detour_message m;
	memcpy(bytes, published, sizeof bytes);
	for (int value = 0; value < 256; value++) {
		bytes[0] = (uint8_t)value;
		assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m),
			value == 1 ? DETOUR_WIRE_OK : DETOUR_WIRE_BAD_VERSION);
	}
	bytes[0] = 1;
	for (int value = 0; value < 256; value++) {
		bytes[1] = (uint8_t)value;
		assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m),
			value <= 1 ? DETOUR_WIRE_OK : DETOUR_WIRE_BAD_OPERATION);
	}
}

static void refuses_endpoints_that_no_host_has(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum detour_wire_fault fault;
	} cases[] = {
		{"0.0.0.0", DETOUR_WIRE_BAD_ENDPOINT},
		{"127.0.0.1", DETOUR_WIRE_BAD_ENDPOINT},
		{"127.255.255.254", DETOUR_WIRE_BAD_ENDPOINT},
		{"224.0.0.1", DETOUR_WIRE_BAD_ENDPOINT},
		{"239.255.255.255", DETOUR_WIRE_BAD_ENDPOINT},
		{"255.255.255.255", DETOUR_WIRE_BAD_ENDPOINT},
		{"126.255.255.255", DETOUR_WIRE_OK},
		{"128.0.0.1", DETOUR_WIRE_OK},
		{"223.255.255.255", DETOUR_WIRE_OK},
		{"1.0.0.1", DETOUR_WIRE_OK},
	};
	uint8_t bytes[DETOUR_WIRE_SIZE];
	struct detour_message m;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memcpy(bytes, published, sizeof bytes);
		inet_pton(AF_INET, cases[i].address, bytes + 4);
		assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m), cases[i].fault);
	}
	for (size_t port = 8; port <= 10; port += 2) {
		memcpy(bytes, published, sizeof bytes);
		bytes[port] = bytes[port + 1] = 0;
		assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m), DETOUR_WIRE_BAD_ENDPOINT);
		bytes[port + 1] = 1;
		assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m), DETOUR_WIRE_OK);
	}
}

static void a_refused_datagram_leaves_the_message_alone(void **state)
{
	(void)state;
	uint8_t bytes[DETOUR_WIRE_SIZE];
	struct detour_message m = {.remote_port = 7, .detour_port = 9};
	memcpy(bytes, published, sizeof bytes);
	bytes[11] = bytes[10] = 0;
	assert_int_equal(detour_wire_decode(bytes, sizeof bytes, &m), DETOUR_WIRE_BAD_ENDPOINT);
	assert_int_equal(m.remote_port, 7);
	assert_int_equal(m.detour_port, 9);
}

static void faults_have_names(void **state)
{
	(void)state;
	assert_string_equal(detour_wire_fault_name(DETOUR_WIRE_SHORT), "short");
	assert_string_equal(detour_wire_fault_name(DETOUR_WIRE_LONG), "long");
	assert_string_equal(detour_wire_fault_name(DETOUR_WIRE_BAD_VERSION), "version");
	assert_string_equal(detour_wire_fault_name(DETOUR_WIRE_BAD_OPERATION), "operation");
	assert_string_equal(detour_wire_fault_name(DETOUR_WIRE_BAD_ENDPOINT), "endpoint");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_the_published_layout),
		cmocka_unit_test(encodes_the_published_layout),
		cmocka_unit_test(reserved_bits_are_carried_not_judged),
		cmocka_unit_test(refuses_every_other_size),
		cmocka_unit_test(refuses_other_versions_and_operations),
		cmocka_unit_test(refuses_endpoints_that_no_host_has),
		cmocka_unit_test(a_refused_datagram_leaves_the_message_alone),
		cmocka_unit_test(faults_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
