/* Fuzz: an attack under any packets of the ends that it watches and of those that come to it: numbers, flags, options and order are the
 * input's. It must stay within its memory and its cap, and what it sends must be a packet. The first bytes choose scenario and
 * knowledge; a record is flags(1) who(1) sequence(4) acknowledgement(4) options(1) payload(1), and then the options. */
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/threats/play.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 4, RECORD = 12, CAP = 500, OWN = 3, SERVER = 2 };

struct sent {
	unsigned count;
};

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void on_send(void *context, const struct packet *packet)
{
	uint8_t bytes[PACKET_HEADERS];
	expect(packet_write(packet, bytes, sizeof bytes) > 0);
	expect(++((struct sent *)context)->count <= CAP);
}

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct packet_end end_of(unsigned number)
{
	struct packet_end end = {.port = (uint16_t)(number % 4 == SERVER ? 5000 : 1024 + number)};
	end.address[10] = end.address[11] = 0xff;
	end.address[12] = 10;
	end.address[15] = (uint8_t)(number % 4);
	return end;
}

static size_t take(struct play *play, int64_t now, const uint8_t *data, size_t size)
{
	static const uint8_t payload[256];
	unsigned from = data[1] & 15u, to = data[1] >> 4;
	size_t options = data[10] % (OPTIONS_MOST + 1u);
	if (RECORD + options > size)
		return 0;
	struct packet packet = {.family = 4,
		.source = end_of(from),
		.destination = end_of(to),
		.flags = data[0],
		.sequence = get(data + 2),
		.acknowledgement = get(data + 6),
		.window = (uint16_t)get(data + 4),
		.options = data + RECORD,
		.options_length = (uint8_t)options,
		.payload = payload,
		.payload_at_hand = data[11],
		.payload_length = data[11]};
	if (to % 4 == OWN)
		play_received(play, now, &packet);
	else
		play_witnessed(play, now, &packet);
	return RECORD + options;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sent sent = {0};
	if (size < HEAD)
		return 0;
	struct play_options o = {.scenario = data[0] % SCENARIOS,
		.target = data[1] >> 7,
		.tries = 1 + data[2] % 4,
		.after = 1 + data[2] / 128,
		.count = data[3],
		.rate = 1000,
		.cap = CAP,
		.settle_ns = 10 * NS_PER_MS,
		.hold_ns = 400 * NS_PER_MS,
		.own = end_of(OWN),
		.server = end_of(SERVER),
		.from = end_of(0),
		.seed = data[3]};
	/* Only what the program's command line lets pass. */
	char *error = NULL;
	o.knows = scenarios[o.scenario].needs | (data[1] & scenarios[o.scenario].may_use);
	expect(knowledge_check(o.scenario, o.knows, &error) == 0);
	unsigned first = o.scenario == SCENARIO_RESIDUAL ? FORM_REMOVE : FORM_V0;
	unsigned last = o.scenario == SCENARIO_RESIDUAL ? FORMS : FORM_RIGHT + 1;
	for (unsigned form = first; form < last; form++)
		if (!(form_needs(form) & ~o.knows))
			o.forms[o.forms_count++] = form;
	o.count = o.count ? o.count : 1;
	const struct play_handlers handlers = {on_send, &sent};
	struct play *play = play_new(&o, &handlers);
	int64_t now = NS_PER_S;
	size_t at = HEAD, used;
	while (at + RECORD <= size && (used = take(play, now, data + at, size - at))) {
		now += (1 + data[at + 9] % 64) * NS_PER_MS;
		if (play_deadline(play) <= now)
			play_tick(play, now);
		at += used;
	}
	struct play_report report;
	play_report(play, &report);
	expect(report.sent == sent.count && report.count <= o.tries && report.succeeded <= report.count);
	play_free(play);
	return 0;
}
