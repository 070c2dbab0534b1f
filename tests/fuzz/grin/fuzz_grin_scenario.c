/* The words of `liquidnet sim grin`: any text is either refused with one line, or is a scenario whose values are in range, and which reads the same again. */
#include "nodes/grin/plan.h"
#include "nodes/grin/sim/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_packets(const struct scenario *s)
{
	const struct scenario_packets *p = &s->packet;

	expect(p->rate_bps >= 1000000 && p->queue >= 1 && p->window >= 1 && p->burst >= 1 &&
		p->connections >= 1);
	expect(p->growth < SIM_GROWTHS && p->start < STARTS && p->acks < ACKS_KINDS);
	expect(p->bytes || p->measure_ps < p->length_ps);
	expect(p->bytes || (!p->rounds && !p->strong && !p->pause_ps && p->connections == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error = NULL;
	struct scenario s, again;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	int result = scenario_parse(&s, text, &error);
	expect((result < 0) == (error != NULL));
	free(error);
	if (result == 0) {
		expect(s.active > 0 && s.active <= 1 && s.acks >= 0 && s.acks <= 0.5 && s.size >= 2 &&
			s.racks >= 1);
		expect(s.net != NET_GRIN || (s.degree >= 1 && s.degree <= PLAN_LINKS && s.degree < s.size));
		expect(s.flow_count <= SCENARIO_FLOWS && (s.pattern != PATTERN_FLOWS || s.flow_count > 0));
		for (unsigned i = 0; i < s.flow_count; i++)
			expect(s.flows[i].source != s.flows[i].destination &&
				s.flows[i].source < s.racks * s.size &&
				s.flows[i].destination < s.racks * s.size);
		check_packets(&s);
		expect(scenario_parse(&again, s.text, NULL) == 0 && memcmp(&s, &again, sizeof s) == 0);
	}
	free(text);
	return 0;
}
