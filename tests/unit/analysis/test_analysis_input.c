/* Unit: what is read: malformed packets, encapsulations, compressed files, filters. */
#include "tests/unit/analysis/maker.h"

static void test_malformed_is_counted(void **state)
{
	(void)state;
	static const uint8_t wrong_dss[] = {30, 5, 0x20, 0x1f, 1}, zero[] = {8, 0, 1, 1},
			     beyond[] = {5, 40, 1, 1};
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .payload = 10,
			   .options = wrong_dss,
			   .options_length = 5,
			   .at_us = 20000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 111,
			   .ack = 501,
			   .payload = 10,
			   .options = zero,
			   .options_length = 4,
			   .at_us = 21000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 121,
			   .ack = 501,
			   .payload = 10,
			   .options = beyond,
			   .options_length = 4,
			   .at_us = 22000});
	static const uint8_t short_ip[] = {0x45, 0, 0, 10, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	frame(maker, short_ip, sizeof short_ip, sizeof short_ip);
	/* The last record lacks its end. */
	data(maker, 131, 10, 23000);
	maker->length--;
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "malformed_options"), 3);
	assert_int_equal(number(file_of(result), "malformed"), 1);
	assert_int_equal(number(file_of(result), "truncated"), 1);
	assert_int_equal(number(get(subflow_of(connection_of(result, 0), 0), "forward"), "unique_bytes"), 30);
	json_decref(result);
}

static void test_no_capture_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "abc", "this is no capture at all", "\xd4\xc3\xb2\xa1 short"};
	const struct analysis_options options = {0};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *error = NULL;
		assert_null(analysis_run_memory(texts[i], strlen(texts[i]), "made", &options, &error));
		assert_non_null(error);
		assert_memory_equal(error, "made: ", 6);
		free(error);
	}
	const char *path = "/nonexistent/capture";
	char *error = NULL;
	assert_null(analysis_run(&path, 1, &options, &error));
	assert_non_null(strstr(error, path));
	free(error);
}

/* An IPv4 header of `protocol` before `length` bytes. */
static size_t ip_before(uint8_t *out, unsigned protocol, const uint8_t *payload, size_t length)
{
	memset(out, 0, 20);
	out[0] = 0x45;
	put16(out + 2, (unsigned)(20 + length));
	out[8] = 64;
	out[9] = (uint8_t)protocol;
	put32(put32(out + 12, 0x01010101), 0x02020202);
	memcpy(out + 20, payload, length);
	return 20 + length;
}

/* TCP of 100 bytes within IPv4 (64 headers' bytes and payload: 140). */
static size_t inner_packet(uint8_t out[140])
{
	uint8_t tcp[120] = {0x9c, 0x40, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 16};
	return ip_before(out, 6, tcp, sizeof tcp);
}

static size_t udp_before(uint8_t *out, unsigned port, const uint8_t *payload, size_t length)
{
	put16(put16(put16(put16(out, 50000), port), (unsigned)(8 + length)), 0);
	memcpy(out + 8, payload, length);
	return 8 + length;
}

/* A frame of `link` with `before` in front of an IP packet that carries TCP: seen, with its tunnel's name. */
static void check_carried(
	uint32_t link, const uint8_t *before, size_t size, const char *encapsulation, const char *tunnel)
{
	struct maker *maker = maker_new(link);
	uint8_t bytes[400];
	memcpy(bytes, before, size);
	size += inner_packet(bytes + size);
	frame(maker, bytes, (uint32_t)size, (uint32_t)size);
	json_t *result = run(maker, NULL);
	const json_t *file = file_of(result), *subflow = subflow_of(connection_of(result, 0), 0);
	assert_int_equal(number(file, "tcp_packets"), 1);
	assert_int_equal(number(get(file, "encapsulations"), encapsulation), 1);
	assert_int_equal(number(get(subflow, "forward"), "payload_bytes"), 100);
	if (tunnel)
		assert_text(subflow, "tunnel", tunnel);
	else
		assert_true(json_is_null(get(subflow, "tunnel")));
	json_decref(result);
}

static void test_links_and_tunnels(void **state)
{
	(void)state;
	static const uint8_t ppp[] = {0xff, 3, 0, 0x21}, compressed[] = {0x21};
	static const uint8_t pppoe[22] = {[12] = 0x88, 0x64, 0x11, [17] = 1, [19] = 142, [21] = 0x21};
	static const uint8_t mpls[22] = {[12] = 0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64};
	static const uint8_t snap[22] = {[13] = 148, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0};
	check_carried(9, ppp, sizeof ppp, "ppp", NULL);
	check_carried(9, compressed, sizeof compressed, "ppp", NULL);
	check_carried(1, pppoe, sizeof pppoe, "pppoe", NULL);
	check_carried(1, mpls, sizeof mpls, "mpls", NULL);
	check_carried(1, snap, sizeof snap, "snap", NULL);
	/* Within IPv4: the outer header, what stands between, the packet. */
	static const struct {
		unsigned protocol, port, size;
		uint8_t between[40];
		const char *name, *tunnel;
	} tunnels[] = {
		{4, 0, 0, {0}, "ipip", "ipip"},
		{47, 0, 4, {0, 0, 8, 0}, "gre", "gre"},
		{47, 0, 8, {0x20, 0, 8, 0, 0, 0, 0, 9}, "gre", "gre"},
		{47, 0, 18, {0, 0, 0x65, 0x58, [16] = 8, 0}, "gre", "gre"},
		{17, 4789, 22, {8, 0, 0, 0, 0, 0, 7, 0, [20] = 8, 0}, "vxlan", "vxlan 7"},
		{17, 6081, 26, {1, 0, 0x65, 0x58, 0, 0, 9, 0, [24] = 8, 0}, "geneve", "geneve 9"},
		{17, 2152, 8, {0x30, 255, 0, 140, 0, 0, 0, 5}, "gtp", "gtp"},
		{17, 2152, 16, {0x34, 255, 0, 148, 0, 0, 0, 5, 0, 0, 0, 0x85, 1, 0x10, 9, 0}, "gtp", "gtp"},
	};
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		uint8_t before[100] = {0}, body[100] = {0};
		size_t size = tunnels[i].size;
		if (tunnels[i].protocol == 17)
			size = udp_before(body, tunnels[i].port, tunnels[i].between, size);
		else
			memcpy(body, tunnels[i].between, size);
		size = ip_before(before, tunnels[i].protocol, body, size);
		put16(before + 2, (unsigned)size + 140);
		check_carried(101, before, size, tunnels[i].name, tunnels[i].tunnel);
	}
}

/* IPv6 within IPv4 and IPv4 within IPv6. */
static void test_versions_within_each_other(void **state)
{
	(void)state;
	for (unsigned six_inside = 0; six_inside < 2; six_inside++) {
		struct maker *maker = maker_new(101);
		uint8_t inner[200], tcp[120] = {0x9c, 0x40, 0x13, 0x89, [12] = 0x50, 16}, bytes[300];
		uint8_t six[40] = {0x60, [6] = 6, 64, [23] = 1, [39] = 2};
		size_t size;
		if (six_inside) {
			put16(six + 4, sizeof tcp);
			memcpy(inner, six, 40);
			memcpy(inner + 40, tcp, sizeof tcp);
			size = ip_before(bytes, 41, inner, 40 + sizeof tcp);
		} else {
			size = ip_before(inner, 6, tcp, sizeof tcp);
			six[6] = 4;
			put16(six + 4, (unsigned)size);
			memcpy(bytes, six, 40);
			memcpy(bytes + 40, inner, size);
			size += 40;
		}
		frame(maker, bytes, (uint32_t)size, (uint32_t)size);
		json_t *result = run(maker, NULL);
		assert_text(subflow_of(connection_of(result, 0), 0), "tunnel", "ipip");
		assert_int_equal(
			number(get(subflow_of(connection_of(result, 0), 0), "forward"), "payload_bytes"),
			100);
		json_decref(result);
	}
}

/* The same addresses and ports in two virtual networks are two flows. */
static void test_networks_tell_flows_apart(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	for (unsigned network = 1; network < 3; network++) {
		uint8_t vxlan[200] = {8, [6] = (uint8_t)network, [20] = 8}, body[220], bytes[300];
		size_t size = 22 + inner_packet(vxlan + 22);
		size = udp_before(body, 4789, vxlan, size);
		size = ip_before(bytes, 17, body, size);
		frame(maker, bytes, (uint32_t)size, (uint32_t)size);
	}
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 2);
	json_decref(result);
}

/* One segment of 2,000 bytes in two fragments, the second first; and a fragment alone. */
static void test_fragments_become_whole(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t segment[2020] = {0x9c, 0x40, 0x13, 0x89, [12] = 0x50, 16}, bytes[2100];
	size_t size = ip_before(bytes, 6, segment + 1480, 540);
	put16(put16(bytes + 4, 9), 185);
	frame(maker, bytes, (uint32_t)size, (uint32_t)size);
	size = ip_before(bytes, 6, segment, 1480);
	put16(put16(bytes + 4, 9), 0x2000);
	frame(maker, bytes, (uint32_t)size, (uint32_t)size);
	put16(bytes + 4, 10);
	frame(maker, bytes, (uint32_t)size, (uint32_t)size);
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "tcp_packets"), 1);
	assert_int_equal(number(file_of(result), "reassembled_packets"), 1);
	assert_int_equal(number(file_of(result), "fragments"), 2);
	assert_int_equal(
		number(get(subflow_of(connection_of(result, 0), 0), "forward"), "payload_bytes"), 2000);
	json_decref(result);
}

/* A writer put the captured length in both places: IP says what was sent. */
static void test_frames_cut_without_saying_so(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t bytes[140];
	inner_packet(bytes);
	put16(bytes + 2, 1040);
	frame(maker, bytes, 40, 40);
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "short_frames"), 1);
	assert_int_equal(
		number(get(subflow_of(connection_of(result, 0), 0), "forward"), "payload_bytes"), 1000);
	json_decref(result);
}

static json_t *run_file(const char *path, const struct analysis_options *options, char **error)
{
	return analysis_run(&path, 1, options, error);
}

/* As a file, made smaller by a program of Debian's. */
static void test_compressed(void **state)
{
	(void)state;
	static const char *const commands[] = {
		"cat", "gzip -c", "zstd -qc", "sh -c 'gzip -c; printf \"\\037\\213\"'"};
	static const struct analysis_options options;
	char path[] = "/tmp/analysis-XXXXXX", command[128];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct maker *maker = maker_new(101);
		handshake(maker, 1, 0, NULL, 0);
		for (unsigned j = 0; j < 2000; j++)
			data(maker, 101 + j * 100, 100, 20000 + j);
		snprintf(command, sizeof command, "%s >%s", commands[i], path);
		FILE *pipe = popen(command, "w");
		assert_non_null(pipe);
		assert_int_equal(fwrite(maker->bytes, 1, maker->length, pipe), maker->length);
		free(maker);
		if (pclose(pipe) != 0)
			continue; /* no such program here */
		char *error = NULL;
		json_t *result = run_file(path, &options, &error);
		if (!result)
			fail_msg("%s", error);
		/* What follows the compressed data and is none cuts the file short. */
		assert_int_equal(number(file_of(result), "truncated"), i == 3);
		assert_int_equal(number(file_of(result), "packets"), 2003);
		json_decref(result);
	}
	unlink(path);
}

static void test_filter_and_span(void **state)
{
	(void)state;
	static const struct analysis_options filtered = {.filter = "host 10.0.0.2"},
					     span = {.from_s = 0.01, .to_s = 0.03};
	for (unsigned i = 0; i < 2; i++) {
		struct maker *maker = maker_new(101);
		handshake(maker, 1, 0, NULL, 0);
		handshake(maker, 2, 30000, NULL, 0);
		json_t *result = run(maker, i ? &span : &filtered);
		assert_int_equal(json_array_size(get(file_of(result), "connections")), 1);
		assert_text(subflow_of(connection_of(result, 0), 0), "client_address",
			i ? "10.0.0.1" : "10.0.0.2");
		assert_int_equal(number(file_of(result), "left_out_packets"), i ? 4 : 3);
		json_decref(result);
	}
	static const struct analysis_options nonsense = {.filter = "this is no filter"};
	struct maker *maker = maker_new(101);
	char *error = NULL;
	assert_null(analysis_run_memory(maker->bytes, maker->length, "made", &nonsense, &error));
	assert_non_null(strstr(error, "this is no filter"));
	free(error);
	free(maker);
}

static void note_failure(void *context, const char *error)
{
	snprintf(context, 256, "%s", error);
}

/* Text of JSON, printed as it is made, is the tree's; a bad file does not cost the others. */
static void test_printed_is_the_same(void **state)
{
	(void)state;
	char path[] = "/tmp/analysis-XXXXXX", problem[256] = "", *text = NULL, *error = NULL;
	struct maker *maker = maker_new(101);
	static const struct analysis_window windows[] = {{0, 1}};
	static const struct analysis_options options = {.step_s = 0.5, .windows = windows, .window_count = 1};
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned j = 0; j < 20; j++) {
		data(maker, 101 + j * 100, 100, 20000 + j * 100000);
		ack(maker, 201 + j * 100, 20700 + j * 100000);
	}
	int fd = mkstemp(path);
	assert_int_equal(write(fd, maker->bytes, maker->length), (long)maker->length);
	close(fd);
	free(maker);
	json_t *tree = run_file(path, &options, &error);
	const char *paths[] = {"/nonexistent", path};
	const struct analysis_listener listener = {.context = problem, .failed = note_failure};
	size_t size;
	for (enum analysis_format format = ANALYSIS_TABLE; format <= ANALYSIS_CSV; format++) {
		FILE *out = open_memstream(&text, &size);
		assert_int_equal(analysis_print(paths, 2, &options, format, out, &listener, &error), 1);
		fclose(out);
		assert_non_null(strstr(problem, "/nonexistent"));
		assert_true(size > 100);
		if (format == ANALYSIS_JSON) {
			json_t *parsed = json_loads(text, 0, NULL);
			assert_non_null(parsed);
			/* Text has 15 digits. */
			char *said = json_dumps(parsed, JSON_REAL_PRECISION(14)),
			     *meant = json_dumps(tree, JSON_REAL_PRECISION(14));
			assert_string_equal(said, meant);
			free(said);
			free(meant);
			json_decref(parsed);
		}
		free(text);
	}
	json_decref(tree);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_is_counted),
		cmocka_unit_test(test_no_capture_is_refused),
		cmocka_unit_test(test_links_and_tunnels),
		cmocka_unit_test(test_versions_within_each_other),
		cmocka_unit_test(test_networks_tell_flows_apart),
		cmocka_unit_test(test_fragments_become_whole),
		cmocka_unit_test(test_frames_cut_without_saying_so),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_filter_and_span),
		cmocka_unit_test(test_printed_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
