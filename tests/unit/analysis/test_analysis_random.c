/* Unit: random connections: loss, reordering, duplication, retransmissions of other sizes, keep-alives, cuts at both
 * ends, resets, joins, reinjections, NAT, options that stop; the analysis must say of each capture what the oracle
 * says, in every counter. RANDOM_CAPTURES sets how many (3,000; with LONG 100,000), RANDOM_SEED the first. */
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include "tests/unit/analysis/maker.h"
#include "tests/unit/analysis/oracle.h"

enum { SEGMENTS_MOST = 24, SUBFLOWS_MOST = 3, ISN = 0xfffff000u /* numbers wrap early */ };

static uint64_t state_of_random;

static unsigned draw(unsigned below)
{
	state_of_random ^= state_of_random >> 12;
	state_of_random ^= state_of_random << 25;
	state_of_random ^= state_of_random >> 27;
	return below ? (unsigned)((state_of_random * 0x2545f4914f6cdd1du) >> 33) % below : 0;
}

static bool chance(unsigned percent)
{
	return draw(100) < percent;
}

struct scene {
	struct wire wire[WIRE_MOST];
	unsigned count;
	bool mptcp, reverse_data;
	unsigned flows, nat_flow; /* nat_flow: shows flow 1 on the other side of a NAT; 0: none */
	int sent[FLOWS_MOST][2], acked[FLOWS_MOST][2]; /* highest position sent; acknowledged */
	int data_sent, data_acked;
	int strip_from; /* -1: never; forward position of the subflow from which options are gone */
	uint32_t stamp;
	int64_t now_us;
	uint16_t id;
};

static struct wire *put_wire(struct scene *s, unsigned flow, bool reverse, unsigned flags)
{
	struct wire *w = &s->wire[s->count < WIRE_MOST - 8 ? s->count++ : s->count];
	s->now_us += 1 + draw(chance(5) ? 400000 : 3000);
	*w = (struct wire){.time_us = s->now_us,
		.flow = flow,
		.reverse = reverse,
		.flags = flags,
		.sequence = s->sent[flow][reverse],
		.ack = s->acked[flow][!reverse],
		.window = chance(80) ? 500 : draw(3) * 400,
		.stamp = ++s->stamp,
		.echo = 0,
		.id = ++s->id};
	return w;
}

static void open_flow(struct scene *s, unsigned flow)
{
	s->sent[flow][0] = s->sent[flow][1] = s->acked[flow][0] = s->acked[flow][1] = ZERO;
	struct wire *w = put_wire(s, flow, false, W_SYN);
	w->sequence = ZERO - 1;
	w->join = flow > 0 && s->mptcp;
	w = put_wire(s, flow, true, W_SYN | W_ACK);
	w->sequence = ZERO - 1;
	w = put_wire(s, flow, false, W_ACK);
	w->join = s->mptcp; /* with keys or an HMAC */
}

struct sent_segment {
	unsigned flow;
	bool reverse;
	int sequence, length, data;
};

static void send_segment(struct scene *s, const struct sent_segment *x, bool lost)
{
	struct wire *w = put_wire(s, x->flow, x->reverse, W_ACK);
	w->sequence = x->sequence;
	w->payload = (unsigned)x->length;
	w->mapped = s->mptcp && !x->reverse && (s->strip_from < 0 || x->sequence < s->strip_from);
	w->data = x->data;
	w->map_start = x->sequence;
	w->map_length = x->length;
	if (x->sequence + x->length > s->sent[x->flow][x->reverse])
		s->sent[x->flow][x->reverse] = x->sequence + x->length;
	if (lost)
		s->count--;
}

static void acknowledge(struct scene *s, unsigned flow, bool reverse)
{
	int *acked = &s->acked[flow][!reverse], sent = s->sent[flow][!reverse];
	if (chance(75) && sent > *acked)
		*acked += (int)draw((unsigned)(sent - *acked) + 1);
	/* Mostly where a segment ends. */
	for (unsigned i = s->count; i-- > 0 && chance(80);)
		if (s->wire[i].flow == flow && s->wire[i].reverse != reverse && s->wire[i].payload) {
			int end = s->wire[i].sequence + (int)s->wire[i].payload;
			*acked = end > *acked ? end : *acked;
			break;
		}
	struct wire *w = put_wire(s, flow, reverse, W_ACK);
	if (chance(25))
		for (w->sacks = 0; w->sacks < 1u + (!s->mptcp && chance(50)); w->sacks++) {
			int start = *acked - 20 + (int)draw(120);
			w->sack[w->sacks][0] = start;
			w->sack[w->sacks][1] = start + 1 + (int)draw(60);
		}
	if (s->mptcp && reverse && chance(70) && (s->strip_from < 0 || *acked <= s->strip_from)) {
		s->data_acked += (int)draw((unsigned)(s->data_sent - s->data_acked) + 1);
		w->data_acked = true;
		w->data_ack = s->data_acked;
	}
}

static void repeat_some(struct scene *s, const struct sent_segment *segments, unsigned count)
{
	struct sent_segment x = segments[draw(count)];
	if (chance(40) && x.length > 4) { /* a part of it */
		int from = (int)draw((unsigned)x.length - 2);
		x.sequence += from;
		x.data += from;
		x.length = 2 + (int)draw((unsigned)(x.length - from - 2) + 1);
	}
	send_segment(s, &x, chance(20));
}

/* Alive, and nothing to say. */
static void keep_alive(struct scene *s, unsigned flow)
{
	struct sent_segment x = {flow, false, s->sent[flow][0] - 1, 1, s->data_sent - 1};
	if (s->sent[flow][0] == ZERO || s->mptcp)
		return;
	/* Into a closed window it would be a probe. */
	for (unsigned i = 0; i < s->count; i++)
		x.length = s->wire[i].reverse ? s->wire[i].window > 0 : x.length;
	if (!x.length)
		return;
	send_segment(s, &x, false);
}

static void transfer(struct scene *s)
{
	struct sent_segment segments[SEGMENTS_MOST];
	unsigned wanted = 1 + draw(SEGMENTS_MOST - 1), count = 0;
	while (count < wanted) {
		unsigned flow = draw(s->flows);
		bool reverse = s->reverse_data && chance(40);
		struct sent_segment x = {
			flow, reverse, s->sent[flow][reverse], 2 + (int)draw(150), s->data_sent};
		if (s->flows > 1 && count && chance(10)) { /* the connection's old bytes by another subflow */
			x.data = segments[draw(count)].data;
			x.length = 2 + (int)draw((unsigned)(s->data_sent - x.data));
			if (x.length > 150)
				x.length = 150;
			if (x.data + x.length > s->data_sent || s->strip_from >= 0)
				x = (struct sent_segment){
					flow, reverse, s->sent[flow][reverse], 20, s->data_sent};
		}
		if (x.data == s->data_sent)
			s->data_sent += x.length;
		if (s->strip_from < 0 && s->mptcp && s->flows == 1 && count > 2 && chance(2))
			s->strip_from = x.sequence;
		segments[count++] = x;
		send_segment(s, &x, s->strip_from < 0 && chance(12));
		if (chance(15))
			repeat_some(s, segments, count);
		while (chance(35))
			acknowledge(s, draw(s->flows), !s->reverse_data || chance(70));
		if (chance(3))
			keep_alive(s, flow);
	}
}

static void finish(struct scene *s)
{
	for (unsigned flow = 0; flow < s->flows; flow++)
		if (chance(60)) {
			put_wire(s, flow, false, W_ACK | (chance(80) ? W_FIN : W_RST));
			if (chance(50))
				put_wire(s, flow, true, W_ACK | W_FIN);
		}
}

/* Neighbours change places; the times stay. */
static void reorder(struct scene *s, unsigned first)
{
	for (unsigned i = first; i + 1 < s->count; i++) {
		struct wire *a = &s->wire[i], *b = &s->wire[i + 1], swapped;
		if (!chance(6) || !a->payload || !b->payload || a->flow != b->flow ||
			a->reverse != b->reverse)
			continue;
		int64_t time_us = a->time_us;
		swapped = *a;
		*a = *b;
		*b = swapped;
		b->time_us = a->time_us;
		a->time_us = time_us;
	}
}

/* Some packets twice: a mirror port's copies; or all of one subflow, on the other side of a NAT. */
static void duplicate(struct scene *s, bool nat)
{
	static struct wire twice[WIRE_MOST];
	unsigned count = 0;
	for (unsigned i = 0; i < s->count && count + 2 < WIRE_MOST; i++) {
		twice[count++] = s->wire[i];
		if (nat ? s->wire[i].flow == 1 : chance(5)) {
			twice[count] = s->wire[i];
			if (nat)
				twice[count].flow = s->flows;
			else
				twice[count].copied = true;
			count++;
		}
	}
	memcpy(s->wire, twice, count * sizeof *twice);
	s->count = count;
}

static void play(struct scene *s, struct oracle *o)
{
	memset(s, 0, sizeof *s);
	memset(o, 0, sizeof *o);
	s->mptcp = chance(45);
	s->reverse_data = !s->mptcp && chance(50);
	s->flows = s->mptcp ? 1 + draw(SUBFLOWS_MOST) : 1;
	s->data_sent = s->data_acked = ZERO;
	s->strip_from = -1;
	for (unsigned flow = 0; flow < s->flows; flow++)
		open_flow(s, flow);
	unsigned first = s->count;
	transfer(s);
	finish(s);
	reorder(s, first);
	bool nat = s->flows > 1 && chance(20);
	if (nat || chance(20))
		duplicate(s, nat);
	if (nat) {
		s->nat_flow = s->flows++;
		o->is_copy[s->nat_flow] = true;
	}
	/* The capture began late, or ended early. */
	unsigned cut = !s->mptcp && chance(30) ? draw(s->count) : 0;
	o->wire = s->wire + cut;
	o->count = s->count - cut;
	if (chance(20) && o->count > 4)
		o->count -= draw(o->count / 2);
	s->wire[cut].copied = false; /* of what was not captured it is no copy */
	o->mptcp = s->mptcp;
}

/* ---- as a capture */

static unsigned write_options(const struct scene *s, const struct wire *w, uint8_t *options)
{
	uint8_t *p = options;
	uint64_t initial, unused;
	uint32_t token = token_of(SERVER_KEY, EVP_sha256(), &unused);
	token_of(CLIENT_KEY, EVP_sha256(), &initial);
	if ((w->flags & W_SYN) && s->mptcp) {
		bool answer = w->flags & W_ACK;
		if (w->flow == 0) {
			static const uint8_t capable[] = {30, 4, 1, 1};
			memcpy(p, capable, 4);
			p[1] = answer ? 12 : 4;
			if (answer)
				put64(p + 4, SERVER_KEY);
			return answer ? 12 : 4;
		}
		static const uint8_t join[] = {30, 12, 0x10, 1};
		memcpy(p, join, 4);
		p[1] = answer ? 16 : 12;
		/* Both sides of a NAT show the same number. */
		if (!answer)
			put32(put32(p + 4, token), w->flow == s->nat_flow ? 1 : w->flow);
		return answer ? 16 : 12;
	}
	if (w->flags & W_SYN)
		return 0;
	if (w->join) {
		static const uint8_t third[2][4] = {{30, 20, 1, 1}, {30, 24, 0x10, 0}};
		memcpy(p, third[w->flow > 0], 4);
		put64(put64(p + 4, CLIENT_KEY), SERVER_KEY);
		return p[1];
	}
	*p++ = 1;
	*p++ = 1;
	*p++ = 8;
	*p++ = 10;
	p = put32(put32(p, w->stamp), w->echo);
	if (w->sacks) {
		*p++ = 1;
		*p++ = 1;
		*p++ = 5;
		*p++ = (uint8_t)(2 + 8 * w->sacks);
		for (unsigned i = 0; i < w->sacks; i++)
			p = put32(put32(p, ISN + (uint32_t)w->sack[i][0]), ISN + (uint32_t)w->sack[i][1]);
	}
	if (w->mapped) {
		static const uint8_t map[] = {30, 18, 0x20, 0x0c};
		memcpy(p, map, 4);
		put16(put32(put64(p + 4, initial + 1 + (uint64_t)(w->data - ZERO)),
			      (uint32_t)(w->map_start - ZERO + 1)),
			(unsigned)w->map_length);
		p += 18;
	} else if (w->data_acked) {
		static const uint8_t acked[] = {30, 12, 0x20, 3};
		memcpy(p, acked, 4);
		put64(p + 4, initial + 1 + (uint64_t)(w->data_ack - ZERO));
		p += 12;
	}
	return (unsigned)(p - options);
}

static struct maker *capture(const struct scene *s, struct oracle *o)
{
	struct maker *maker = maker_new(101);
	for (unsigned i = 0; i < o->count; i++) {
		struct wire *w = (struct wire *)(uintptr_t)&o->wire[i];
		uint8_t options[40];
		unsigned length = write_options(s, w, options);
		w->option_bytes = (length + 3) & ~3u;
		w->header_bytes = 40 + w->option_bytes;
		add(maker, (struct packet){.host = 1 + w->flow,
				   .reverse = w->reverse,
				   .flags = w->flags,
				   .sequence = ISN + (uint32_t)w->sequence,
				   .ack = w->flags & W_ACK ? ISN + (uint32_t)w->ack : 0,
				   .payload = w->payload,
				   .window = w->window,
				   .closed_window = w->window == 0,
				   .options = options,
				   .options_length = length,
				   .at_us = (uint32_t)w->time_us,
				   .id = w->id});
	}
	return maker;
}

/* ---- the comparison */

static bool differs;

static void same(const json_t *json, const char *name, uint64_t expected)
{
	const json_t *value = get(json, name);
	if ((uint64_t)json_integer_value(value) != expected) {
		print_message("%s is %lld, the oracle says %llu\n", name, json_integer_value(value),
			(unsigned long long)expected);
		differs = true;
	}
}

static void same_time(const json_t *json, const char *name, bool known, double seconds)
{
	const json_t *value = get(json, name);
	double is = json_number_value(value);
	if (json_is_number(value) != known || (known && !(is > seconds - 1e-8 && is < seconds + 1e-8))) {
		print_message("%s is %.9f, the oracle says %.9f (%d)\n", name, is, seconds, known);
		differs = true;
	}
}

static void compare_direction(const struct oracle *o, const json_t *json, unsigned flow, unsigned reverse)
{
	const struct oracle_direction *x = &o->direction[flow][reverse];
	same(json, "packets", x->packets);
	same(json, "payload_packets", x->payload_packets);
	same(json, "payload_bytes", x->payload_bytes);
	same(json, "unique_bytes", x->unique_bytes);
	same(json, "retransmitted_bytes", x->retransmitted_bytes);
	same(json, "retransmitted_packets", x->retransmitted_packets);
	same(json, "recovered_packets", x->recovered);
	same(json, "out_of_order_packets", x->out_of_order);
	same(json, "missing_bytes", x->missing);
	same(json, "duplicate_acks", x->duplicate_acks);
	same(json, "sack_packets", x->sack_packets);
	same(json, "dsack_packets", x->dsack_packets);
	same(json, "zero_windows", x->zero_windows);
	same(json, "keepalives", x->keepalives);
	same(json, "syn_packets", x->syn_packets);
	same(json, "fin_packets", x->fin_packets);
	same(json, "reset_packets", x->reset_packets);
	same(json, "header_bytes", x->header_bytes);
	same(json, "tcp_option_bytes", x->option_bytes);
	same(json, "duplicate_packets", x->duplicates);
	same(json, "spurious_acknowledged", x->spurious_acked);
	same(json, "discarded_bytes", 0);
	same(json, "stray_packets", 0);
	same(json, "retransmissions_fast",
		x->retransmitted_packets + x->recovered - (uint64_t)number(json, "retransmissions_timeout") -
			(uint64_t)number(json, "retransmissions_tail_probe") -
			(uint64_t)number(json, "retransmissions_unclear"));
	if (o->mptcp) {
		same(json, "unmapped_bytes", x->unmapped);
		same(json, "reinjected_bytes", x->reinjected);
	}
	const json_t *rtt = get(json, "rtt");
	same(rtt, "samples", x->rtt_samples);
	same_time(rtt, "min_s", x->rtt_samples, (double)x->rtt_min / 1e6);
	same_time(rtt, "max_s", x->rtt_samples, (double)x->rtt_max / 1e6);
	same_time(rtt, "mean_s", x->rtt_samples,
		x->rtt_samples ? x->rtt_sum / (double)x->rtt_samples / 1e6 : 0);
}

static void compare_data(const struct oracle *o, const json_t *json, unsigned reverse)
{
	const struct oracle_data *d = &o->data[reverse];
	int64_t start = o->count ? o->wire[0].time_us : 0;
	same(json, "delivered_bytes", d->delivered);
	same(json, "reinjected_bytes", d->reinjected);
	same(json, "uncaptured_bytes", d->uncaptured);
	same(json, "before_bytes", d->before);
	same(json, "undelivered_bytes", d->held);
	same(json, "out_of_order_bytes", d->waited);
	same(json, "out_of_order_held_max_bytes", d->held_most);
	same_time(json, "first_data_s", d->started, (double)(d->first_us - start) / 1e6);
	same_time(json, "last_data_s", d->started, (double)(d->last_us - start) / 1e6);
	same_time(json, "out_of_order_delay_mean_s", d->waited,
		d->waited ? d->wait_sum / (double)d->waited / 1e6 : 0);
	same_time(json, "out_of_order_delay_max_s", d->waited, (double)d->wait_most / 1e6);
}

static void compare(const struct oracle *o, const json_t *result)
{
	static const char *const names[] = {"forward", "reverse"};
	const json_t *connections = get(file_of(result), "connections");
	if (json_array_size(connections) != (o->count > 0)) {
		print_message("%zu connections\n", json_array_size(connections));
		differs = true;
		return;
	}
	if (!o->count)
		return;
	const json_t *connection = connection_of(result, 0), *subflow;
	size_t i;
	for (unsigned reverse = 0; reverse < 2; reverse++)
		compare_data(o, get(connection, names[reverse]), reverse);
	json_array_foreach(get(connection, "subflows"), i, subflow) {
		unsigned flow = (unsigned)(json_string_value(get(subflow, "client_address"))[7] - '1');
		for (unsigned reverse = 0; reverse < 2; reverse++)
			compare_direction(o, get(subflow, names[reverse]), flow, reverse);
	}
}

static void take_the_long_way(
	struct watcher *watcher, struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	(void)watcher;
	tcp_segment(tracker, flow, segment);
}

/* The same capture without quick_segment, which must change no number. */
static json_t *run_the_long_way(const struct maker *maker)
{
	static const struct analysis_options none;
	static struct watcher watcher = {take_the_long_way};
	struct emitter emitter;
	json_t *json = NULL;
	struct pass *pass =
		pass_new("made", capture_open_memory(maker->bytes, maker->length, "made", NULL), &none, NULL);
	assert_non_null(pass);
	pass->tracker->watcher = &watcher;
	assert_int_equal(pass_run(pass, NULL), 0);
	emit_start(&emitter, NULL);
	report_file(&emitter, pass);
	assert_int_equal(emit_end(&emitter, &json), 0);
	pass_free(pass);
	return json;
}

static void test_random_captures(void **state)
{
	(void)state;
	static struct scene scene;
	struct oracle *oracle = malloc(sizeof *oracle);
	const char *wanted = getenv("RANDOM_CAPTURES"), *seed = getenv("RANDOM_SEED"), *all = getenv("LONG");
	uint64_t count = wanted ? strtoull(wanted, NULL, 10) : all && *all ? 100000 : 3000;
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
	assert_non_null(oracle);
	for (uint64_t i = first; i < first + count && !differs; i++) {
		state_of_random = i * 0x9e3779b97f4a7c15u + 1;
		play(&scene, oracle);
		struct maker *maker = capture(&scene, oracle);
		const char *keep = getenv("RANDOM_KEEP");
		if (keep) {
			FILE *out = fopen(keep, "we");
			assert_non_null(out);
			fwrite(maker->bytes, 1, maker->length, out);
			fclose(out);
		}
		oracle_run(oracle);
		static const struct analysis_options two = {.threads = 2};
		char *error = NULL;
		json_t *again =
			i % 64 ? NULL
			       : analysis_run_memory(maker->bytes, maker->length, "made", &two, &error);
		json_t *long_way = run_the_long_way(maker);
		json_t *result = run(maker, NULL);
		compare(oracle, result);
		if (!json_equal(file_of(result), long_way)) {
			print_message("quick_segment and tcp_segment differ\n");
			differs = true;
		}
		/* Two threads say the same. */
		differs |= i % 64 == 0 && !json_equal(result, again);
		json_decref(result);
		json_decref(again);
		json_decref(long_way);
		if (differs)
			fail_msg(
				"with RANDOM_SEED=%llu RANDOM_CAPTURES=1 (RANDOM_KEEP=FILE keeps the capture)",
				(unsigned long long)i);
	}
	free(oracle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_captures)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
