/* NAT detours: what the policy asks goes to them as questions, and what they answer goes back; which there are, as the
 * configuration and the collective's list say; and what is asked for before anybody connects. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/detour/client/client.h"

#include <errno.h>
#include <libgen.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- questions and answers ---- */

const struct address *client_detour_address(
	const struct client *client, unsigned detour, const struct address *remote)
{
	const struct settings_detour *settings = &client->settings->detours[detour];
	bool other = address_family(remote) != address_family(&settings->at.address);
	const struct address *found = other ? &settings->other : &settings->at.address;

	return settings->kind == DETOUR_NAT && address_family(found) == address_family(remote) ? found : NULL;
}

struct address client_any_like(const struct address *remote)
{
	return address_is_v4(remote) ? address_of_v4((struct in_addr){INADDR_ANY}) : ADDRESS_NONE;
}

void client_ask(struct client *client, const struct paths_action *action)
{
	struct request_subject subject = {action->detour, action->local.address, action->remote};

	requests_ask(client->requests, clock_now_ns(), &subject, action->fresh);
}

static void on_send(
	void *context, unsigned detour, const struct address *local, const void *bytes, size_t size)
{
	struct client *client = context;
	const struct settings_detour *settings = &client->settings->detours[detour];
	/* Of the family of who asks; :: is none, and of IPv6. */
	bool other = address_is_v4(local) != address_is_v4(&settings->at.address);
	struct place to = {other ? settings->other : settings->at.address, settings->at.port};

	if (channels_send(client->channels, detour, &to, local, bytes, size))
		return;
	client->counters.send_errors++;
	log_debug("request-send", "detour=%s error=\"%s\"", client->settings->detours[detour].name,
		strerror(errno));
}

static void on_mapped(
	void *context, int64_t now, const struct request_subject *subject, uint16_t port, int64_t since)
{
	struct client *client = context;
	char to[PLACE_TEXT];

	client->answered[subject->detour] = true;
	log_info("mapped", "detour=%s remote=%s port=%u", client->settings->detours[subject->detour].name,
		place_text(&subject->remote, to), port);
	uint8_t key[MESSAGE_KEY_SIZE];
	const struct address any = client_any_like(&subject->remote.address);
	if (client->destinations && !address_equal(&subject->local, &any) &&
		requests_option_key(client->requests, subject->detour, &subject->local, key))
		paths_set_option(client->paths, subject->detour, subject->local);
	paths_mapped(client->paths, now, subject->detour, subject->local, subject->remote, port, since);
	waiters_mapped(client, subject->detour, subject->local, subject->remote, port);
	waiters_up(client, subject->detour);
}

static void on_unmapped(void *context, int64_t now, const struct request_subject *subject, const char *why)
{
	struct client *client = context;
	char to[PLACE_TEXT];

	client->answered[subject->detour] = strcmp(why, "silent") != 0;
	log_warning(client->answered[subject->detour] ? "detour-refused" : "detour-silent",
		"detour=%s remote=%s why=%s", client->settings->detours[subject->detour].name,
		place_text(&subject->remote, to), why);
	paths_unmapped(client->paths, now, subject->detour, subject->local, subject->remote);
	waiters_unmapped(client, subject->detour, subject->local, subject->remote, why);
}

static void on_probed(void *context, unsigned detour, const struct address *local, unsigned sent,
	unsigned arrived, int64_t span_ns, unsigned size)
{
	struct client *client = context;

	rerouting_probed(client->rerouting, detour, local, sent, arrived, span_ns, size);
}

static bool is_prefetched(const struct client *client, const struct request_subject *subject)
{
	for (unsigned i = 0; i < client->settings->prefetch_count; i++)
		if (place_equal(&client->settings->prefetch[i], &subject->remote))
			return true;
	return favourites_has(client->favourites, clock_now_ns(), subject->local, subject->remote);
}

static bool is_wanted(void *context, const struct request_subject *subject)
{
	const struct client *client = context;

	return paths_wants(client->paths, subject->detour, subject->local, subject->remote) ||
	       is_prefetched(client, subject);
}

static void on_datagram(
	void *context, unsigned detour, const struct address *local, const void *bytes, size_t size)
{
	struct client *client = context;

	requests_receive(client->requests, clock_now_ns(), detour, local, bytes, size);
}

static void on_datagrams(void *context)
{
	client_settle(context);
}

/* ---- which there are ---- */

static void announce(struct client *client, unsigned index)
{
	const struct settings_detour *detour = &client->settings->detours[index];
	struct request_detour request = {.at = detour->at,
		.sealed = detour->sealed,
		.deadline_ns = detour->deadline_ns,
		.renew_ns = detour->renew_ns,
		.option = client->settings->syn_count > 0};

	memcpy(request.key, detour->public_key, sizeof request.key);
	if (detour->kind != DETOUR_NAT)
		requests_set_detour(client->requests, index, NULL);
	else if (!requests_set_detour(client->requests, index, &request))
		log_error("detour", "detour=%s problem=\"its public key is none\"", detour->name);
}

static struct paths_detour paths_detour_of(const struct settings_detour *detour)
{
	return (struct paths_detour){detour->kind, detour->at, detour->other, detour->from};
}

void client_make_detours(struct client *client)
{
	const struct settings *settings = client->settings;
	const struct request_handlers handlers = {.send = on_send,
		.mapped = on_mapped,
		.unmapped = on_unmapped,
		.probed = on_probed,
		.wanted = is_wanted,
		.context = client};
	struct paths_detour *detours = calloc(settings->count, sizeof *detours);
	uint64_t session;

	randombytes_buf(&session, sizeof session);
	client->vpns = calloc(settings->count, sizeof *client->vpns);
	client->answered = calloc(settings->count, sizeof *client->answered);
	if (!detours || !client->vpns || !client->answered)
		abort();
	for (unsigned i = 0; i < settings->count; i++)
		detours[i] = paths_detour_of(&settings->detours[i]);
	client->paths = paths_new(&settings->paths, detours, settings->count);
	free(detours);
	client->requests = requests_new(
		settings->count, settings->identity_path ? &settings->identity : NULL, session, &handlers);
	client->channels = channels_new(client->loop, on_datagram, on_datagrams, client);
	client->favourites = favourites_new(settings->favourites);
	for (unsigned i = 0; i < settings->count; i++)
		announce(client, i);
}

/* ---- before anybody connects ---- */

struct address client_source_towards(const struct place *remote)
{
	struct sockaddr_storage to, own = {.ss_family = AF_UNSPEC};
	socklen_t length = place_sockaddr(remote, &to), size = sizeof own;
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (connect(fd, (struct sockaddr *)&to, length) < 0 ||
			       getsockname(fd, (struct sockaddr *)&own, &size) < 0))
		own.ss_family = AF_UNSPEC;
	if (fd >= 0)
		close(fd);
	return place_of_sockaddr((struct sockaddr *)&own).address;
}

void client_prefetch(struct client *client)
{
	for (unsigned k = 0; k < client->settings->prefetch_count; k++)
		for (unsigned i = 0; i < client->settings->count; i++) {
			const struct place *remote = &client->settings->prefetch[k];
			struct request_subject subject = {i, client_source_towards(remote), *remote};
			if (address_is_none(&subject.local))
				subject.local = client_any_like(&remote->address);
			if (client_detour_address(client, i, &remote->address))
				requests_ask(client->requests, clock_now_ns(), &subject, false);
		}
}

/* ---- the collective's list ---- */

/* A detour that the client may use: not its own, better before worse. One that IPv6 alone leads to comes last: it is of use to fewer. */
struct candidate {
	const struct collective_detour *detour;
	const struct collective_member *member;
	struct address address, other; /* the first of IPv4, of IPv6 */
	bool near;                     /* in our region */
};

static int better_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (address_is_v4(&x->address) != address_is_v4(&y->address))
		return address_is_v4(&y->address) - address_is_v4(&x->address);
	if (x->near != y->near)
		return y->near - x->near;
	if (x->detour->capacity_bps != y->detour->capacity_bps)
		return x->detour->capacity_bps < y->detour->capacity_bps ? 1 : -1;
	return x->detour < y->detour ? -1 : 1;
}

static void find_addresses(const struct collective_detour *d, struct address *address, struct address *other)
{
	for (unsigned k = d->address_count; k-- > 0;)
		*(address_is_v4(&d->addresses[k]) ? address : other) = d->addresses[k];
	if (!address_is_none(address))
		return;
	*address = *other;
	*other = ADDRESS_NONE;
}

static struct candidate *find_candidates(const struct client *client, size_t *count)
{
	const struct collective *list = client->list;
	struct candidate *all = calloc(list ? list->detour_count + 1 : 1, sizeof *all);

	if (!all)
		abort();
	*count = 0;
	for (size_t i = 0; list && i < list->detour_count; i++) {
		const struct collective_detour *d = &list->detours[i];
		struct candidate c = {.detour = d,
			.member = &list->members[d->member],
			.near = *client->settings->region &&
				strcmp(client->settings->region, d->region) == 0};
		find_addresses(d, &c.address, &c.other);
		if (!address_is_none(&c.address) &&
			memcmp(c.member->key, client->settings->identity.public, SEAL_PUBLIC) != 0)
			all[(*count)++] = c;
	}
	qsort(all, *count, sizeof *all, better_first);
	return all;
}

static bool is_same(const struct settings_detour *detour, const struct candidate *candidate)
{
	return detour->kind == DETOUR_NAT && address_equal(&detour->at.address, &candidate->address) &&
	       address_equal(&detour->other, &candidate->other) &&
	       detour->at.port == candidate->detour->port &&
	       memcmp(detour->public_key, candidate->member->key, SEAL_PUBLIC) == 0;
}

static void fill_place(struct client *client, unsigned index, const struct candidate *candidate)
{
	struct settings_detour *place = &client->settings->detours[index];

	*place = (struct settings_detour){.kind = DETOUR_NONE, .name = ""};
	if (candidate) {
		*place = (struct settings_detour){.kind = DETOUR_NAT,
			.at = {candidate->address, candidate->detour->port},
			.other = candidate->other,
			.deadline_ns = 5 * NS_PER_S,
			.renew_ns = 60 * NS_PER_S,
			.sealed = true};
		memcpy(place->public_key, candidate->member->key, SEAL_PUBLIC);
		snprintf(place->name_room, sizeof place->name_room, "%s.%u", candidate->member->name, index);
		place->name = place->name_room;
	}
	channels_drop(client->channels, index);
	rerouting_forget(client->rerouting, index);
	announce(client, index);
	client->answered[index] = false;
	struct paths_detour now = paths_detour_of(place);
	paths_set_detour(client->paths, clock_now_ns(), index, candidate ? &now : NULL);
	log_info(candidate ? "detour-joined" : "detour-left", "detour=%s place=%u", place->name, index);
}

/* The best candidates have the places; those that have one already keep it, with all that runs through them. */
static void take_list(struct client *client)
{
	struct settings *settings = client->settings;
	unsigned places = settings->count - settings->configured;
	size_t count;
	struct candidate *candidates = find_candidates(client, &count);
	bool *kept = calloc(places + 1, sizeof *kept);

	if (!kept)
		abort();
	if (count > places)
		count = places;
	for (size_t i = 0; i < count; i++)
		for (unsigned p = 0; p < places; p++)
			if (!kept[p] && candidates[i].detour &&
				is_same(&settings->detours[settings->configured + p], &candidates[i])) {
				kept[p] = true;
				candidates[i].detour = NULL;
			}
	for (unsigned p = 0, next = 0; p < places; p++) {
		if (kept[p])
			continue;
		while (next < count && !candidates[next].detour)
			next++;
		unsigned index = settings->configured + p;
		if (next < count || settings->detours[index].kind != DETOUR_NONE)
			fill_place(client, index, next < count ? &candidates[next] : NULL);
		next++;
	}
	free(kept);
	free(candidates);
	client_prefetch(client);
	client_settle(client);
}

static void load_list(struct client *client)
{
	const struct settings *settings = client->settings;
	char *error = NULL;
	struct collective *list = collective_load(settings->list_path, settings->list_key, &error);

	if (list && list->version < client->list_version)
		error_set(&error, "%s: is older than the list before it", settings->list_path);
	else if (list && !collective_is_current(list, time(NULL)))
		error_set(&error, "%s: has expired, or is of the future", settings->list_path);
	if (error) {
		log_error("collective", "problem=\"%s\"", error);
		free(error);
		collective_free(list);
		return;
	}
	client->list_version = list->version;
	log_info("collective", "name=%s version=%llu detours=%zu", list->name,
		(unsigned long long)list->version, list->detour_count);
	collective_free(client->list);
	client->list = list;
	take_list(client);
}

static int on_file(sd_event_source *source, const struct inotify_event *event, void *context)
{
	struct client *client = context;
	char *copy = strdup(client->settings->list_path);
	(void)source;

	if (copy && event->len && strcmp(event->name, basename(copy)) == 0)
		load_list(client);
	free(copy);
	return 0;
}

int client_watch_list(struct client *client, char **error)
{
	if (!client->settings->list_path)
		return 0;
	char *copy = strdup(client->settings->list_path);
	int result = !copy ? -ENOMEM
			   : sd_event_add_inotify(client->loop, &client->list_source, dirname(copy),
				     IN_CLOSE_WRITE | IN_MOVED_TO, on_file, client);
	free(copy);
	if (result < 0)
		return error_set(error, "%s: cannot watch its directory: %s", client->settings->list_path,
			strerror(-result));
	load_list(client);
	return 0;
}

void client_tick_detours(struct client *client, int64_t now)
{
	requests_tick(client->requests, now);
	if (client->list && !collective_is_current(client->list, time(NULL))) {
		log_warning("collective", "problem=\"the list has expired\"");
		collective_free(client->list);
		client->list = NULL;
		take_list(client);
	}
}

void client_free_detours(struct client *client)
{
	if (client->requests)
		requests_release_all(client->requests);
	sd_event_source_disable_unref(client->list_source);
	requests_free(client->requests);
	channels_free(client->channels);
	favourites_free(client->favourites);
	paths_free(client->paths);
	collective_free(client->list);
	free(client->vpns);
	free(client->answered);
}
