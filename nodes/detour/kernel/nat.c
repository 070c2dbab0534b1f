/* The NAT detour's table: installed, watched, put back. */
#include "nodes/detour/kernel/nat.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "nodes/detour/kernel/ruleset_watch.h"
#include <errno.h>
#include <stdlib.h>

#define CHUNK 1024                      /* elements in a transaction when all are put back */
#define REPAIR_PAUSE_US (100 * 1000ULL) /* between repairs */
#define RETRY_PAUSE_US (500 * 1000ULL)  /* after one that failed */

struct nat {
	sd_event *loop;
	struct nft_ctx *nft;
	struct nat_settings settings;
	struct reach_surroundings around; /* its arrays are ours */
	struct mapping_table *table;
	struct elements *elements;
	struct ruleset_watch *watch;
	sd_event_source *repair;
	int64_t repaired_ns;
	uint64_t repairs;
	bool installed, up;
};

/* --- the rules
 * --------------------------------------------------------------------------------------------------- */

static int run_rules(struct nat *nat, bool anew, char **error)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(error, "nftables: out of memory");
	nat_write_rules(out, &nat->settings, &nat->around, anew);
	/* The table of a version before this one. */
	fputs("add table ip " NAT_TABLE "\ndelete table ip " NAT_TABLE "\n", out);
	int result = fclose(out) == 0 ? ruleset_watch_run(nat->watch, nat->nft, text, error)
				      : error_set(error, "nftables: out of memory");
	free(text);
	return result;
}

/* --- the elements
 * ------------------------------------------------------------------------------------------------ */

/* What the kernel has of our mappings, compared with what it should have. */
struct comparison {
	struct nat *nat;
	struct mapping *extra; /* in the kernel alone */
	size_t extra_count, room;
	const struct mapping **there; /* in both; ordered by address for bsearch */
	size_t there_count;
	bool failed;
};

static void compare(void *context, const struct mapping *found)
{
	struct comparison *c = context;
	const struct mapping *m = mapping_find_port(c->nat->table, &found->client, found->detour_port);
	if (m && m->owner == found->owner && place_equal(&m->remote, &found->remote)) {
		if (c->there_count < mapping_count(c->nat->table))
			c->there[c->there_count++] = m;
		return;
	}
	if (c->extra_count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct mapping *grown = realloc(c->extra, room * sizeof *grown);
		if (!grown) {
			c->failed = true;
			return;
		}
		c->extra = grown;
		c->room = room;
	}
	c->extra[c->extra_count++] = *found;
}

static int by_pointer(const void *a, const void *b)
{
	const struct mapping *const *x = a, *const *y = b;
	return (*x > *y) - (*x < *y);
}

static int commit_chunk(struct nat *nat, struct elements_change *chunk, size_t *count, char **error)
{
	int result = elements_commit(nat->elements, chunk, *count);
	*count = 0;
	return result < 0 ? error_set(error, "nftables: mappings: %s", strerror(errno)) : 0;
}

static int commit_difference(struct nat *nat, const struct comparison *c, char **error)
{
	struct elements_change chunk[CHUNK];
	size_t count = 0;
	int result = 0;
	for (size_t i = 0; i < c->extra_count && result == 0; i++) {
		chunk[count++] = (struct elements_change){&c->extra[i], true};
		if (count == CHUNK)
			result = commit_chunk(nat, chunk, &count, error);
	}
	for (const struct mapping *m = mapping_first(nat->table); m && result == 0;
		m = mapping_next(nat->table, m)) {
		if (bsearch(&m, c->there, c->there_count, sizeof(const void *), by_pointer))
			continue;
		chunk[count++] = (struct elements_change){m, false};
		if (count == CHUNK)
			result = commit_chunk(nat, chunk, &count, error);
	}
	return result < 0 ? -1 : commit_chunk(nat, chunk, &count, error);
}

/* Makes the kernel's elements those of the table: what is right already stays. */
static int reconcile(struct nat *nat, char **error)
{
	struct comparison c = {.nat = nat};
	c.there = calloc(mapping_count(nat->table) + 1, sizeof(const void *));
	if (!c.there)
		return error_set(error, "nftables: out of memory");
	elements_read(nat->elements, compare, &c);
	qsort(c.there, c.there_count, sizeof(const void *), by_pointer);
	int result =
		c.failed ? error_set(error, "nftables: out of memory") : commit_difference(nat, &c, error);
	free(c.there);
	free(c.extra);
	return result;
}

/* --- the whole
 * --------------------------------------------------------------------------------------------------- */

/* First over what is there, so that nobody's mapping is missing for a moment; where that is something else (another
 * version's), instead of it. */
static int install(struct nat *nat, char **error)
{
	char *first = NULL;
	nat->up = false;
	if (run_rules(nat, false, &first) < 0 && run_rules(nat, true, error) < 0) {
		free(first);
		return -1;
	}
	free(first);
	nat->installed = true;
	if (reconcile(nat, error) < 0)
		return -1;
	nat->up = true;
	nat->repaired_ns = clock_now_ns();
	return 0;
}

static void repair_in(struct nat *nat, uint64_t pause_us)
{
	sd_event_source_set_time_relative(nat->repair, pause_us);
	sd_event_source_set_enabled(nat->repair, SD_EVENT_ONESHOT);
}

static int on_repair(sd_event_source *source, uint64_t when, void *context)
{
	struct nat *nat = context;
	char *error = NULL;
	(void)source, (void)when;
	if (install(nat, &error) == 0) {
		nat->repairs++;
		log_info("nat-table", "action=\"put back\" mappings=%zu", mapping_count(nat->table));
	} else {
		log_error("nat-table", "problem=\"%s\"", error);
		repair_in(nat, RETRY_PAUSE_US);
	}
	free(error);
	return 0;
}

static void on_changed(void *context)
{
	struct nat *nat = context;
	if (!nat->installed)
		return;
	if (nat->up)
		log_warning("nat-table", "problem=\"somebody else changed it\" action=\"put it back\"");
	nat->up = false;
	int64_t since = clock_now_ns() - nat->repaired_ns;
	uint64_t since_us = (uint64_t)(since / NS_PER_US);
	repair_in(nat, since_us >= REPAIR_PAUSE_US ? 0 : REPAIR_PAUSE_US - since_us);
}

int nat_commit(struct nat *nat, const struct elements_change *changes, size_t count, char **error)
{
	if (!nat->up)
		return error_set(error, "nftables: the table is not in place");
	if (elements_commit(nat->elements, changes, count) == 0)
		return 0;
	/* One that is missing or too many: somebody has been at it, and the event is still to be read. */
	log_warning("nat-table", "problem=\"%s\" action=\"put it back\"", strerror(errno));
	return install(nat, error);
}

static struct address *copy_addresses(const struct address *from, size_t count)
{
	struct address *copy = calloc(count + 1, sizeof *copy);
	if (!copy)
		abort();
	if (count)
		memcpy(copy, from, count * sizeof *copy);
	return copy;
}

static void free_surroundings(struct nat *nat)
{
	free((void *)nat->around.own);
	free((void *)nat->around.detours);
	free((void *)nat->around.attached);
}

static void reinstall_rules(struct nat *nat)
{
	char *error = NULL;
	if (!nat->installed)
		return;
	if (run_rules(nat, false, &error) < 0) {
		log_error("nat-table", "problem=\"%s\"", error);
		on_changed(nat);
	}
	free(error);
}

void nat_surround(struct nat *nat, const struct reach_surroundings *around)
{
	struct network *attached = calloc(around->attached_count + 1, sizeof *attached);
	if (!attached)
		abort();
	if (around->attached_count)
		memcpy(attached, around->attached, around->attached_count * sizeof *attached);
	free_surroundings(nat);
	nat->around = (struct reach_surroundings){copy_addresses(around->own, around->own_count),
		copy_addresses(around->detours, around->detour_count), attached, around->own_count,
		around->detour_count, around->attached_count};
	reinstall_rules(nat);
}

void nat_configure(struct nat *nat, const struct nat_settings *settings)
{
	nat->settings = *settings;
	reinstall_rules(nat);
}

/* --- beginning and end
 * ------------------------------------------------------------------------------------------- */

static int open_parts(struct nat *nat, char **error)
{
	nat->elements = elements_open(NAT_TABLE, error);
	if (!nat->elements)
		return -1;
	nat->watch = ruleset_watch_new(nat->loop, NAT_TABLE, NAT_DYNAMIC, on_changed, nat, error);
	if (!nat->watch || ruleset_watch_ignore(nat->watch, elements_port_id(nat->elements), error) < 0)
		return -1;
	int result =
		sd_event_add_time_relative(nat->loop, &nat->repair, CLOCK_MONOTONIC, 0, 0, on_repair, nat);
	if (result >= 0)
		result = sd_event_source_set_enabled(nat->repair, SD_EVENT_OFF);
	if (result >= 0) /* before the next question is answered */
		result = sd_event_source_set_priority(nat->repair, SD_EVENT_PRIORITY_IMPORTANT);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

struct nat *nat_open(sd_event *loop, struct nft_ctx *nft, const struct nat_settings *settings,
	struct mapping_table *table, void (*found)(void *context, const struct mapping *mapping),
	void *context, char **error)
{
	struct nat *nat = calloc(1, sizeof *nat);
	if (!nat) {
		error_set(error, "out of memory");
		return NULL;
	}
	nat->loop = loop;
	nat->nft = nft;
	nat->settings = *settings;
	nat->table = table;
	nat->around = (struct reach_surroundings){
		copy_addresses(NULL, 0), copy_addresses(NULL, 0), calloc(1, sizeof(struct network)), 0, 0, 0};
	if (open_parts(nat, error) < 0) {
		nat_close(nat, false);
		return NULL;
	}
	elements_read(nat->elements, found, context);
	if (install(nat, error) < 0) {
		nat_close(nat, true);
		return NULL;
	}
	return nat;
}

void nat_close(struct nat *nat, bool remove)
{
	if (!nat)
		return;
	char *error = NULL;
	if (remove && nat->installed && nft_run(nat->nft, "delete table inet " NAT_TABLE, &error) < 0)
		log_warning("nat-table", "problem=\"%s\"", error);
	free(error);
	sd_event_source_disable_unref(nat->repair);
	ruleset_watch_free(nat->watch);
	elements_close(nat->elements);
	free_surroundings(nat);
	free(nat);
}

bool nat_is_up(const struct nat *nat)
{
	return nat->up;
}

uint64_t nat_repairs(const struct nat *nat)
{
	return nat->repairs;
}

/* --- the kernel's counters
 * --------------------------------------------------------------------------------------- */

static void take_counter(void *context, const char *name, uint64_t packets)
{
	struct nat_counters *c = context;
	const struct {
		const char *name;
		uint64_t *value;
	} list[] = {{"translated", &c->translated}, {"departed", &c->departed}, {"to-self", &c->to_self},
		{"unreachable", &c->unreachable}, {"too-many", &c->too_many}, {"too-fast", &c->too_fast},
		{"hops", &c->hops}};
	for (size_t i = 0; name && i < sizeof list / sizeof *list; i++)
		if (strcmp(name, list[i].name) == 0)
			*list[i].value = packets;
}

int nat_count(struct nat *nat, struct nat_counters *counters)
{
	*counters = (struct nat_counters){0};
	return elements_counters(nat->elements, take_counter, counters) ? 0 : -1;
}
