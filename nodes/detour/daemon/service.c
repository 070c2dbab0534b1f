/* The NAT service: batches of datagrams, and the periodic sweep. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/detour/daemon/service_internal.h"
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define END_AT_ONCE 1024
/* Sweeps: four in the shortest time a mapping has, between these. */
#define SWEEP_SHORTEST_NS (25 * NS_PER_MS)
#define SWEEP_LONGEST_NS NS_PER_S
#define SEAL_EVERY_NS (60 * NS_PER_S)

int64_t service_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec + 1;
}

const char *service_owner_name(const struct service *service, uint64_t owner)
{
	const struct member *member = owner == MAPPING_NOBODY ? NULL : members_find(service->members, owner);
	return owner == MAPPING_NOBODY ? "-" : member ? member->name : "?";
}

void service_trail_mapping(
	struct service *service, enum trail_kind kind, const struct mapping *m, const char *why)
{
	struct trail_record r = {.kind = kind, .detour.port = m->detour_port, .remote = m->remote};
	if (!service->trail)
		return;
	r.client.address = m->client;
	snprintf(r.member, sizeof r.member, "%s", service_owner_name(service, m->owner));
	snprintf(r.reason, sizeof r.reason, "%s", why);
	trail_write(service->trail, &r);
}

static void log_mapping(
	const struct service *service, const char *event, const struct mapping *m, uint16_t proposed)
{
	char client[ADDRESS_TEXT], remote[ADDRESS_TEXT];
	log_info(event, "client=%s detour_port=%u remote=%s remote_port=%u proposed=%u member=%s",
		address_text(&m->client, client), m->detour_port, address_text(&m->remote.address, remote),
		m->remote.port, proposed, service_owner_name(service, m->owner));
}

void service_end(struct service *service, const struct mapping *copies, size_t count, const char *why)
{
	struct elements_change changes[END_AT_ONCE];
	char event[32], *error = NULL;
	snprintf(event, sizeof event, "mapping-%s", why);
	for (size_t at = 0; at < count; at += END_AT_ONCE) {
		size_t some = count - at < END_AT_ONCE ? count - at : END_AT_ONCE;
		for (size_t i = 0; i < some; i++) {
			const struct mapping *copy = &copies[at + i];
			struct mapping *m =
				mapping_find_port(service->table, &copy->client, copy->detour_port);
			changes[i] = (struct elements_change){copy, true};
			log_mapping(service, event, copy, copy->detour_port);
			service_trail_mapping(service, TRAIL_UNMAPPED, copy, why);
			if (m) {
				service_flows_keep(service, m);
				mapping_remove(service->table, m);
			}
		}
		if (nat_commit(service->nat, changes, some, &error) < 0)
			log_warning("nat-remove", "problem=\"%s\"", error);
	}
	free(error);
}

/* --- a batch
 * ----------------------------------------------------------------------------------------------------- */

struct batch {
	struct service *service;
	struct mailbox *mailbox;
	struct desk_outcome outcomes[MAILBOX_BATCH];
	const struct desk_letter *letters[MAILBOX_BATCH];
	struct elements_change changes[MAILBOX_BATCH];
	size_t outcome_count, change_count;
};

/* Before the answer goes: the client may send at once. */
static void allow_destinations(struct service *s, struct desk_outcome *o, const struct desk_letter *letter)
{
	int64_t now = service_now_ns();
	errno = 0;
	if (!o->option || destinations_allow(s->destinations, address_v4(&letter->from.address),
				  o->answer.key, now, now + o->answer.lease_s * NS_PER_S) == 0)
		return;
	char text[ADDRESS_TEXT];
	log_warning("syn-option", "client=%s member=%s problem=\"not served: %s\"",
		address_text(&letter->from.address, text), o->member->name,
		errno ? strerror(errno) : "another member has this address, too");
	o->answer.result = MESSAGE_NO_OPTION;
	memset(o->answer.key, 0, sizeof o->answer.key);
}

/* One transaction for all that was granted; where it fails nothing was granted. */
static void commit_batch(struct batch *b)
{
	struct service *s = b->service;
	char *error = NULL;
	bool done = b->change_count == 0 || nat_commit(s->nat, b->changes, b->change_count, &error) == 0;
	if (!done)
		log_error("nat-table", "problem=\"%s\"", error);
	free(error);
	for (size_t i = 0; i < b->outcome_count; i++) {
		struct desk_outcome *o = &b->outcomes[i];
		if (done)
			allow_destinations(s, o, b->letters[i]);
		if (!o->added)
			continue;
		if (done) {
			log_mapping(s, "mapping-added", o->added, o->proposed);
			service_trail_mapping(s, TRAIL_MAPPED, o->added, "");
			continue;
		}
		s->counters.failed++;
		desk_fail(&s->desk, o);
		mapping_remove(s->table, o->added);
	}
}

static void send_answers(struct batch *b)
{
	uint8_t bytes[MAILBOX_BATCH][SEAL_SIZE], nonces[MAILBOX_BATCH][SEAL_NONCE];
	struct mailbox_answer answers[MAILBOX_BATCH];
	size_t count = 0;
	if (b->outcome_count)
		randombytes_buf(nonces, b->outcome_count * sizeof *nonces);
	for (size_t i = 0; i < b->outcome_count; i++) {
		if (!b->outcomes[i].answered)
			continue;
		size_t size = desk_write(&b->outcomes[i], nonces[i], bytes[count]);
		answers[count] = (struct mailbox_answer){b->letters[i], bytes[count], size};
		count++;
	}
	size_t sent = count ? mailbox_send(b->mailbox, answers, count) : 0;
	b->service->counters.responses += sent;
	b->service->counters.unsent += count - sent;
}

static void finish(struct batch *b)
{
	commit_batch(b);
	send_answers(b);
	b->outcome_count = b->change_count = 0;
}

/* A mapping that goes might be one that this batch has just granted: what is before it is finished first. */
static void take_out(struct batch *b, struct mapping *m, const char *why)
{
	struct mapping copy = *m;
	finish(b);
	service_end(b->service, &copy, 1, why);
}

static void on_letters(
	void *context, struct mailbox *mailbox, const struct desk_letter *letters, size_t count)
{
	static struct batch batch; /* large, and there is one loop */
	struct service *s = context;
	int64_t now = service_now_ns();
	batch.service = s;
	batch.mailbox = mailbox;
	batch.outcome_count = batch.change_count = 0;
	host_ports_expect(s->host_ports, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		struct desk_outcome outcome;
		desk_take(&s->desk, now, nat_is_up(s->nat), &letters[i], &outcome);
		if (outcome.released)
			take_out(&batch, outcome.released, "released");
		if (outcome.evicted)
			take_out(&batch, outcome.evicted, "evicted");
		if (!outcome.answered)
			continue;
		batch.letters[batch.outcome_count] = &letters[i];
		batch.outcomes[batch.outcome_count++] = outcome;
		if (outcome.added)
			batch.changes[batch.change_count++] = (struct elements_change){outcome.added, false};
	}
	finish(&batch);
}

static bool host_listens(void *context, const struct address *client, const struct address *to, uint16_t port)
{
	const struct service *s = context;
	if (port == s->config->port || (s->config->vpn && port == s->config->vpn_port))
		return true;
	return host_ports_listens(s->host_ports, client, to, port);
}

/* --- the sweep
 * --------------------------------------------------------------------------------------------------- */

/* Ends what is over, many at a time: ten thousand that began together also end together. */
static void end_over(struct service *s, int64_t now)
{
	static struct mapping copies[END_AT_ONCE];
	size_t count;
	do {
		count = 0;
		for (struct mapping *m; count < END_AT_ONCE && (m = mapping_over(s->table, now));) {
			copies[count++] = *m;
			/* Out of the way of the search; service_end needs the copy alone. */
			service_flows_keep(s, m);
			mapping_remove(s->table, m);
		}
		if (count)
			service_end(s, copies, count, "expired");
		s->counters.expired += count;
	} while (count == END_AT_ONCE);
}

static int64_t sweep_period_ns(const struct service *s)
{
	int64_t shortest =
		s->config->idle_ns < s->config->lease_ns ? s->config->idle_ns : s->config->lease_ns;
	int64_t period = shortest / 4;
	return period < SWEEP_SHORTEST_NS  ? SWEEP_SHORTEST_NS
	       : period > SWEEP_LONGEST_NS ? SWEEP_LONGEST_NS
					   : period;
}

static void flush_trail(struct service *s, int64_t now)
{
	char *error = NULL;
	bool seal_now = now - s->sealed_ns >= SEAL_EVERY_NS;
	if (!s->trail)
		return;
	if (seal_now)
		s->sealed_ns = now;
	if ((seal_now ? trail_seal(s->trail, &error) : trail_flush(s->trail, &error)) < 0)
		log_error("trail", "problem=\"%s\"", error);
	free(error);
}

static int on_sweep(sd_event_source *source, uint64_t when, void *context)
{
	struct service *s = context;
	int64_t now = service_now_ns();
	(void)when;
	s->counters.sweeps++;
	end_over(s, now);
	service_members_tick(s);
	flush_trail(s, now);
	sd_event_source_set_time_relative(source, (uint64_t)(sweep_period_ns(s) / NS_PER_US));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* --- start and stop
 * ---------------------------------------------------------------------------------------------- */

void service_fill_rules(struct service *s)
{
	const struct detour_config *c = s->config;
	s->rules = (struct desk_rules){.allow = c->allow,
		.allow_count = c->allow_count,
		.client_most = c->max_per_client,
		.client_rate = c->client_rate,
		.lease_s = (uint32_t)(c->lease_ns / NS_PER_S),
		.reach = &c->reach,
		.announced = c->announced,
		.announced_count = c->announced_count,
		.option = s->destinations != NULL};
	s->desk.own = c->identity_path ? &c->identity : NULL;
}

static struct nat_settings nat_settings(const struct detour_config *c)
{
	return (struct nat_settings){.port = c->port,
		.mark = c->mark,
		.mark_mask = c->mark_mask,
		.reach = &c->reach,
		.flows_most = c->flows_most,
		.flow_rate = c->flow_rate,
		.flow_idle_s = c->flow_idle_s,
		.option = c->syn_count > 0};
}

static struct mapping_limits mapping_limits(const struct detour_config *c)
{
	return (struct mapping_limits){
		.max_mappings = c->max_mappings, .idle_ns = c->idle_ns, .lease_ns = c->lease_ns};
}

static int open_mailboxes(struct service *s, char **error)
{
	static const struct address any[2] = {{{[10] = 0xff, [11] = 0xff}}, {{0}}};
	bool everywhere = s->config->address_count == 0;
	const struct address *addresses = everywhere ? any : s->config->addresses;
	size_t count = everywhere ? 2 : s->config->address_count;
	for (size_t i = 0; i < count; i++) {
		struct place at = {addresses[i], s->config->port};
		struct mailbox *mailbox = mailbox_open(s->loop, &at, on_letters, s, error);
		if (mailbox)
			s->mailboxes[s->mailbox_count++] = mailbox;
		else if (!(everywhere && i == 1 && errno == EAFNOSUPPORT)) /* a host without IPv6 */
			return -1;
	}
	free(*error);
	*error = NULL;
	return 0;
}

static void on_neighbourhood(void *context)
{
	struct service *s = context;
	neighbourhood_get(s->neighbourhood, &s->desk.around);
	nat_surround(s->nat, &s->desk.around);
	service_revoke(s);
}

/* What an earlier life left: as used now, if it would be made today. */
static void on_found(void *context, const struct mapping *found)
{
	struct service *s = context;
	if (desk_would_keep(&s->desk, found) && mapping_add(s->table, found->owner, &found->client,
							found->detour_port, &found->remote, service_now_ns()))
		s->counters.adopted++;
}

static int install(struct service *s, char **error)
{
	struct nat_settings settings = nat_settings(s->config);
	s->nat = nat_open(s->loop, s->nft, &settings, s->table, on_found, s, error);
	if (!s->nat)
		return -1;
	nat_surround(s->nat, &s->desk.around);
	if (s->counters.adopted)
		log_info("mappings-adopted", "count=%llu", (unsigned long long)s->counters.adopted);
	for (struct mapping *m = mapping_first(s->table); m; m = mapping_next(s->table, m))
		service_trail_mapping(s, TRAIL_MAPPED, m, "");
	return 0;
}

static int make_parts(struct service *s, char **error)
{
	struct mapping_limits limits = mapping_limits(s->config);
	uint8_t seed[16];
	if (seal_init(error) < 0)
		return -1;
	randombytes_buf(seed, sizeof seed);
	randombytes_buf(&s->desk.secret, sizeof s->desk.secret);
	s->members = members_new();
	s->table = mapping_table_new(&limits, seed);
	s->ended = mapping_table_new(&limits, seed);
	if (!s->members || !s->table || !s->ended)
		return error_set(error, "out of memory");
	s->desk.rules = &s->rules;
	s->desk.members = s->members;
	s->desk.table = s->table;
	s->desk.newest = MESSAGE_VERSION;
	s->desk.taken = host_listens;
	s->desk.context = s;
	if (s->config->syn_count && !(s->destinations = destinations_open(DESTINATIONS_LEAD,
					      s->config->syn_interfaces, s->config->syn_count, error)))
		return -1;
	service_fill_rules(s);
	if (s->config->log_directory && !(s->trail = trail_open(s->config->log_directory, s->config->log_size,
						  s->config->log_keep, &s->config->identity, error)))
		return -1;
	s->host_ports = host_ports_open(error);
	s->neighbourhood = neighbourhood_new(s->loop, on_neighbourhood, s, error);
	if (!s->host_ports || !s->neighbourhood)
		return -1;
	neighbourhood_get(s->neighbourhood, &s->desk.around);
	return service_members_start(s, error);
}

struct service *service_start(
	sd_event *loop, struct nft_ctx *nft, const struct detour_config *config, char **error)
{
	struct service *s = calloc(1, sizeof *s);
	if (!s) {
		error_set(error, "out of memory");
		return NULL;
	}
	s->config = config;
	s->nft = nft;
	s->loop = sd_event_ref(loop);
	s->sealed_ns = service_now_ns();
	/* The table comes after everything that can fail for a reason outside: a second daemon on this host fails
	 * at the socket and leaves the first one's table alone. */
	int result = make_parts(s, error) < 0 || open_mailboxes(s, error) < 0 ||
				     service_flows_start(s, error) < 0 || install(s, error) < 0
			     ? -1
			     : 0;
	if (result == 0) {
		result = sd_event_add_time_relative(s->loop, &s->sweep_source, CLOCK_MONOTONIC,
			(uint64_t)(sweep_period_ns(s) / NS_PER_US), 0, on_sweep, s);
		if (result < 0)
			error_set(error, "event loop: %s", strerror(-result));
	}
	if (result >= 0)
		return s;
	service_stop(s);
	return NULL;
}

void service_stop(struct service *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->sweep_source);
	sd_event_source_disable_unref(s->list_source);
	sd_event_source_disable_unref(s->recount_source);
	for (size_t i = 0; i < s->mailbox_count; i++)
		mailbox_close(s->mailboxes[i]);
	nat_close(s->nat, !s->config->keep);
	destinations_close(s->destinations);
	flows_close(s->flows);
	neighbourhood_free(s->neighbourhood);
	host_ports_close(s->host_ports);
	trail_close(s->trail);
	mapping_table_free(s->table);
	mapping_table_free(s->ended);
	members_free(s->members);
	collective_free(s->list);
	free(s->list_error);
	free(s->detours);
	sodium_memzero(&s->desk.secret, sizeof s->desk.secret);
	sd_event_unref(s->loop);
	free(s);
}

void service_reload(struct service *s, const struct detour_config *config)
{
	struct mapping_limits limits = mapping_limits(config);
	struct nat_settings settings = nat_settings(config);
	s->config = config;
	mapping_table_limit(s->table, &limits);
	service_fill_rules(s);
	nat_configure(s->nat, &settings);
	service_members_load(s);
	service_revoke(s);
	sd_event_source_set_time_relative(s->sweep_source, (uint64_t)(sweep_period_ns(s) / NS_PER_US));
}

int service_forget(struct service *s, const struct address *client, uint16_t detour_port, char **error)
{
	const struct mapping *m = mapping_find_port(s->table, client, detour_port);
	if (!m)
		return error_set(error, "no such mapping; `mappings` lists them");
	struct mapping copy = *m;
	service_end(s, &copy, 1, "forgotten");
	s->counters.forgotten++;
	return 0;
}
