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

static struct request_subject subject_of(unsigned detour, struct in_addr local, struct endpoint remote)
{
	return (struct request_subject){detour, local.s_addr ? address_of_v4(local) : ADDRESS_NONE,
		{address_of_v4(remote.address), remote.port}};
}

static struct endpoint remote_of(const struct request_subject *subject)
{
	return (struct endpoint){address_v4(&subject->remote.address), subject->remote.port};
}

void client_ask(struct client *client, const struct paths_action *action)
{
	struct request_subject subject = subject_of(action->detour, action->local.address, action->remote);

	requests_ask(client->requests, clock_now_ns(), &subject, action->fresh);
}

static void on_send(
	void *context, unsigned detour, const struct address *local, const void *bytes, size_t size)
{
	struct client *client = context;
	const struct endpoint at = client->settings->detours[detour].at;
	struct place to = {address_of_v4(at.address), at.port};

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
	struct endpoint remote = remote_of(subject);
	char to[32];

	client->answered[subject->detour] = true;
	log_info("mapped", "detour=%s remote=%s port=%u", client->settings->detours[subject->detour].name,
		client_endpoint_text(remote, to), port);
	uint8_t key[MESSAGE_KEY_SIZE];
	if (client->destinations &&
		requests_option_key(client->requests, subject->detour, &subject->local, key))
		paths_set_option(client->paths, subject->detour, address_v4(&subject->local));
	paths_mapped(client->paths, now, subject->detour, address_v4(&subject->local), remote, port, since);
	waiters_mapped(client, subject->detour, address_v4(&subject->local), remote, port);
	waiters_up(client, subject->detour);
}

static void on_unmapped(void *context, int64_t now, const struct request_subject *subject, const char *why)
{
	struct client *client = context;
	struct endpoint remote = remote_of(subject);
	char to[32];

	client->answered[subject->detour] = strcmp(why, "silent") != 0;
	log_warning(client->answered[subject->detour] ? "detour-refused" : "detour-silent",
		"detour=%s remote=%s why=%s", client->settings->detours[subject->detour].name,
		client_endpoint_text(remote, to), why);
	paths_unmapped(client->paths, now, subject->detour, address_v4(&subject->local), remote);
	waiters_unmapped(client, subject->detour, address_v4(&subject->local), remote, why);
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
		if (endpoint_equal(client->settings->prefetch[i], remote_of(subject)))
			return true;
	return favourites_has(
		client->favourites, clock_now_ns(), address_v4(&subject->local), remote_of(subject));
}

static bool is_wanted(void *context, const struct request_subject *subject)
{
	const struct client *client = context;

	return paths_wants(client->paths, subject->detour, address_v4(&subject->local), remote_of(subject)) ||
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
	struct request_detour request = {.at = {address_of_v4(detour->at.address), detour->at.port},
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
		detours[i] = (struct paths_detour){
			settings->detours[i].kind, settings->detours[i].at, settings->detours[i].from};
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

/* The address that a connection to there would have, as routing says now: a mapping is for one address. None: there is no way. */
static struct in_addr source_towards(struct endpoint remote)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				   .sin_addr = remote.address,
				   .sin_port = htons(remote.port)},
			   own = {0};
	socklen_t size = sizeof own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
			       getsockname(fd, (struct sockaddr *)&own, &size) < 0))
		own.sin_addr.s_addr = 0;
	if (fd >= 0)
		close(fd);
	return own.sin_addr;
}

void client_prefetch(struct client *client)
{
	for (unsigned k = 0; k < client->settings->prefetch_count; k++)
		for (unsigned i = 0; i < client->settings->count; i++) {
			struct request_subject subject = subject_of(i,
				source_towards(client->settings->prefetch[k]), client->settings->prefetch[k]);
			if (client->settings->detours[i].kind == DETOUR_NAT)
				requests_ask(client->requests, clock_now_ns(), &subject, false);
		}
}

/* ---- the collective's list ---- */

/* A detour that the client may use: not its own, reachable by IPv4, better before worse. */
struct candidate {
	const struct collective_detour *detour;
	const struct collective_member *member;
	struct in_addr address;
	bool near; /* in our region */
};

static int better_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->near != y->near)
		return y->near - x->near;
	if (x->detour->capacity_bps != y->detour->capacity_bps)
		return x->detour->capacity_bps < y->detour->capacity_bps ? 1 : -1;
	return x->detour < y->detour ? -1 : 1;
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
		for (unsigned k = 0; k < d->address_count && !c.address.s_addr; k++)
			c.address = address_v4(&d->addresses[k]);
		if (c.address.s_addr &&
			memcmp(c.member->key, client->settings->identity.public, SEAL_PUBLIC) != 0)
			all[(*count)++] = c;
	}
	qsort(all, *count, sizeof *all, better_first);
	return all;
}

static bool is_same(const struct settings_detour *detour, const struct candidate *candidate)
{
	return detour->kind == DETOUR_NAT && detour->at.address.s_addr == candidate->address.s_addr &&
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
	paths_set_detour(client->paths, clock_now_ns(), index,
		candidate ? &(struct paths_detour){.kind = DETOUR_NAT, .at = place->at} : NULL);
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
