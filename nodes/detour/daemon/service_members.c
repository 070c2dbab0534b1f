/* Who may ask: the configuration's members and the collective's, put together; and what happens when somebody is no longer
 * among them. */
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/detour/daemon/service_internal.h"
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

/* --- the highest version seen
 * ----------------------------------------------------------------------------------------- */

/* An old list is signed as well as a new one: whoever puts one back would have a removed member served. */
static char *state_path(const struct service *s, const char *name)
{
	char *path = NULL;
	if (asprintf(&path, "%s/collective-%s.version", s->config->state_directory, name) < 0)
		return NULL;
	return path;
}

static uint64_t read_highest(const struct service *s, const char *name)
{
	char *path = state_path(s, name);
	FILE *in = path ? fopen(path, "re") : NULL;
	unsigned long long version = 0;
	if (in && fscanf(in, "%llu", &version) != 1)
		version = 0;
	if (in)
		fclose(in);
	free(path);
	return version;
}

static void write_highest(const struct service *s, const struct collective *list)
{
	char *path = state_path(s, list->name), *other = NULL;
	if (!path || asprintf(&other, "%s.new", path) < 0) {
		free(path);
		return;
	}
	FILE *out = fopen(other, "we");
	bool done = out && fprintf(out, "%llu\n", (unsigned long long)list->version) > 0;
	if (out)
		done &= fclose(out) == 0;
	if (!done || rename(other, path) < 0)
		log_warning("collective",
			"problem=\"cannot keep the list's version in %s: %m\" effect=\"an older list may be taken after a restart\"",
			path);
	free(other);
	free(path);
}

/* --- reading
 * ----------------------------------------------------------------------------------------------------- */

/* Takes the file when it is good, newer than what we have (or the same), and current. */
static void load_list(struct service *s)
{
	char *error = NULL;
	struct collective *list = collective_load(s->config->list_path, s->config->list_key, &error);
	if (list && !s->list_highest)
		s->list_highest = read_highest(s, list->name);
	if (list && list->version < s->list_highest)
		error_set(&error, "%s: is version %llu, older than the version %llu that was seen before",
			s->config->list_path, (unsigned long long)list->version,
			(unsigned long long)s->list_highest);
	else if (list && !collective_is_current(list, time(NULL)))
		error_set(&error, "%s: has expired, or is of the future", s->config->list_path);
	free(s->list_error);
	s->list_error = error;
	if (error) {
		log_error("collective", "problem=\"%s\" action=\"%s\"", error,
			s->list ? "the list before it stays, until it expires"
				: "none of its members is served");
		collective_free(list);
		return;
	}
	if (list->version > s->list_highest) {
		s->list_highest = list->version;
		write_highest(s, list);
	}
	log_info("collective", "name=%s version=%llu members=%zu detours=%zu", list->name,
		(unsigned long long)list->version, list->member_count, list->detour_count);
	collective_free(s->list);
	s->list = list;
}

static bool is_own(const struct service *s, const struct address *address)
{
	return s->desk.around.own_count &&
	       bsearch(address, s->desk.around.own, s->desk.around.own_count, sizeof *address, reach_order);
}

/* The addresses of the list's detours are no destinations: two of them, each leading to the other, would be a circle. */
static void take_detours(struct service *s)
{
	size_t count = 0, room = s->list_current ? s->list->detour_count * COLLECTIVE_ADDRESSES : 0;
	struct address *detours = calloc(room + 1, sizeof *detours);
	if (!detours)
		abort();
	for (size_t i = 0; s->list_current && i < s->list->detour_count; i++)
		for (unsigned k = 0; k < s->list->detours[i].address_count; k++)
			if (!is_own(s, &s->list->detours[i].addresses[k]))
				detours[count++] = s->list->detours[i].addresses[k];
	qsort(detours, count, sizeof *detours, reach_order);
	free(s->detours);
	s->detours = detours;
	s->desk.around.detours = detours;
	s->desk.around.detour_count = count;
}

/* One whose key does not count any more. */
struct revoked {
	struct service *service;
	const uint8_t *key;
};

static bool is_by_key(void *context, const struct flow *flow)
{
	struct revoked *revoked = context;
	uint8_t key[DESTINATION_KEY];
	return address_is_v4(&flow->client.address) &&
	       destinations_key(revoked->service->destinations, address_v4(&flow->client.address), key) &&
	       memcmp(key, revoked->key, sizeof key) == 0;
}

/* What came by destinations in SYNs has no mapping that would tell whose it is. */
static void on_removed(void *context, const struct member *member)
{
	struct service *s = context;
	struct revoked revoked = {s, member->option_key};
	if (s->destinations && s->flows) {
		s->counters.cut += flows_cut(s->flows, is_by_key, &revoked);
		destinations_forget(s->destinations, member->option_key);
	}
	log_info("member-removed", "member=%s", member->name);
}

static void give_key(void *context, struct member *member)
{
	static const uint8_t none[MESSAGE_KEY_SIZE];
	(void)context;
	if (memcmp(member->option_key, none, sizeof none) == 0)
		randombytes_buf(member->option_key, sizeof member->option_key);
}

static void put_together(struct service *s)
{
	const struct detour_config *c = s->config;
	bool all = true;
	members_begin(s->members);
	for (size_t i = 0; i < c->member_count; i++)
		all &= members_name(s->members, c->members[i].name, c->members[i].key,
			       &c->members[i].rights) != NULL;
	s->list_current = s->list && collective_is_current(s->list, time(NULL));
	for (size_t i = 0; s->list_current && i < s->list->member_count; i++)
		all &= members_name(s->members, s->list->members[i].name, s->list->members[i].key,
			       &c->list_rights) != NULL;
	if (!all)
		log_error("members", "problem=\"out of memory: some members are not served\"");
	members_end(s->members, on_removed, s);
	members_each(s->members, give_key, s);
	take_detours(s);
}

void service_members_load(struct service *s)
{
	if (s->config->list_path) {
		load_list(s);
	} else {
		collective_free(s->list);
		s->list = NULL;
	}
	put_together(s);
}

void service_members_tick(struct service *s)
{
	bool current = s->list && collective_is_current(s->list, time(NULL));
	if (current == s->list_current)
		return;
	log_warning("collective", "problem=\"the list has %s\"", current ? "begun" : "expired");
	put_together(s);
	service_revoke(s);
}

/* --- revocation
 * -------------------------------------------------------------------------------------------------- */

static bool was_of_removed(void *context, const struct flow *flow)
{
	struct mapping_table *removed = context;
	const struct mapping *m = mapping_find_port(removed, &flow->client.address, flow->detour.port);
	return m && place_equal(&m->remote, &flow->remote);
}

static struct mapping_table *find_revoked(struct service *s)
{
	static const uint8_t seed[16];
	struct mapping_limits limits = {.max_mappings = SIZE_MAX};
	struct mapping_table *removed = mapping_table_new(&limits, seed);
	struct mapping_table *const tables[] = {s->table, s->ended};
	for (int i = 0; removed && i < 2; i++)
		for (struct mapping *m = mapping_first(tables[i]); m; m = mapping_next(tables[i], m))
			if (!desk_would_keep(&s->desk, m))
				mapping_add(removed, m->owner, &m->client, m->detour_port, &m->remote, 0);
	return removed;
}

void service_revoke(struct service *s)
{
	struct mapping_table *removed = find_revoked(s);
	if (removed && mapping_count(removed)) {
		for (struct mapping *m = mapping_first(removed); m; m = mapping_next(removed, m)) {
			struct mapping copy = *m;
			service_end(s, &copy, 1, "revoked");
			s->counters.revoked++;
		}
		s->counters.cut += flows_cut(s->flows, was_of_removed, removed);
	}
	mapping_table_free(removed);
}

/* --- the file
 * ---------------------------------------------------------------------------------------------------- */

static int on_file(sd_event_source *source, const struct inotify_event *event, void *context)
{
	struct service *s = context;
	char *copy = strdup(s->config->list_path ? s->config->list_path : "");
	(void)source;
	if (copy && event->len && strcmp(event->name, basename(copy)) == 0) {
		service_members_load(s);
		service_revoke(s);
	}
	free(copy);
	return 0;
}

int service_members_start(struct service *s, char **error)
{
	service_members_load(s);
	if (!s->config->list_path)
		return 0;
	char *copy = strdup(s->config->list_path);
	if (!copy)
		return error_set(error, "out of memory");
	/* The directory, as a good writer puts a new file in the old one's place. */
	int result = sd_event_add_inotify(
		s->loop, &s->list_source, dirname(copy), IN_CLOSE_WRITE | IN_MOVED_TO, on_file, s);
	free(copy);
	return result < 0 ? error_set(error, "%s: cannot watch its directory: %s", s->config->list_path,
				    strerror(-result))
			  : 0;
}
