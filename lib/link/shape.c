/* Shape: reading and writing; see the header. A short form stands for the common case (`jitter: 2ms`), a
 * mapping for all of it. */
#include "lib/link/shape.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/link/radio.h"
#include "lib/link/shape_medium.h"
#include "lib/link/trace.h"
#include "lib/link/trim.h"
#include "lib/ndp/ndp_wire.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (60 * NS_PER_S)
#define RATE_MAX 100000000000
#define FRAME_BITS (8 * 1514) /* of the largest packet of a network of 1500 bytes, with its Ethernet header */
#define QUEUE_MAX 1000000
#define CODEL_TARGET (5 * NS_PER_MS) /* RFC 8289, section 4.2 and 4.3 */
#define TRIM_HEADERS 1125 /* SIGCOMM 2017, section 3.2.4: as many bytes as eight packets of 9,000 */
#define CODEL_INTERVAL (100 * NS_PER_MS)

static const char *const jitter_names[] = {"uniform", "normal", "pareto", NULL};
static const char *const queue_names[] = {"drop-tail", "drop-head", "codel", "trim", NULL};

static int read_size(const struct conf_node *map, const char *key, uint64_t *bytes, char **error)
{
	return conf_size(map, key, 1514, 1ULL << 32, *bytes, bytes, error);
}

/* A path beside the file that names it; what it names is read once, so that its faults are found now. */
static int read_path(const struct conf_node *map, const char *key, char *path,
	struct trace *(*load)(const char *path, char **error), char **error)
{
	const char *name, *slash;
	const struct conf_node *node = conf_child(map, key);
	char joined[PATH_MAX], absolute[PATH_MAX], *reason = NULL;
	if (conf_string(map, key, NULL, &name, error) < 0)
		return -1;
	if (!name)
		return 0;
	slash = *name == '/' || !node->file ? NULL : strrchr(node->file, '/');
	snprintf(joined, sizeof joined, "%.*s%s", slash ? (int)(slash - node->file + 1) : 0,
		slash ? node->file : "", name);
	struct trace *trace = load(joined, &reason);
	/* It is written in quotes again: no character may need an escape. */
	if (!trace || !realpath(joined, absolute) || strlen(absolute) >= SHAPE_PATH ||
		strpbrk(absolute, "\"\\\n")) {
		conf_error(node, error, "%s",
			reason ? reason : "the path is too long, or has a quote or backslash");
		free(reason);
		trace_free(trace);
		return -1;
	}
	trace_free(trace);
	strcpy(path, absolute);
	return 0;
}

static int read_jitter(const struct conf_node *map, struct shape *shape, char **error)
{
	static const char *const keys[] = {"spread", "distribution", "reorder", NULL};
	const struct conf_node *node = conf_child(map, "jitter");
	int distribution = JITTER_UNIFORM;
	if (!node)
		return 0;
	shape->jitter = JITTER_UNIFORM;
	shape->jitter_reorders = false;
	if (node->type == CONF_SCALAR)
		return conf_duration(map, "jitter", 0, LONGEST, 0, &shape->jitter_ns, error);
	if (conf_only(node, keys, error) < 0 ||
		conf_duration(node, "spread", 0, LONGEST, 0, &shape->jitter_ns, error) < 0 ||
		conf_word(node, "distribution", jitter_names, distribution, &distribution, error) < 0 ||
		conf_bool(node, "reorder", false, &shape->jitter_reorders, error) < 0)
		return -1;
	shape->jitter = (enum shape_jitter)distribution;
	return 0;
}

static int read_gilbert_elliott(const struct conf_node *node, struct shape *shape, char **error)
{
	static const char *const keys[] = {"to_bad", "to_good", "good", "bad", NULL};
	shape->loss_model = LOSS_GILBERT_ELLIOTT;
	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, keys, error) < 0 ||
		conf_fraction(node, "to_bad", 0, &shape->to_bad, error) < 0 ||
		conf_fraction(node, "to_good", 1, &shape->to_good, error) < 0 ||
		conf_fraction(node, "good", 0, &shape->loss_good, error) < 0 ||
		conf_fraction(node, "bad", 1, &shape->loss_bad, error) < 0)
		return -1;
	return shape->to_bad > 0 ? 0
				 : conf_error(node, error,
					   "to_bad must be above 0; without it the bad state never comes");
}

static int read_loss(const struct conf_node *map, struct shape *shape, char **error)
{
	static const char *const keys[] = {"random", "gilbert-elliott", "every", "trace", NULL};
	const struct conf_node *node = conf_child(map, "loss");
	int64_t every;
	if (!node)
		return 0;
	shape->loss = shape->to_bad = shape->to_good = shape->loss_good = shape->loss_bad = 0;
	shape->loss_every = 0;
	*shape->loss_trace = 0;
	shape->loss_model = LOSS_RANDOM;
	if (node->type == CONF_SCALAR)
		return conf_fraction(map, "loss", 0, &shape->loss, error);
	if (conf_only(node, keys, error) < 0)
		return -1;
	if (node->children != 1)
		return conf_error(
			node, error, "name one loss model: random, gilbert-elliott, every or trace");
	if (conf_child(node, "random"))
		return conf_fraction(node, "random", 0, &shape->loss, error);
	if (conf_child(node, "gilbert-elliott"))
		return read_gilbert_elliott(conf_child(node, "gilbert-elliott"), shape, error);
	if (conf_child(node, "trace")) {
		shape->loss_model = LOSS_TRACE;
		return read_path(node, "trace", shape->loss_trace, trace_losses, error);
	}
	shape->loss_model = LOSS_EVERY;
	if (conf_integer(node, "every", 1, INT32_MAX, 0, &every, error) < 0)
		return -1;
	shape->loss_every = (uint32_t)every;
	return 0;
}

/* What is said of one discipline, under another: `what` is the discipline's name in people's mouths. */
static int stray_key(const struct conf_node *node, const char *const *keys, const char *what, char **error)
{
	for (; *keys; keys++)
		if (conf_child(node, *keys))
			return conf_error(conf_child(node, *keys), error,
				"`%s` is %s; write discipline: %s, or leave it out", *keys,
				strcmp(what, "codel") == 0 ? "CoDel's" : "that of trim", what);
	return 0;
}

static int read_trim(const struct conf_node *node, struct shape *shape, char **error)
{
	static const char *const keys[] = {"headers", "others", "ratio", "tail", "bounce", "port", NULL};
	struct shape_trim *trim = &shape->trim;
	int64_t headers, others, ratio, port;

	memset(trim, 0, sizeof *trim);
	if (shape->queue != QUEUE_TRIM)
		return stray_key(node, keys, "trim", error);
	if (shape->queue_packets < 2)
		return conf_error(
			node, error, "trim needs room for two packets of data at least; write packets: 8");
	if (conf_integer(node, "headers", 1, 1000000, TRIM_HEADERS, &headers, error) < 0 ||
		conf_integer(node, "others", 1, 1000000, 0, &others, error) < 0 ||
		conf_integer(node, "ratio", 0, 1000000, TRIM_RATIO, &ratio, error) < 0 ||
		conf_fraction(node, "tail", 0.5, &trim->tail, error) < 0 ||
		conf_bool(node, "bounce", true, &trim->bounce, error) < 0 ||
		conf_integer(node, "port", 1, 65535, NDP_PORT, &port, error) < 0)
		return -1;
	trim->headers = (uint32_t)headers;
	trim->others = (uint32_t)others;
	trim->ratio = (uint32_t)ratio;
	trim->port = (uint16_t)port;
	return 0;
}

static int read_queue_mapping(const struct conf_node *node, struct shape *shape, char **error)
{
	static const char *const keys[] = {"packets", "delay", "at_least", "bytes", "discipline", "target",
		"interval", "ecn", "mark_beyond", "headers", "others", "ratio", "tail", "bounce", "port",
		NULL};
	static const char *const codel_keys[] = {"target", "interval", "ecn", NULL};
	int discipline = QUEUE_DROP_TAIL;
	int64_t packets, least, mark;
	if (conf_only(node, keys, error) < 0 ||
		conf_integer(node, "packets", 1, QUEUE_MAX, 0, &packets, error) < 0 ||
		conf_duration(node, "delay", 0, LONGEST, 0, &shape->queue_delay_ns, error) < 0 ||
		conf_integer(node, "at_least", 1, QUEUE_MAX, 1, &least, error) < 0 ||
		read_size(node, "bytes", &shape->queue_bytes, error) < 0 ||
		conf_word(node, "discipline", queue_names, discipline, &discipline, error) < 0 ||
		conf_duration(node, "target", NS_PER_US, NS_PER_S, CODEL_TARGET, &shape->codel_target_ns,
			error) < 0 ||
		conf_duration(node, "interval", NS_PER_US, 10 * NS_PER_S, CODEL_INTERVAL,
			&shape->codel_interval_ns, error) < 0 ||
		conf_bool(node, "ecn", false, &shape->ecn, error) < 0 ||
		conf_integer(node, "mark_beyond", 1, QUEUE_MAX, 0, &mark, error) < 0)
		return -1;
	bool timed = conf_child(node, "delay");
	if (timed && conf_child(node, "packets"))
		return conf_error(node, error, "a queue has a number of packets or a delay, not both");
	if (conf_child(node, "at_least") && !timed)
		return conf_error(conf_child(node, "at_least"), error,
			"`at_least` is of a queue with a delay; write packets, or add the delay");
	shape->queue_least = timed ? (uint32_t)least : 0;
	shape->queue_packets = (uint32_t)packets;
	shape->ecn_packets = (uint32_t)mark;
	shape->queue = (enum shape_queue)discipline;
	if (read_trim(node, shape, error) < 0)
		return -1;
	if (shape->queue == QUEUE_CODEL)
		return 0;
	shape->codel_target_ns = shape->codel_interval_ns = 0;
	return stray_key(node, codel_keys, "codel", error);
}

/* The limit in bytes stands beside the queue, and stays unless it is named. */
static int read_queue(const struct conf_node *map, struct shape *shape, char **error)
{
	const struct conf_node *node = conf_child(map, "queue");
	int64_t packets;
	if (node) {
		shape->queue = QUEUE_DROP_TAIL;
		shape->queue_packets = shape->ecn_packets = shape->queue_least = 0;
		shape->queue_delay_ns = 0;
		shape->codel_target_ns = shape->codel_interval_ns = 0;
		shape->ecn = false;
		memset(&shape->trim, 0, sizeof shape->trim);
		if (node->type == CONF_MAPPING && read_queue_mapping(node, shape, error) < 0)
			return -1;
		if (node->type != CONF_MAPPING) {
			if (conf_integer(map, "queue", 1, QUEUE_MAX, 0, &packets, error) < 0)
				return -1;
			shape->queue_packets = (uint32_t)packets;
		}
	}
	return read_size(map, "queue_bytes", &shape->queue_bytes, error);
}

/* As many packets as wait for queue_delay_ns. */
static void fit_queue(struct shape *shape)
{
	if (shape->queue_least == 0 || !shape->rate_bps)
		return;
	double packets =
		round((double)shape->rate_bps * (double)shape->queue_delay_ns / NS_PER_S / FRAME_BITS);
	packets = packets < shape->queue_least ? shape->queue_least : packets;
	shape->queue_packets = packets < QUEUE_MAX ? (uint32_t)packets : QUEUE_MAX;
}

static int read_radio(const struct conf_node *map, struct shape *shape, char **error)
{
	const char *name;
	if (conf_string(map, "cellular", shape->radio, &name, error) < 0)
		return -1;
	if (name == shape->radio)
		return 0;
	if (!*name || radio_profile(name)) {
		snprintf(shape->radio, sizeof shape->radio, "%s", name);
		return 0;
	}
	char known[512] = "";
	for (const struct radio_profile *p = radio_profiles; p->name; p++)
		snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", *known ? ", " : "",
			p->name);
	return conf_error(
		conf_child(map, "cellular"), error, "no radio profile `%s`; there are %s", name, known);
}

int shape_read(const struct conf_node *map, struct shape *shape, char **error)
{
	int64_t seed;
	if (conf_rate(map, "rate", 1000, RATE_MAX, shape->rate_bps, &shape->rate_bps, error) < 0 ||
		read_path(map, "opportunities", shape->opportunities, trace_opportunities, error) < 0 ||
		conf_duration(map, "delay", 0, LONGEST, shape->delay_ns, &shape->delay_ns, error) < 0 ||
		read_jitter(map, shape, error) < 0 || read_loss(map, shape, error) < 0 ||
		conf_fraction(map, "duplicate", shape->duplicate, &shape->duplicate, error) < 0 ||
		conf_fraction(map, "corrupt", shape->corrupt, &shape->corrupt, error) < 0 ||
		conf_fraction(map, "reorder", shape->reorder, &shape->reorder, error) < 0 ||
		read_queue(map, shape, error) < 0 || read_radio(map, shape, error) < 0 ||
		(conf_child(map, "medium") &&
			shape_medium_read(conf_child(map, "medium"), &shape->medium, error) < 0) ||
		conf_integer(map, "seed", 0, INT64_MAX, (int64_t)shape->seed, &seed, error) < 0)
		return -1;
	shape->seed = (uint64_t)seed;
	fit_queue(shape);
	if (conf_child(map, "opportunities") && !conf_child(map, "rate"))
		shape->rate_bps = 0;
	if (conf_child(map, "rate") && !conf_child(map, "opportunities"))
		*shape->opportunities = 0;
	return 0;
}

int shape_check(const struct conf_node *map, const struct shape *shape, char **error)
{
	const struct conf_node *jitter = conf_child(map, "jitter"), *rate = conf_child(map, "rate");
	if (shape->jitter == JITTER_UNIFORM && shape->jitter_ns > shape->delay_ns)
		return conf_error(jitter ? jitter : map, error,
			"the jitter exceeds the delay; a packet cannot arrive before it was sent");
	if (shape->rate_bps && *shape->opportunities)
		return conf_error(
			rate ? rate : map, error, "a link has a rate or delivery opportunities, not both");
	if (shape->queue_least && !shape->rate_bps)
		return conf_error(conf_child(map, "queue") ? conf_child(map, "queue") : map, error,
			"a queue with a delay needs the link's rate; write rate, or packets");
	if (*shape->medium.name && (shape->rate_bps || *shape->opportunities || *shape->radio))
		return conf_error(conf_child(map, "medium") ? conf_child(map, "medium") : map, error,
			"what is on a medium has its phy_rate for a rate; leave out rate, opportunities and cellular");
	if (shape->queue == QUEUE_TRIM && !shape->rate_bps)
		return conf_error(conf_child(map, "queue") ? conf_child(map, "queue") : map, error,
			"trim needs a rate: without one nothing ever waits, and with opportunities, cellular or a medium it is not modelled");
	if (shape->queue == QUEUE_TRIM && *shape->radio)
		return conf_error(conf_child(map, "queue") ? conf_child(map, "queue") : map, error,
			"trim on a cellular link is not modelled; leave one of them out");
	return 0;
}

bool shape_same_place(const struct shape *a, const struct shape *b)
{
	return strcmp(a->radio, b->radio) == 0 && shape_medium_same(&a->medium, &b->medium) &&
	       (a->queue == QUEUE_TRIM) == (b->queue == QUEUE_TRIM);
}

int shape_check_pair(const struct conf_node *map, const struct shape *a, const struct shape *b, bool one_link,
	char **error)
{
	if (one_link && (*a->radio == 0) != (*b->radio == 0))
		return conf_error(map, error,
			"only one of its directions is cellular, but both wake the radio; write `cellular: %s` for the link",
			*a->radio ? a->radio : b->radio);
	if (one_link && strcmp(a->radio, b->radio) != 0)
		return conf_error(map, error, "its directions name two radios, %s and %s; a link has one",
			a->radio, b->radio);
	return shape_medium_check_pair(map, &a->medium, &b->medium, one_link, error);
}

static void write_share(FILE *out, const char *name, double share)
{
	char text[UNIT_FRACTION_TEXT];
	fprintf(out, "%s: %s", name, unit_fraction_text(share, text));
}

void shape_write(FILE *out, const struct shape *s)
{
	fprintf(out, "{delay: %" PRId64 "ns, jitter: {spread: %" PRId64 "ns, distribution: %s, reorder: %s}",
		s->delay_ns, s->jitter_ns, jitter_names[s->jitter], s->jitter_reorders ? "true" : "false");
	if (s->rate_bps)
		fprintf(out, ", rate: %" PRIu64 "bit/s", s->rate_bps);
	if (*s->opportunities)
		fprintf(out, ", opportunities: \"%s\"", s->opportunities);
	if (s->loss_model == LOSS_RANDOM)
		write_share(out, ", loss", s->loss);
	if (s->loss_model == LOSS_EVERY)
		fprintf(out, ", loss: {every: %" PRIu32 "}", s->loss_every);
	if (s->loss_model == LOSS_TRACE)
		fprintf(out, ", loss: {trace: \"%s\"}", s->loss_trace);
	if (s->loss_model == LOSS_GILBERT_ELLIOTT) {
		write_share(out, ", loss: {gilbert-elliott: {to_bad", s->to_bad);
		write_share(out, ", to_good", s->to_good);
		write_share(out, ", good", s->loss_good);
		write_share(out, ", bad", s->loss_bad);
		fprintf(out, "}}");
	}
	write_share(out, ", duplicate", s->duplicate);
	write_share(out, ", corrupt", s->corrupt);
	write_share(out, ", reorder", s->reorder);
	fprintf(out, ", queue: {discipline: %s", queue_names[s->queue]);
	if (s->queue_packets)
		fprintf(out, ", packets: %" PRIu32, s->queue_packets);
	if (s->queue_bytes)
		fprintf(out, ", bytes: %" PRIu64, s->queue_bytes);
	if (s->queue == QUEUE_CODEL)
		fprintf(out, ", target: %" PRId64 "ns, interval: %" PRId64 "ns, ecn: %s", s->codel_target_ns,
			s->codel_interval_ns, s->ecn ? "true" : "false");
	if (s->queue == QUEUE_TRIM)
		fprintf(out,
			", headers: %" PRIu32 ", ratio: %" PRIu32
			", tail: %.17g%%, bounce: %s, port: %" PRIu16,
			s->trim.headers, s->trim.ratio, 100 * s->trim.tail, s->trim.bounce ? "true" : "false",
			s->trim.port);
	if (s->trim.others)
		fprintf(out, ", others: %" PRIu32, s->trim.others);
	if (s->ecn_packets)
		fprintf(out, ", mark_beyond: %" PRIu32, s->ecn_packets);
	fprintf(out, "}");
	if (*s->radio)
		fprintf(out, ", cellular: %s", s->radio);
	if (*s->medium.name)
		shape_medium_write(out, &s->medium);
	fprintf(out, ", seed: %" PRIu64 "}", s->seed);
}

char *shape_text(const struct shape *shape)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	shape_write(out, shape);
	fclose(out);
	return text;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
	return a->rate_bps == b->rate_bps && strcmp(a->opportunities, b->opportunities) == 0 &&
	       a->delay_ns == b->delay_ns && a->jitter_ns == b->jitter_ns && a->jitter == b->jitter &&
	       a->jitter_reorders == b->jitter_reorders && a->loss_model == b->loss_model &&
	       a->loss == b->loss && a->to_bad == b->to_bad && a->to_good == b->to_good &&
	       a->loss_good == b->loss_good && a->loss_bad == b->loss_bad && a->loss_every == b->loss_every &&
	       strcmp(a->loss_trace, b->loss_trace) == 0 && a->duplicate == b->duplicate &&
	       a->corrupt == b->corrupt && a->reorder == b->reorder && a->queue_packets == b->queue_packets &&
	       a->queue_bytes == b->queue_bytes && a->queue == b->queue &&
	       a->trim.headers == b->trim.headers && a->trim.others == b->trim.others &&
	       a->trim.ratio == b->trim.ratio && a->trim.tail == b->trim.tail &&
	       a->trim.bounce == b->trim.bounce && a->trim.port == b->trim.port &&
	       a->codel_target_ns == b->codel_target_ns && a->codel_interval_ns == b->codel_interval_ns &&
	       a->ecn == b->ecn && a->ecn_packets == b->ecn_packets && shape_same_place(a, b) &&
	       shape_medium_equal(&a->medium, &b->medium) && a->seed == b->seed;
}

bool shape_is_plain(const struct shape *s, const char **what)
{
	const struct {
		bool is;
		const char *name;
	} extras[] = {
		{*s->opportunities, "delivery opportunities"},
		{s->jitter != JITTER_UNIFORM || s->jitter_reorders,
			"a jitter that is not uniform and in order"},
		{s->loss_model != LOSS_RANDOM, "a loss model other than random"},
		{s->duplicate > 0 || s->corrupt > 0 || s->reorder > 0,
			"duplicates, corruption or reordering"},
		{s->queue != QUEUE_DROP_TAIL, "a queue other than drop-tail"},
		{s->queue_bytes > 0, "a queue in bytes"},
		{s->ecn_packets > 0, "ECN marks"},
		{*s->radio, "a cellular radio"},
		{*s->medium.name, "a shared medium"},
	};
	for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
		if (extras[i].is) {
			*what = extras[i].name;
			return false;
		}
	return true;
}
