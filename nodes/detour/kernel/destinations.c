/* Destinations in SYNs: loading, attaching, maps. */
#include "nodes/detour/kernel/destinations.h"
#include "lib/base/error.h"
#include "nodes/detour/kernel/syn.skel.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS: Debian 12 has older headers */
#define TCX_EGRESS 47
#define CPUS_MOST 1024

struct destinations {
	struct syn_bpf *programs;
	int *links;
	size_t count;
};

/* The key's words are little-endian, whatever this machine is. */
static struct destination_key key_of(const uint8_t bytes[DESTINATION_KEY])
{
	struct destination_key key = {{0, 0}};
	for (unsigned i = 0; i < DESTINATION_KEY; i++)
		key.words[i / 8] |= (uint64_t)bytes[i] << (8 * (i % 8));
	return key;
}

static void write_key(const struct destination_key *key, uint8_t bytes[DESTINATION_KEY])
{
	for (unsigned i = 0; i < DESTINATION_KEY; i++)
		bytes[i] = (uint8_t)(key->words[i / 8] >> (8 * (i % 8)));
}

static bool same_key(const struct destination_key *a, const struct destination_key *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

static int attach(struct destinations *d, enum destinations_role role, const char *interface, char **error)
{
	const struct bpf_program *program =
		role == DESTINATIONS_ASK ? d->programs->progs.lqn_syn_out : d->programs->progs.lqn_syn_in;
	int index = (int)if_nametoindex(interface);
	if (!index)
		return error_set(error, "syn_option: no interface '%s'; see `ip link`", interface);
	int fd = bpf_link_create(bpf_program__fd(program), index,
		(enum bpf_attach_type)(role == DESTINATIONS_ASK ? TCX_EGRESS : TCX_INGRESS), NULL);
	if (fd < 0)
		return error_set(error, "syn_option: %s: BPF (TCX): %s; it needs Linux 6.6", interface,
			strerror(errno));
	d->links[d->count++] = fd;
	return 0;
}

struct destinations *destinations_open(
	enum destinations_role role, const char *const *interfaces, size_t count, char **error)
{
	struct destinations *d = calloc(1, sizeof *d);
	if (!d || !(d->links = calloc(count + 1, sizeof *d->links)))
		abort();
	libbpf_set_print(NULL); /* errors are values here */
	d->programs = syn_bpf__open_and_load();
	if (!d->programs) {
		error_set(error, "syn_option: BPF: %s; it needs CAP_BPF", strerror(errno));
		destinations_close(d);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (attach(d, role, interfaces[i], error) < 0) {
			destinations_close(d);
			return NULL;
		}
	return d;
}

void destinations_close(struct destinations *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++)
		close(d->links[i]);
	if (d->programs)
		syn_bpf__destroy(d->programs);
	free(d->links);
	free(d);
}

int destinations_want(struct destinations *d, struct in_addr local, struct in_addr detour, uint16_t port,
	struct in_addr remote, const uint8_t key[DESTINATION_KEY])
{
	const struct syn_want want = {local.s_addr, detour.s_addr, htons(port), 0};
	const struct syn_option option = {key_of(key), remote.s_addr, 0};
	return bpf_map_update_elem(bpf_map__fd(d->programs->maps.wants), &want, &option, BPF_ANY) < 0 ? -1
												      : 0;
}

int destinations_allow(struct destinations *d, struct in_addr client, const uint8_t key[DESTINATION_KEY],
	int64_t now_ns, int64_t until_ns)
{
	int fd = bpf_map__fd(d->programs->maps.members);
	struct syn_member now, then = {key_of(key), (uint64_t)until_ns};
	bool there = bpf_map_lookup_elem(fd, &client.s_addr, &now) == 0 && (int64_t)now.until_ns > now_ns;
	errno = 0;
	bool shared = there && !same_key(&now.key, &then.key);
	if (shared)
		then.key = (struct destination_key){{0, 0}};
	return bpf_map_update_elem(fd, &client.s_addr, &then, BPF_ANY) < 0 || shared ? -1 : 0;
}

bool destinations_key(const struct destinations *d, struct in_addr client, uint8_t key[DESTINATION_KEY])
{
	struct syn_member member;
	if (bpf_map_lookup_elem(bpf_map__fd(d->programs->maps.members), &client.s_addr, &member) < 0)
		return false;
	write_key(&member.key, key);
	return true;
}

void destinations_forget(struct destinations *d, const uint8_t key[DESTINATION_KEY])
{
	const struct destination_key gone = key_of(key);
	int fd = bpf_map__fd(d->programs->maps.members);
	uint32_t at, next;
	struct syn_member member;
	bool more = bpf_map_get_next_key(fd, NULL, &next) == 0;
	while (more) {
		at = next;
		more = bpf_map_get_next_key(fd, &at, &next) == 0;
		if (bpf_map_lookup_elem(fd, &at, &member) == 0 && same_key(&member.key, &gone))
			bpf_map_delete_elem(fd, &at);
	}
}

uint64_t destinations_count(const struct destinations *d, enum syn_count which)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t values[CPUS_MOST] = {0}, sum = 0;
	uint32_t key = which;
	if (cpus < 1 || cpus > CPUS_MOST ||
		bpf_map_lookup_elem(bpf_map__fd(d->programs->maps.counts), &key, values) < 0)
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}
