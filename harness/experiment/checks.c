/* Experiment, the checks of a procedure (`expect`): a table of kinds. `at` names the capture, or several that are
 * looked at together, and `flows` which of its connections carry data; both are said once for all. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include <string.h>

struct expect { /* what is said once */
	const struct conf_node *map;
	const int *captures;
	size_t captures_count;
	struct flow_selection flows;
};

static int read_at(struct experiment *e, struct expect *x, char **error)
{
	const struct conf_node *at = conf_child(x->map, "at");
	if (!at)
		return 0;
	int *captures = pool_alloc(e->pool, at->children + 1, sizeof *captures);
	x->captures = captures;
	if (at->type != CONF_SEQUENCE) {
		x->captures_count = 1;
		return capture_named(e, x->map, "at", true, captures, error);
	}
	for (const struct conf_node *item = conf_first(at); item; item = item->next) {
		size_t i = 0;
		while (i < e->captures_count &&
			(item->type != CONF_SCALAR || strcmp(e->captures[i].name, item->value) != 0))
			i++;
		if (i == e->captures_count)
			return conf_error(item, error, "`%s` is not captured; add it to `captures`",
				item->type == CONF_SCALAR ? item->value : "?");
		captures[x->captures_count++] = (int)i;
	}
	return x->captures_count ? 0 : conf_error(at, error, "no captures; write [NODE/LINK, ...]");
}

static int need_at(const struct expect *x, const struct conf_node *by, char **error)
{
	return x->captures_count
		       ? 0
		       : conf_error(by, error, "`%s` is seen in a capture; add `at: NODE/LINK`", by->key);
}

static int read_protocol(struct experiment *e, const struct expect *x, struct check *c, char **error)
{
	static const char *const words[] = {"any", "tcp", "mptcp", NULL};
	int word;
	(void)e;
	if (conf_word(x->map, "protocol", words, 0, &word, error) < 0)
		return -1;
	c->mptcp = word == 2;
	return word == 0 ? 1 : need_at(x, c->at, error);
}

static int read_subflows(struct experiment *e, const struct expect *x, struct check *c, char **error)
{
	if (conf_expect(c->at, CONF_SEQUENCE, error) < 0 || need_at(x, c->at, error) < 0)
		return -1;
	struct subflow_place *places = pool_alloc(e->pool, c->at->children + 1, sizeof *places);
	for (const struct conf_node *item = conf_first(c->at); item; item = item->next)
		if (read_place(e, item, &places[c->subflows_count++], error) < 0)
			return -1;
	c->subflows = places;
	return 0;
}

static int read_tunnel(struct experiment *e, const struct expect *x, struct check *c, char **error)
{
	static const char *const keys[] = {"at", "port", "pattern", "readable", NULL};
	int *capture = pool_alloc(e->pool, 1, sizeof *capture);
	int64_t port;
	(void)x;
	if (conf_only(c->at, keys, error) < 0 || capture_named(e, c->at, "at", true, capture, error) < 0 ||
		conf_integer(c->at, "port", 1, 65535, 1194, &port, error) < 0 ||
		conf_need_string(c->at, "pattern", &c->pattern, error) < 0 ||
		conf_bool(c->at, "readable", true, &c->readable, error) < 0)
		return -1;
	c->captures = capture;
	c->captures_count = 1;
	c->port = (int)port;
	return 0;
}

static int read_program(struct experiment *e, const struct expect *x, struct check *c, char **error)
{
	static const char *const keys[] = {"run", "node", "within", NULL};
	(void)x;
	if (conf_only(c->at, keys, error) < 0 || read_check_program(e, c->at, &c->program, error) < 0)
		return -1;
	c->program.node = -1;
	return conf_child(c->at, "node") ? read_node(e, c->at, "node", &c->program.node, error) : 0;
}

static const struct kind {
	const char *key;
	bool many; /* a list of such mappings, or one of them */
	/* 1: it checks nothing. */
	int (*read)(struct experiment *e, const struct expect *x, struct check *c, char **error);
} kinds[CHECK_KINDS] = {
	[CHECK_PROTOCOL] = {"protocol", false, read_protocol},
	[CHECK_SUBFLOWS] = {"subflows", false, read_subflows},
	[CHECK_TUNNEL] = {"tunnel", false, read_tunnel},
	[CHECK_PROGRAM] = {"program", true, read_program},
};

static int add(struct experiment *e, const struct expect *x, enum check_kind kind, const struct conf_node *at,
	struct check *checks, struct procedure *p, char **error)
{
	struct check *c = &checks[p->checks_count];
	*c = (struct check){.kind = kind,
		.captures = x->captures,
		.captures_count = x->captures_count,
		.flows = x->flows,
		.at = at};
	int result = kinds[kind].read(e, x, c, error);
	p->checks_count += result == 0;
	return result < 0 ? -1 : 0;
}

int read_checks(struct experiment *e, const struct conf_node *map, struct procedure *p, char **error)
{
	static const char *const keys[] = {"protocol", "at", "subflows", "tunnel", "program", "flows", NULL};
	struct expect x = {.map = map};
	size_t room = CHECK_KINDS + 1;
	if (!map)
		return 0;
	if (conf_only(map, keys, error) < 0 || read_at(e, &x, error) < 0 ||
		read_flows(map, &x.flows, error) < 0)
		return -1;
	if (x.flows.udp)
		return conf_error(
			conf_child(map, "flows"), error, "what is expected is seen in TCP connections");
	for (size_t k = 0; k < CHECK_KINDS; k++)
		room += conf_child(map, kinds[k].key) ? conf_child(map, kinds[k].key)->children : 0;
	struct check *checks = pool_alloc(e->pool, room, sizeof *checks);
	p->checks = checks;
	for (size_t k = 0; k < CHECK_KINDS; k++) {
		const struct conf_node *at = conf_child(map, kinds[k].key);
		bool list = at && kinds[k].many && at->type == CONF_SEQUENCE;
		if (at && !list && add(e, &x, (enum check_kind)k, at, checks, p, error) < 0)
			return -1;
		for (const struct conf_node *item = list ? conf_first(at) : NULL; item; item = item->next)
			if (add(e, &x, (enum check_kind)k, item, checks, p, error) < 0)
				return -1;
	}
	/* Without a promise the subflows are noted all the same. */
	if (x.captures_count && !conf_child(map, "subflows"))
		checks[p->checks_count++] = (struct check){.kind = CHECK_SUBFLOWS,
			.captures = x.captures,
			.captures_count = x.captures_count,
			.flows = x.flows,
			.at = map};
	return 0;
}
