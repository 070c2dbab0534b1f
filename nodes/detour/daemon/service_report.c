/* What the NAT service says of itself. */
#include "lib/base/clock.h"
#include "nodes/detour/daemon/service_internal.h"
#include "nodes/detour/kernel/host_rules.h"

static void put(json_t *out, const char *name, uint64_t value)
{
	json_object_set_new(out, name, json_integer((json_int_t)value));
}

const char *service_state(const struct service *s)
{
	return nat_is_up(s->nat) ? "up" : "repairing";
}

json_t *service_counters(struct service *s)
{
	const struct desk_counters *d = &s->desk.counters;
	const struct service_counters *c = &s->counters;
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {{"datagrams", d->datagrams}, {"reused", d->reused}, {"as_proposed", d->as_proposed},
		{"other_port", d->other_port}, {"greeted", d->greeted}, {"renewed", d->renewed},
		{"released", d->released}, {"probed", d->probed}, {"denied", d->denied},
		{"strangers", d->strangers}, {"unproven", d->unproven}, {"silenced", d->silenced},
		{"replayed", d->replayed}, {"malformed_content", d->malformed},
		{"client_full", d->refused[MESSAGE_QUOTA]}, {"full", d->refused[MESSAGE_FULL]},
		{"no_port", d->refused[MESSAGE_NO_PORT]}, {"failed", c->failed}, {"responses", c->responses},
		{"unsent", c->unsent}, {"adopted", c->adopted}, {"expired", c->expired},
		{"forgotten", c->forgotten}, {"evicted", d->evicted}, {"revoked", c->revoked},
		{"cut", c->cut}, {"sweeps", c->sweeps}, {"repairs", nat_repairs(s->nat)},
		{"flow_losses", flows_losses(s->flows)}};
	json_t *out = json_object(), *malformed = json_object(), *refused = json_object(),
	       *kernel = json_object();
	struct nat_counters k;
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		put(out, list[i].name, list[i].value);
	for (int i = DETOUR_WIRE_OK + 1; i < DETOUR_WIRE_FAULTS; i++)
		put(malformed, detour_wire_fault_name(i), d->faults[i]);
	for (int i = MESSAGE_TOO_OLD; i < MESSAGE_NO_OPTION; i++)
		put(refused, message_result_name(i), d->refused[i]);
	if (nat_count(s->nat, &k) == 0) {
		put(kernel, "translated", k.translated);
		put(kernel, "departed", k.departed);
		put(kernel, "to_self", k.to_self);
		put(kernel, "unreachable", k.unreachable);
		put(kernel, "too_many", k.too_many);
		put(kernel, "too_fast", k.too_fast);
		put(kernel, "hops", k.hops);
	}
	if (s->destinations) {
		put(out, "syn_led", destinations_count(s->destinations, SYN_LED));
		put(out, "syn_strange", destinations_count(s->destinations, SYN_STRANGE));
		put(out, "syn_failed", destinations_count(s->destinations, SYN_FAILED));
	}
	json_object_set_new(out, "malformed", malformed);
	json_object_set_new(out, "refused", refused);
	json_object_set_new(out, "flows", kernel);
	if (s->trail) {
		put(out, "trail_records", trail_records(s->trail));
		put(out, "trail_dropped", trail_dropped(s->trail));
	}
	return out;
}

json_t *service_mappings(const struct service *s)
{
	json_t *out = json_array();
	int64_t now = service_now_ns();
	for (const struct mapping *m = mapping_first(s->table); m; m = mapping_next(s->table, m)) {
		char client[ADDRESS_TEXT], remote[ADDRESS_TEXT];
		json_array_append_new(
			out, json_pack("{s:s,s:i,s:s,s:i,s:s,s:i,s:I,s:I,s:I}", "client",
				     address_text(&m->client, client), "detour_port", m->detour_port,
				     "remote", address_text(&m->remote.address, remote), "remote_port",
				     m->remote.port, "member", service_owner_name(s, m->owner), "flows",
				     (int)m->live, "idle_ms", (json_int_t)((now - m->used_ns) / NS_PER_MS),
				     "age_ms", (json_int_t)((now - m->created_ns) / NS_PER_MS), "left_ms",
				     (json_int_t)((m->until_ns - now) / NS_PER_MS)));
	}
	return out;
}

struct listing {
	const struct service *service;
	json_t *out;
};

static void list_member(void *context, struct member *member)
{
	static const struct address none;
	struct listing *listing = context;
	const struct member_counters *c = &member->counters;
	json_t *results = json_object(), *item = json_pack("{s:s}", "name", member->name);
	char key[SEAL_KEY_TEXT];
	for (int i = 0; i < MESSAGE_RESULTS; i++)
		if (c->results[i])
			put(results, message_result_name(i), c->results[i]);
	json_object_set_new(item, "key", json_string(public_text(member->key, key)));
	put(item, "mappings", mapping_count_of(listing->service->table, member->id, &none));
	put(item, "most", member->rights.mappings);
	put(item, "questions", c->questions);
	put(item, "replayed", c->replayed);
	put(item, "flows", c->flows);
	put(item, "bytes_up", c->bytes_up);
	put(item, "bytes_down", c->bytes_down);
	json_object_set_new(item, "results", results);
	json_array_append_new(listing->out, item);
}

json_t *service_members(const struct service *s)
{
	struct listing listing = {s, json_array()};
	members_each(s->members, list_member, &listing);
	return listing.out;
}

json_t *service_collective(const struct service *s)
{
	if (!s->config->list_path)
		return json_null();
	json_t *out = json_pack("{s:s,s:b}", "file", s->config->list_path, "current", s->list_current);
	if (s->list) {
		json_object_set_new(out, "name", json_string(s->list->name));
		put(out, "version", s->list->version);
		put(out, "expires", (uint64_t)s->list->expires);
		put(out, "members", s->list->member_count);
		put(out, "detours", s->list->detour_count);
	}
	if (s->list_error)
		json_object_set_new(out, "problem", json_string(s->list_error));
	return out;
}

json_t *service_warnings(struct service *s)
{
	struct nat_counters k;
	json_t *out = host_rules_look(s->nft);
	if (!nat_is_up(s->nat))
		json_array_append_new(
			out, json_string("the NAT table was changed by somebody else; it is being put back"));
	if (nat_count(s->nat, &k) == 0 && k.translated > k.departed)
		json_array_append_new(out,
			json_sprintf(
				"%llu of %llu flows that were translated did not leave this host: a firewall rule, or no route",
				(unsigned long long)(k.translated - k.departed),
				(unsigned long long)k.translated));
	return out;
}

size_t service_mapping_count(const struct service *s)
{
	return mapping_count(s->table);
}
