/* detour_files: what a detour's files cost, without a network. One command, one line of JSON.
 *
 *   detour_files list MEMBERS             a collective's list of so many members, each with a detour of two addresses: its size, and the time to
 *                                         check its signature and read it, and to check the signature alone (medians)
 *   detour_files trail DIRECTORY FLOWS    writes a trail of so many mappings, a flow each, over PORTS outgoing ports that are used again and
 *                                         again: records a second; and where, when and whose a few flows were, for `detour-log find` */
#include "lib/base/clock.h"
#include "nodes/detour/collective.h"
#include "nodes/detour/trail.h"
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#define TIMES 101
#define PORTS 5000
#define MEMBERS 1000
#define BATCH                                                                                                \
	64 /* records, then they are handed to the kernel, as by a daemon that has so many events at a time */
#define ASKED 5

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "detour_files: %s: %s\n", what, why);
	exit(1);
}

static struct identity of_seed(uint32_t seed)
{
	uint8_t bytes[32] = {0};
	struct identity identity;
	memcpy(bytes, &seed, sizeof seed);
	crypto_sign_seed_keypair(identity.public, identity.secret, bytes);
	return identity;
}

/* ---- the list */

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static struct collective *list_of(unsigned members)
{
	struct collective *list = collective_new("bench");
	if (!list)
		fail("list", "out of memory");
	list->version = 1;
	list->issued = 1800000000;
	list->expires = 1800086400;
	for (unsigned i = 0; i < members; i++) {
		char name[COLLECTIVE_NAME];
		struct collective_detour d = {
			.port = 45672, .capacity_bps = 100000000, .region = "eu-west", .address_count = 2};
		snprintf(name, sizeof name, "member-%u", i);
		if (!address_parse("198.51.100.1", &d.addresses[0]) ||
			!address_parse("2001:db8::1", &d.addresses[1]))
			fail("list", "addresses");
		memcpy(d.addresses[0].bytes + 13, &i, 2);
		memcpy(d.addresses[1].bytes + 6, &i, 4);
		if (!collective_add(list, name, of_seed(i).public) || !collective_add_detour(list, d))
			fail("list", "no room");
	}
	return list;
}

static void bench_list(unsigned members)
{
	struct identity keeper = of_seed(UINT32_MAX);
	struct collective *list = list_of(members);
	int64_t read[TIMES], checked[TIMES];
	char *error = NULL;
	size_t size;
	char *text = collective_write(list, &keeper, &size);
	if (!text)
		fail("list", "out of memory");
	for (int i = 0; i < TIMES; i++) {
		int64_t began = clock_now_ns();
		if (collective_verify(text, size, keeper.public, &error) < 0)
			fail("list", error);
		checked[i] = clock_now_ns() - began;
		began = clock_now_ns();
		struct collective *back = collective_read(text, size, keeper.public, &error);
		read[i] = clock_now_ns() - began;
		if (!back || back->member_count != members)
			fail("list", error ? error : "not what was written");
		collective_free(back);
	}
	qsort(read, TIMES, sizeof *read, by_number);
	qsort(checked, TIMES, sizeof *checked, by_number);
	printf("{\"members\": %u, \"bytes\": %zu, \"read_us\": %" PRId64 ", \"signature_us\": %" PRId64 "}\n",
		members, size, read[TIMES / 2] / 1000, checked[TIMES / 2] / 1000);
	free(text);
	collective_free(list);
}

/* ---- the trail */

static struct trail_record record_of(enum trail_kind kind, unsigned flow)
{
	struct trail_record r = {.kind = kind, .up = 1000 + flow, .down = 100000 + flow};
	uint32_t client = htonl(0x0a000000 + flow % MEMBERS), server = htonl(0xc6336400 + flow % 200);
	snprintf(r.member, sizeof r.member, "member-%u", flow % MEMBERS);
	snprintf(r.reason, sizeof r.reason, "expired");
	r.client = (struct place){address_of_v4((struct in_addr){client}), (uint16_t)(20000 + flow % 40000)};
	r.detour = (struct place){
		address_of_v4((struct in_addr){htonl(0xc0000201)}), (uint16_t)(1024 + flow % 60000)};
	r.outgoing = (struct place){r.detour.address, (uint16_t)(10000 + flow % PORTS)};
	r.remote = (struct place){address_of_v4((struct in_addr){server}), 443};
	return r;
}

static void put(struct trail *trail, enum trail_kind kind, unsigned flow, int64_t *when)
{
	static unsigned waiting;
	struct trail_record r = record_of(kind, flow);
	char *error = NULL;
	trail_write(trail, &r);
	if (when)
		*when = r.time_us;
	if (++waiting % BATCH == 0 && trail_flush(trail, &error) < 0)
		fail("trail", error);
}

static void bench_trail(const char *directory, unsigned flows)
{
	struct identity signer = of_seed(7);
	char *error = NULL;
	int64_t *when = calloc(flows, sizeof *when);
	struct trail *trail = trail_open(directory, 64 << 20, 1000, &signer, &error);
	if (!trail || !when)
		fail(directory, error ? error : "out of memory");
	int64_t began = clock_now_ns();
	for (unsigned i = 0; i < flows; i++) {
		if (i >= PORTS) { /* the port's last flow has ended */
			put(trail, TRAIL_ENDED, i - PORTS, NULL);
			put(trail, TRAIL_UNMAPPED, i - PORTS, NULL);
		}
		put(trail, TRAIL_MAPPED, i, NULL);
		put(trail, TRAIL_BEGAN, i, &when[i]);
	}
	if (trail_seal(trail, &error) < 0)
		fail(directory, error);
	double seconds = (double)(clock_now_ns() - began) / 1e9;
	printf("{\"flows\": %u, \"records\": %" PRIu64 ", \"dropped\": %" PRIu64
	       ", \"per_second\": %.0f, \"asked\": [",
		flows, trail_records(trail), trail_dropped(trail), (double)trail_records(trail) / seconds);
	for (unsigned k = 0; k < ASKED; k++) {
		unsigned flow = (unsigned)((uint64_t)flows * (2 * k + 1) / (2 * ASKED));
		struct trail_record r = record_of(TRAIL_BEGAN, flow);
		char address[ADDRESS_TEXT];
		printf("%s{\"time\": \"%" PRId64
		       ".%06d\", \"address\": \"%s\", \"port\": %u, \"member\": \"%s\"}",
			k ? ", " : "", when[flow] / 1000000, (int)(when[flow] % 1000000),
			address_text(&r.outgoing.address, address), r.outgoing.port, r.member);
	}
	puts("]}");
	trail_close(trail);
	free(when);
}

int main(int argc, char **argv)
{
	char *error = NULL;
	if (seal_init(&error) < 0)
		fail("libsodium", error);
	if (argc == 3 && strcmp(argv[1], "list") == 0)
		bench_list((unsigned)atoi(argv[2]));
	else if (argc == 4 && strcmp(argv[1], "trail") == 0 && atoi(argv[3]) > PORTS)
		bench_trail(argv[2], (unsigned)atoi(argv[3]));
	else {
		fputs("usage: detour_files list MEMBERS | trail DIRECTORY FLOWS\n", stderr);
		return 2;
	}
	return 0;
}
