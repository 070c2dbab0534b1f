/* Bench: packets a second of the analysis, on one core, beside tshark and tcptrace on the same file in the
 * same run. The capture is generated into a temporary file and removed: MPTCP v1, 1,000 connections with 2 to
 * 8 subflows, two segments and an acknowledgement at a time, one segment in a thousand lost and sent again,
 * SACK in between.
 *
 * bench_analysis [--packets N] [--skip-others] [--keep FILE]   (default 10 million, about 1.2 GB)
 * bench_analysis --flows N [--skip-others]                     N flows of one SYN each, instead */
#include "analysis/analysis.h"
#include "lib/base/process.h"
#include <getopt.h>
#include <openssl/evp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS = 1000,
	SUBFLOWS_MOST = 8,
	SEGMENT = 1400,
	SNAP = 128,
	LOSS_ONE_IN = 1000,
	REPAIR_AFTER = 20, /* segments of the subflow */
	FLIGHT = 16,       /* segments under way when one is acknowledged */
	OTHERS_LIMIT_MS = 1800 * 1000,
};

struct subflow {
	unsigned connection, number;
	uint32_t sequence, lost, mapping; /* of the next byte, relative to the initial number; lost: 0 none */
	uint64_t lost_data;
	unsigned repair;
};

struct connection {
	uint64_t key[2], initial, initial_reverse, data;
	uint32_t token;
	unsigned subflows;
};

struct generator {
	FILE *out;
	uint64_t time_us, packets, bytes, random;
	struct connection *connections;
	struct subflow *subflows;
	size_t subflow_count;
};

static uint64_t draw(struct generator *generator)
{
	/* xorshift64*: the same capture every time. */
	generator->random ^= generator->random >> 12;
	generator->random ^= generator->random << 25;
	generator->random ^= generator->random >> 27;
	return generator->random * 0x2545f4914f6cdd1du;
}

static uint8_t *put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
	return put16(put16(p, value >> 16), value & 0xffff);
}

static uint8_t *put64(uint8_t *p, uint64_t value)
{
	return put32(put32(p, (uint32_t)(value >> 32)), (uint32_t)value);
}

/* Writes one packet: options already start with a timestamp. `sequence` and `ack` are relative to initial
 * number 1000 + n. */
static void emit(struct generator *generator, const struct subflow *subflow, bool reverse, unsigned flags,
	uint32_t sequence, uint32_t ack, const uint8_t *options, unsigned options_length, unsigned payload)
{
	uint8_t record[16 + SNAP] = {0}, *ip = record + 16 + 14, *tcp = ip + 20;
	unsigned header = 20 + 20 + 12 + options_length, length = header + payload;
	uint32_t captured = 14 + length > SNAP ? SNAP : 14 + length, original = 14 + length;
	uint32_t client = 0x0a000000u | subflow->number << 16 | subflow->connection, server = 0x0b000001u;
	uint32_t seconds = (uint32_t)(generator->time_us / 1000000),
		 micros = (uint32_t)(generator->time_us % 1000000);
	memcpy(record, &seconds, 4);
	memcpy(record + 4, &micros, 4);
	memcpy(record + 8, &captured, 4);
	memcpy(record + 12, &original, 4);
	put16(ip - 2, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, length);
	put16(ip + 4, (unsigned)generator->packets & 0xffff);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, reverse ? server : client);
	put32(ip + 16, reverse ? client : server);
	unsigned port = 20000 + subflow->connection;
	put16(tcp, reverse ? 5201 : port);
	put16(tcp + 2, reverse ? port : 5201);
	put32(tcp + 4, sequence);
	put32(tcp + 8, ack);
	tcp[12] = (uint8_t)((header - 20) / 4 << 4);
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 2000);
	uint8_t *p = tcp + 20;
	*p++ = 1;
	*p++ = 1;
	*p++ = 8;
	*p++ = 10;
	p = put32(p, (uint32_t)(generator->time_us / 1000));
	p = put32(p, (uint32_t)(generator->time_us / 1000 - 10));
	memcpy(p, options, options_length);
	fwrite(record, 1, 16 + captured, generator->out);
	generator->time_us++;
	generator->packets++;
	generator->bytes += 16 + captured;
}

enum { SYN = 2, ACK = 16 };

static void hash_key(uint64_t key, uint32_t *token, uint64_t *initial)
{
	uint8_t wire[8], hash[EVP_MAX_MD_SIZE];
	put64(wire, key);
	EVP_Digest(wire, sizeof wire, hash, NULL, EVP_sha256(), NULL);
	*token = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
	*initial = 0;
	for (unsigned i = 24; i < 32; i++)
		*initial = *initial << 8 | hash[i];
}

static void open_initial(
	struct generator *generator, struct connection *connection, const struct subflow *subflow)
{
	uint8_t options[24] = {30, 4, 1, 1};
	uint32_t unused;
	connection->key[0] = draw(generator);
	connection->key[1] = draw(generator);
	hash_key(connection->key[0], &unused, &connection->initial);
	hash_key(connection->key[1], &connection->token, &connection->initial_reverse);
	emit(generator, subflow, false, SYN, 1000, 0, options, 4, 0);
	options[1] = 12;
	put64(options + 4, connection->key[1]);
	emit(generator, subflow, true, SYN | ACK, 1000, 1001, options, 12, 0);
	options[1] = 20;
	put64(options + 4, connection->key[0]);
	put64(options + 12, connection->key[1]);
	emit(generator, subflow, false, ACK, 1001, 1001, options, 20, 0);
}

static void open_joined(
	struct generator *generator, const struct connection *connection, const struct subflow *subflow)
{
	uint8_t options[24] = {30, 12, 0x10, (uint8_t)(subflow->number + 1)};
	put32(options + 4, connection->token);
	put32(options + 8, (uint32_t)draw(generator));
	emit(generator, subflow, false, SYN, 1000, 0, options, 12, 0);
	options[1] = 16;
	put64(options + 4, draw(generator));
	emit(generator, subflow, true, SYN | ACK, 1000, 1001, options, 16, 0);
	options[1] = 24;
	emit(generator, subflow, false, ACK, 1001, 1001, options, 24, 0);
}

static void open_all(struct generator *generator)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &generator->connections[i];
		connection->subflows = 2 + (unsigned)(draw(generator) % (SUBFLOWS_MOST - 1));
		for (unsigned j = 0; j < connection->subflows; j++) {
			struct subflow *subflow = &generator->subflows[generator->subflow_count++];
			*subflow = (struct subflow){.connection = i, .number = j, .sequence = 1};
			if (j == 0)
				open_initial(generator, connection, subflow);
			else
				open_joined(generator, connection, subflow);
		}
	}
}

/* A DSS option with a 64-bit mapping, as Linux writes it. */
static unsigned mapping(
	const struct connection *connection, uint8_t *options, uint64_t data, uint32_t sequence)
{
	uint8_t *p = options;
	*p++ = 30;
	*p++ = 26;
	*p++ = 0x20;
	*p++ = 0x0f; /* data ACK and mapping, 64 bits of each */
	p = put64(p, connection->initial_reverse + 1);
	p = put64(p, connection->initial + 1 + data);
	p = put32(p, sequence);
	p = put16(p, SEGMENT);
	*p++ = 1;
	*p++ = 1;
	return (unsigned)(p - options);
}

static void send_segment(struct generator *generator, struct subflow *subflow)
{
	struct connection *connection = &generator->connections[subflow->connection];
	uint8_t options[40];
	if (subflow->lost && subflow->repair-- == 0) {
		unsigned length = mapping(connection, options, subflow->lost_data, subflow->lost);
		emit(generator, subflow, false, ACK, 1000 + subflow->lost, 1001, options, length, SEGMENT);
		subflow->lost = 0;
		return;
	}
	bool loses = !subflow->lost && draw(generator) % LOSS_ONE_IN == 0;
	if (loses) {
		subflow->lost = subflow->sequence;
		subflow->lost_data = connection->data;
		subflow->repair = REPAIR_AFTER;
	} else {
		unsigned length = mapping(connection, options, connection->data, subflow->sequence);
		emit(generator, subflow, false, ACK, 1000 + subflow->sequence, 1001, options, length,
			SEGMENT);
	}
	subflow->sequence += SEGMENT;
	connection->data += SEGMENT;
}

static void acknowledge(struct generator *generator, const struct subflow *subflow)
{
	const struct connection *connection = &generator->connections[subflow->connection];
	uint8_t options[40] = {30, 12, 0x20, 0x03}, *p = put64(options + 4, connection->initial + 1);
	uint32_t arrived = subflow->sequence > FLIGHT * SEGMENT ? subflow->sequence - FLIGHT * SEGMENT : 1,
		 ack = arrived;
	if (subflow->lost && arrived > subflow->lost) {
		ack = subflow->lost;
		if (arrived > subflow->lost + SEGMENT) {
			*p++ = 1;
			*p++ = 1;
			*p++ = 5;
			*p++ = 10;
			p = put32(p, 1000 + subflow->lost + SEGMENT);
			p = put32(p, 1000 + arrived);
		}
	}
	emit(generator, subflow, true, ACK, 1001, 1000 + ack, options, (unsigned)(p - options), 0);
}

static int generate(const char *path, uint64_t packets, uint64_t *bytes)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snap, link;
	} header = {0xa1b2c3d4, 2, 4, 0, 0, SNAP, 1};
	struct generator generator = {.time_us = 1500000000000000, .random = 20170501};
	generator.out = fopen(path, "w");
	generator.connections = calloc(CONNECTIONS, sizeof *generator.connections);
	generator.subflows = calloc(CONNECTIONS * SUBFLOWS_MOST, sizeof *generator.subflows);
	if (!generator.out || !generator.connections || !generator.subflows) {
		perror(path);
		return -1;
	}
	setvbuf(generator.out, NULL, _IOFBF, 1 << 20);
	fwrite(&header, sizeof header, 1, generator.out);
	open_all(&generator);
	while (generator.packets < packets) {
		struct subflow *subflow = &generator.subflows[draw(&generator) % generator.subflow_count];
		send_segment(&generator, subflow);
		send_segment(&generator, subflow);
		acknowledge(&generator, subflow);
	}
	printf("capture: %.2f million packets, %.2f GB, %d connections, %zu subflows\n",
		(double)generator.packets / 1e6, (double)generator.bytes / 1e9, CONNECTIONS,
		generator.subflow_count);
	*bytes = generator.packets;
	free(generator.connections);
	free(generator.subflows);
	return fclose(generator.out);
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double peak_mb(int who)
{
	struct rusage usage;
	getrusage(who, &usage);
	return (double)usage.ru_maxrss / 1024;
}

/* Fast and wrong would not count. */
static bool is_right(const json_t *result, uint64_t packets)
{
	const json_t *file = json_array_get(json_object_get(result, "files"), 0), *connection;
	const json_t *connections = json_object_get(file, "connections");
	size_t i;
	if ((uint64_t)json_integer_value(json_object_get(file, "packets")) != packets ||
		json_array_size(connections) != CONNECTIONS ||
		json_integer_value(json_object_get(file, "malformed_options")) != 0)
		return false;
	json_array_foreach(connections, i, connection) {
		const json_t *forward = json_object_get(connection, "forward");
		if (json_integer_value(json_object_get(forward, "delivered_bytes")) == 0 ||
			json_integer_value(json_object_get(forward, "reinjected_bytes")) != 0)
			return false;
	}
	return true;
}

/* One call: the pass alone, or with the whole report as CSV. Seconds, or -1. */
static double one_pass(const char *path, const struct analysis_options *options, FILE *csv)
{
	char *error = NULL;
	double start = now_s();
	bool good = csv ? analysis_print(&path, 1, options, ANALYSIS_CSV, csv, NULL, &error) == 0
			: analysis_count(path, options, &error) >= 0;
	double took = now_s() - start;
	if (!good)
		fprintf(stderr, "bench: %s\n", error ? error : "failed");
	free(error);
	return good ? took : -1;
}

/* Packets a second of our own, report included; the best of five, as the machine is shared. 0 on failure. */
static double run_own(const char *path, uint64_t packets, unsigned threads)
{
	const struct analysis_options options = {.threads = threads};
	FILE *nowhere = fopen("/dev/null", "we");
	double best[2] = {1e9, 1e9};
	for (unsigned i = 0; i < 10 && nowhere; i++) {
		double took = one_pass(path, &options, i % 2 ? nowhere : NULL);
		if (took < 0)
			return 0;
		best[i % 2] = took < best[i % 2] ? took : best[i % 2];
	}
	if (nowhere)
		fclose(nowhere);
	printf("%-10s %10.3f million packets/s with %u thread%s (best of 5; the pass alone %.3f), peak memory %.0f MB\n",
		"liquidnet", (double)packets / best[1] / 1e6, threads, threads > 1 ? "s" : "",
		(double)packets / best[0] / 1e6, peak_mb(RUSAGE_SELF));
	fflush(stdout);
	return (double)packets / best[1];
}

static bool check_once(const char *path, uint64_t packets)
{
	const struct analysis_options options = {.threads = 1};
	char *error = NULL;
	json_t *result = analysis_run(&path, 1, &options, &error);
	bool right = result && is_right(result, packets);
	if (!right)
		fprintf(stderr, "bench: %s\n", error ? error : "the result is not what was generated");
	free(error);
	json_decref(result);
	return right;
}

static double run_other(const char *name, const char *const *argv, uint64_t packets)
{
	struct process_options options = PROCESS_OPTIONS;
	char *error = NULL;
	options.argv = argv;
	double start = now_s();
	char *output = NULL;
	int status = process_run(&options, true, OTHERS_LIMIT_MS, &output, &error);
	double took = now_s() - start;
	free(output);
	if (status != 0) {
		printf("%-10s failed: %s\n", name, error ? error : "an exit status other than 0");
		free(error);
		return 0;
	}
	printf("%-10s %10.3f million packets/s, peak memory of both so far %.0f MB\n", name,
		(double)packets / took / 1e6, peak_mb(RUSAGE_CHILDREN));
	fflush(stdout);
	return (double)packets / took;
}

/* All three on one core, the same. */
static void pin(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	int cpu = sched_getcpu();
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) < 0)
		perror("bench: sched_setaffinity");
}

static int compare(const char *path, uint64_t packets, bool others)
{
	cpu_set_t all;
	sched_getaffinity(0, sizeof all, &all);
	double two = CPU_COUNT(&all) > 1 ? run_own(path, packets, 2) : 0;
	pin();
	double own = run_own(path, packets, 1);
	if (own <= 0)
		return 1;
	if (two > 0)
		printf("           two threads / one = %.2f (wanted: 1.75)\n", two / own);
	if (!others)
		return 0;
	/* -n: no names are asked of a server, which would be most of tcptrace's time. */
	const char *const tcptrace[] = {"tcptrace", "-n", "-q", path, NULL};
	const char *const tshark[] = {"tshark", "-n", "-q", "-z", "conv,tcp", "-r", path, NULL};
	double rate = run_other("tcptrace", tcptrace, packets);
	if (rate > 0)
		printf("           liquidnet / tcptrace = %.2f (wanted: 3)\n", own / rate);
	rate = run_other("tshark", tshark, packets);
	if (rate > 0)
		printf("           liquidnet / tshark = %.1f (wanted: 100)\n", own / rate);
	return 0;
}

/* A scan, or a busy server's hour: one SYN a flow. */
static int generate_flows(const char *path, uint64_t flows)
{
	static const uint32_t header[] = {0xa1b2c3d4, 0x00040002, 0, 0, SNAP, 1};
	struct generator generator = {.time_us = 1500000000000000, .random = 20170501};
	static const uint8_t mss[] = {2, 4, 5, 180};
	generator.out = fopen(path, "w");
	if (!generator.out) {
		perror(path);
		return -1;
	}
	setvbuf(generator.out, NULL, _IOFBF, 1 << 20);
	fwrite(header, sizeof header, 1, generator.out);
	for (uint64_t i = 0; i < flows; i++) {
		const struct subflow subflow = {
			.connection = (unsigned)(i & 0xffff), .number = (unsigned)(i >> 16)};
		emit(&generator, &subflow, false, SYN, (uint32_t)draw(&generator), 0, mss, sizeof mss, 0);
	}
	printf("capture: %llu flows of one SYN\n", (unsigned long long)flows);
	return fclose(generator.out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"packets", required_argument, NULL, 'p'},
		{"skip-others", no_argument, NULL, 's'},
		{"keep", required_argument, NULL, 'k'},
		{"flows", required_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	uint64_t packets = 10000000, flows = 0;
	bool others = true;
	const char *keep = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			packets = strtoull(optarg, NULL, 10);
		else if (option == 's')
			others = false;
		else if (option == 'k')
			keep = optarg;
		else if (option == 'f')
			flows = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	char path[] = "/tmp/bench-analysis-XXXXXX";
	int fd = keep ? -1 : mkstemp(path);
	if (!keep && fd < 0) {
		perror(path);
		return 1;
	}
	const char *file = keep ? keep : path;
	int status = flows ? generate_flows(file, flows) : generate(file, packets, &packets);
	if (status == 0)
		status = compare(file, flows ? flows : packets, others);
	/* A tree of JSON is not what is measured: it comes after. */
	if (status == 0 && !flows)
		status = !check_once(file, packets);
	if (!keep) {
		close(fd);
		unlink(path);
	}
	return status;
}
