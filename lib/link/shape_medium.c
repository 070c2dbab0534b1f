/* The words of a medium; see the header. */
#include "lib/link/shape_medium.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <inttypes.h>
#include <string.h>

#define RATE_MAX 100000000000
#define TRIES 7 /* 802.11's short retry limit */
/* Of 802.11g, in the mean: 15 slots of 9 us, halved. */
#define BACKOFF (68 * NS_PER_US)
/* An access point that comes later than the radio stays would hardly ever be met. */
#define STALE_TO_STAY 100
/* Of the dynamic policy: Trilogy2 Deliverable D1.2, section 3.2.2; where it says no number, nodes/visits/README.md has how this one came about. */
#define DWELL_STEP (100 * NS_PER_MS)
#define DWELL_MOST (500 * NS_PER_MS)
#define FLUSH (5 * NS_PER_MS)
#define BOOST_ABOVE 15000000
#define IDLE_FACTOR 3

static const char *const policies[] = {"fixed", "dynamic", NULL};
static const char *const senders[] = {"station", "access-point", NULL};

/* One word that needs no quotes. */
static int read_name(const struct conf_node *map, const char *key, char *name, char **error)
{
	const char *word;
	if (conf_string(map, key, name, &word, error) < 0)
		return -1;
	size_t length = strlen(word);
	if (word == name)
		return 0;
	if (length == 0 || length >= SHAPE_NAME ||
		strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != length)
		return conf_error(conf_child(map, key), error,
			"`%s` cannot be a name; it has 1 to %d letters, digits, - or _", word,
			SHAPE_NAME - 1);
	strcpy(name, word);
	return 0;
}

/* A key that only means something where something else is said. */
static int stray(
	const struct conf_node *node, const char *const *keys, size_t count, const char *what, char **error)
{
	for (size_t i = 0; i < count; i++)
		if (conf_child(node, keys[i]))
			return conf_error(
				conf_child(node, keys[i]), error, "`%s` is that of %s", keys[i], what);
	return 0;
}

static int read_dynamic(const struct conf_node *node, struct shape_medium *m, char **error)
{
	static const char *const keys[] = {"dwell_step", "dwell_most", "boost_above", "idle_factor", "flush"};
	bool fresh = m->dwell_most_ns == 0;

	if (m->policy != VISITS_DYNAMIC) {
		m->dwell_step_ns = m->dwell_most_ns = m->flush_ns = 0;
		m->boost_above_bps = 0;
		m->idle_factor = 0;
		return stray(node, keys, sizeof keys / sizeof *keys,
			"the dynamic policy; write policy: dynamic, or leave it out", error);
	}
	if (conf_duration(node, "dwell_step", 0, 10 * NS_PER_S, fresh ? DWELL_STEP : m->dwell_step_ns,
		    &m->dwell_step_ns, error) < 0 ||
		conf_duration(node, "dwell_most", NS_PER_MS, 10 * NS_PER_S,
			fresh ? (m->dwell_ns > DWELL_MOST ? m->dwell_ns : DWELL_MOST) : m->dwell_most_ns,
			&m->dwell_most_ns, error) < 0 ||
		conf_rate(node, "boost_above", 1, RATE_MAX, fresh ? BOOST_ABOVE : m->boost_above_bps,
			&m->boost_above_bps, error) < 0 ||
		conf_number(node, "idle_factor", 1, 1000, fresh ? IDLE_FACTOR : m->idle_factor,
			&m->idle_factor, error) < 0 ||
		conf_duration(node, "flush", 0, NS_PER_S, fresh ? FLUSH : m->flush_ns, &m->flush_ns, error) <
			0)
		return -1;
	if (m->dwell_most_ns < m->dwell_ns)
		return conf_error(node, error,
			"dwell_most is less than dwell; the longest visit is no shorter than the first");
	if (m->idle_ns > m->dwell_ns)
		return conf_error(node, error, "idle exceeds dwell; with the dynamic policy Tw is at most T");
	return 0;
}

/* Defaults of a switching radio: Trilogy2 Deliverable D1.2, section 3.2 (3 ms, T = 100 ms, Tw = 10 ms). */
static int read_radio(const struct conf_node *node, struct shape_medium *m, char **error)
{
	static const char *const keys[] = {"switching", "dwell", "idle", "policy", "dwell_step", "dwell_most",
		"boost_above", "idle_factor", "flush", "sender", "stale"};
	bool fresh = m->dwell_ns == 0;
	int policy = (int)m->policy;

	if (!*m->radio)
		return stray(node, keys, sizeof keys / sizeof *keys,
			"a radio which several links share; name it: radio: NAME", error);
	if (conf_duration(node, "switching", 0, NS_PER_S, fresh ? 3 * NS_PER_MS : m->switching_ns,
		    &m->switching_ns, error) < 0 ||
		conf_duration(node, "dwell", NS_PER_MS, 10 * NS_PER_S, fresh ? 100 * NS_PER_MS : m->dwell_ns,
			&m->dwell_ns, error) < 0 ||
		conf_duration(node, "idle", 0, 10 * NS_PER_S, fresh ? 10 * NS_PER_MS : m->idle_ns,
			&m->idle_ns, error) < 0 ||
		conf_word(node, "policy", policies, policy, &policy, error) < 0)
		return -1;
	m->policy = (enum visits_policy)policy;
	return read_dynamic(node, m, error);
}

static int read_sender(const struct conf_node *node, struct shape_medium *m, char **error)
{
	int sender = m->access_point;
	int64_t stays = m->idle_ns && m->idle_ns < m->dwell_ns ? m->idle_ns : m->dwell_ns;

	if (!*m->radio)
		return 0;
	if (conf_word(node, "sender", senders, sender, &sender, error) < 0 ||
		conf_duration(node, "stale", 0, NS_PER_S, m->stale_ns, &m->stale_ns, error) < 0)
		return -1;
	m->access_point = sender == 1;
	if (m->stale_ns && !m->access_point)
		return conf_error(node, error,
			"`stale` is that of an access point; write sender: access-point in the direction that it sends");
	if (m->stale_ns > STALE_TO_STAY * stays)
		return conf_error(node, error,
			"`stale` is more than %d times as long as the radio waits (idle, dwell): it would hardly ever meet the access point",
			STALE_TO_STAY);
	return 0;
}

static int read_attempts(const struct conf_node *map, struct shape_medium *m, char **error)
{
	static const char *const keys[] = {"success", "limit", "backoff", NULL};
	const struct conf_node *node = conf_child(map, "attempts");
	bool fresh = m->tries == 0;
	int64_t limit;

	if (!node)
		return 0;
	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, keys, error) < 0 ||
		conf_fraction(node, "success", fresh ? 1 : m->success, &m->success, error) < 0 ||
		conf_integer(node, "limit", 1, 32, fresh ? TRIES : m->tries, &limit, error) < 0 ||
		conf_duration(node, "backoff", 0, NS_PER_MS, fresh ? BACKOFF : m->backoff_ns, &m->backoff_ns,
			error) < 0)
		return -1;
	m->tries = (uint32_t)limit;
	return m->success > 0
		       ? 0
		       : conf_error(node, error,
				 "success must be above 0; where nothing ever passes, write loss: 100%%");
}

int shape_medium_read(const struct conf_node *node, struct shape_medium *m, char **error)
{
	static const char *const keys[] = {"name", "phy_rate", "overhead", "channel", "radio", "switching",
		"dwell", "idle", "policy", "dwell_step", "dwell_most", "boost_above", "idle_factor", "flush",
		"sender", "stale", "attempts", NULL};
	int64_t channel;

	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, keys, error) < 0 ||
		read_name(node, "name", m->name, error) < 0 ||
		read_name(node, "radio", m->radio, error) < 0 ||
		conf_rate(node, "phy_rate", 1000, RATE_MAX, m->phy_rate_bps, &m->phy_rate_bps, error) < 0 ||
		conf_duration(node, "overhead", 0, 100 * NS_PER_MS, m->overhead_ns, &m->overhead_ns, error) <
			0 ||
		conf_integer(node, "channel", 1, 1000, m->channel ? m->channel : 1, &channel, error) < 0 ||
		read_radio(node, m, error) < 0 || read_sender(node, m, error) < 0 ||
		read_attempts(node, m, error) < 0)
		return -1;
	m->channel = (uint32_t)channel;
	if (!*m->name || !m->phy_rate_bps)
		return conf_error(node, error, "a medium has a name and a phy_rate; write %s",
			*m->name ? "phy_rate: 54Mbit/s" : "name: wifi");
	return 0;
}

/* ---- two of them */

static bool same_visits(const struct shape_medium *a, const struct shape_medium *b)
{
	return a->switching_ns == b->switching_ns && a->dwell_ns == b->dwell_ns && a->idle_ns == b->idle_ns &&
	       a->policy == b->policy && a->dwell_step_ns == b->dwell_step_ns &&
	       a->dwell_most_ns == b->dwell_most_ns && a->boost_above_bps == b->boost_above_bps &&
	       a->idle_factor == b->idle_factor && a->flush_ns == b->flush_ns;
}

static bool one_place(const struct shape_medium *a, const struct shape_medium *b)
{
	return strcmp(a->name, b->name) == 0 && a->channel == b->channel && strcmp(a->radio, b->radio) == 0 &&
	       same_visits(a, b);
}

bool shape_medium_same(const struct shape_medium *a, const struct shape_medium *b)
{
	return one_place(a, b) && a->access_point == b->access_point;
}

bool shape_medium_equal(const struct shape_medium *a, const struct shape_medium *b)
{
	return shape_medium_same(a, b) && a->phy_rate_bps == b->phy_rate_bps &&
	       a->overhead_ns == b->overhead_ns && a->stale_ns == b->stale_ns && a->success == b->success &&
	       a->tries == b->tries && a->backoff_ns == b->backoff_ns;
}

int shape_medium_check_pair(const struct conf_node *map, const struct shape_medium *a,
	const struct shape_medium *b, bool one_link, char **error)
{
	if (one_link && !one_place(a, b))
		return conf_error(map, error,
			"its directions are in two places; of a medium only phy_rate, overhead, attempts, sender and stale differ between them");
	if (one_link && a->access_point && b->access_point)
		return conf_error(map, error,
			"both of its directions are sent by an access point; one is sent by the radio: write sender: access-point under `reverse`, or `forward`, alone");
	if (one_link && a->policy == VISITS_DYNAMIC && !a->access_point && !b->access_point)
		return conf_error(map, error,
			"the dynamic policy counts what the access point sends; write medium: {sender: access-point} under `reverse`, or `forward`");
	if (!*a->name || !*a->radio || strcmp(a->name, b->name) != 0 || strcmp(a->radio, b->radio) != 0 ||
		same_visits(a, b))
		return 0;
	return conf_error(map, error,
		"radio %s of medium %s has other values for switching, dwell, idle or the policy on another link; write the same",
		b->radio, b->name);
}

void shape_medium_visits(const struct shape_medium *m, struct visits_settings *settings)
{
	*settings = (struct visits_settings){.policy = m->policy,
		.switching_ns = m->switching_ns,
		.dwell_ns = m->dwell_ns,
		.idle_ns = m->idle_ns,
		.dwell_step_ns = m->dwell_step_ns,
		.dwell_most_ns = m->dwell_most_ns,
		.boost_above_bps = m->boost_above_bps,
		.idle_factor = m->idle_factor,
		.flush_ns = m->flush_ns};
}

/* ---- writing */

static void write_radio(FILE *out, const struct shape_medium *m)
{
	fprintf(out, ", radio: %s, switching: %" PRId64 "ns, dwell: %" PRId64 "ns, idle: %" PRId64 "ns",
		m->radio, m->switching_ns, m->dwell_ns, m->idle_ns);
	if (m->policy == VISITS_DYNAMIC)
		fprintf(out,
			", policy: dynamic, dwell_step: %" PRId64 "ns, dwell_most: %" PRId64
			"ns, boost_above: %" PRIu64 "bit/s, idle_factor: %.17g, flush: %" PRId64 "ns",
			m->dwell_step_ns, m->dwell_most_ns, m->boost_above_bps, m->idle_factor, m->flush_ns);
	if (m->access_point)
		fprintf(out, ", sender: access-point, stale: %" PRId64 "ns", m->stale_ns);
}

void shape_medium_write(FILE *out, const struct shape_medium *m)
{
	char text[UNIT_FRACTION_TEXT];

	fprintf(out,
		", medium: {name: %s, phy_rate: %" PRIu64 "bit/s, overhead: %" PRId64 "ns, channel: %" PRIu32,
		m->name, m->phy_rate_bps, m->overhead_ns, m->channel);
	if (*m->radio)
		write_radio(out, m);
	if (m->tries)
		fprintf(out, ", attempts: {success: %s, limit: %" PRIu32 ", backoff: %" PRId64 "ns}",
			unit_fraction_text(m->success, text), m->tries, m->backoff_ns);
	fprintf(out, "}");
}
