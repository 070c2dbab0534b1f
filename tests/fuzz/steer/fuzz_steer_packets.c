/* Fuzz: a box on the path under any packets of two ends that know each other's keys, or do not: numbers, flags, options and order are the
 * input's. It must stay within its memory, count what it has, and end every redirection that it began. A record is
 * flags(1) who(1) sequence(4) acknowledgement(4) options(1) payload(1), and then those bytes; some `who` are not packets but the waypoint's
 * answer and time that passes. */
#include "lib/base/units.h"
#include "nodes/steer/steps.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 12, CAPACITY = 16 };

struct world {
	struct steps *steps;
	struct packet_end client, server;
	unsigned asked, released;
};

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void on_ask(
	void *context, unsigned index, const struct packet_end *client, const struct packet_end *server)
{
	struct world *world = context;
	(void)index;
	world->client = *client;
	world->server = *server;
	world->asked++;
}

static void on_release(
	void *context, unsigned index, const struct packet_end *client, const struct packet_end *server)
{
	(void)index, (void)client, (void)server;
	((struct world *)context)->released++;
}

static void on_send(void *context, const struct packet *packet)
{
	uint8_t bytes[PACKET_HEADERS];
	(void)context;
	expect(packet_write(packet, bytes, sizeof bytes) > 0);
}

static void on_told(void *context, const struct report *report)
{
	(void)context;
	expect(report->step < STEPS && (report->step != STEP_FAILED || report->why));
}

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct packet_end end_of(unsigned number)
{
	struct packet_end end = {.port = (uint16_t)(number % 3 ? 80 : 1000 + number)};
	end.address[10] = end.address[11] = 0xff;
	end.address[12] = 10;
	end.address[15] = (uint8_t)number;
	return end;
}

static size_t take_packet(struct world *world, int64_t now, const uint8_t *data, size_t size)
{
	unsigned from = data[1] & 15u, to = data[1] >> 4;
	size_t options = data[10] % (OPTIONS_MOST + 1u), payload = data[11];
	if (RECORD + options + payload > size)
		return 0;
	struct packet packet = {.family = 4,
		.source = end_of(from),
		.destination = end_of(to),
		.flags = data[0],
		.sequence = get(data + 2),
		.acknowledgement = get(data + 6),
		.window = 1000,
		.options = data + RECORD,
		.options_length = (uint8_t)options,
		.payload = data + RECORD + options,
		.payload_at_hand = (uint32_t)payload,
		.payload_length = (uint32_t)payload};
	steps_packet(world->steps, now, &packet);
	return RECORD + options + payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules rules = {.count = 2};
	struct world world = {0};
	const struct steps_settings settings = {NS_PER_MS, 4 * NS_PER_MS, 2 * NS_PER_MS, 8, 3};
	const struct steps_handlers handlers = {on_ask, on_release, on_send, on_told, &world};
	int64_t now = 1;
	rules.rule[0] = (struct rule){
		.has_pattern = true, .pattern = "ab", .pattern_length = 2, .via = {0, 1}, .via_count = 2};
	rules.rule[1] = (struct rule){.bytes_over = 400, .via_count = 1};
	rule_prepare(&rules.rule[0]);
	world.steps = steps_new(CAPACITY, &rules, &settings, &handlers);
	if (!world.steps)
		return 0;
	while (size >= RECORD) {
		size_t used = RECORD;
		if ((data[1] & 15u) == 15) {
			struct packet_end to = end_of(data[1] >> 4);
			bool granted = data[0] & 1;
			steps_mapped(world.steps, now, data[0] >> 1 & 1, &world.client, &world.server,
				granted ? &to : NULL, granted ? NULL : "refused");
		} else if ((data[1] & 15u) == 14) {
			steps_tick(world.steps, now += (int64_t)data[0] * NS_PER_MS / 4);
		} else if (!(used = take_packet(&world, now, data, size))) {
			break;
		}
		data += used, size -= used;
		const struct table_counters *table = table_counters(steps_table(world.steps));
		expect(table->flows <= CAPACITY && table->connections <= table->flows &&
			table->old <= table->flows);
		expect(world.released <= world.asked);
	}
	for (unsigned i = 0; i < 40; i++)
		steps_tick(world.steps, now += 10 * NS_PER_MS);
	/* What still waits is whoever waits for a waypoint's answer. */
	steps_mapped(world.steps, now, 0, &world.client, &world.server, NULL, "silent");
	steps_mapped(world.steps, now, 1, &world.client, &world.server, NULL, "silent");
	steps_free(world.steps);
	return 0;
}
