/* Loading, adopting, attaching; see programs.h. */
#include "nodes/balancer/agent/programs.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/net/rtnl.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nodes/balancer/agent/agent.skel.h" /* after the types of its globals */

/* Behind the link daemon's filter (1): it may divert the packet, which then comes back. */
#define FILTER_PRIORITY 2
#define FILTER_HANDLE 1
#define MAPS_MAX 16

struct programs {
	struct agent_bpf *skeleton;
	int ifindex;
	struct in_addr dip;
	uint64_t ports[65536 / 64]; /* of the configuration */
	bool adopted;
	bool attached[2];
};

static const enum bpf_tc_attach_point points[2] = {BPF_TC_INGRESS, BPF_TC_EGRESS};
static const char *const names[2] = {"lqn_agent_in", "lqn_agent_out"};

/* ---- what another life left */

static struct bpf_tc_hook hook_of(int ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook), .ifindex = ifindex, .attach_point = point};
}

/* Our program at a hook: its descriptor, or -1. *foreign: another's is in its place. */
static int attached_program(int ifindex, int which, bool *foreign)
{
	struct bpf_tc_hook hook = hook_of(ifindex, points[which]);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;
	*foreign = false;
	if (bpf_tc_query(&hook, &options) < 0)
		return -1;
	int fd = bpf_prog_get_fd_by_id(options.prog_id);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strcmp(info.name, names[which]) == 0)
		return fd;
	*foreign = true;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Lets the skeleton's map be the one with this descriptor, if it is of the same make. */
static bool adopt_map(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info;
	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
	       info.value_size == bpf_map__value_size(map) && info.max_entries == bpf_map__max_entries(map) &&
	       bpf_map__reuse_fd(map, fd) == 0;
}

/* The state's map: its first word tells the layout. */
static bool is_state(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info, key = 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.value_size != sizeof(struct agent_state))
		return false;
	struct agent_state *state = malloc(sizeof *state);
	bool same = state && bpf_map_lookup_elem(fd, &key, state) == 0 && state->layout == AGENT_LAYOUT;
	free(state);
	return same;
}

/* Before the skeleton is loaded: takes over both maps of the program that is attached, or none. */
static void adopt(struct programs *programs)
{
	bool foreign;
	uint32_t ids[MAPS_MAX] = {0};
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	uint32_t size = sizeof info;
	struct agent_bpf *skeleton = programs->skeleton;
	int program = attached_program(programs->ifindex, 0, &foreign), state = -1, counts = -1;
	if (program < 0)
		return;
	if (bpf_obj_get_info_by_fd(program, &info, &size) < 0)
		info.nr_map_ids = 0;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);
		struct bpf_map_info map = {0};
		size = sizeof map;
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &size) == 0 &&
			map.max_entries == AGENT_COUNTS && counts < 0)
			counts = fd;
		else if (fd >= 0 && state < 0 && is_state(fd))
			state = fd;
		else if (fd >= 0)
			close(fd);
	}
	if (state >= 0 && counts >= 0)
		programs->adopted =
			adopt_map(skeleton->maps.counts, counts) && adopt_map(skeleton->maps.bss, state);
	if (state >= 0)
		close(state);
	if (counts >= 0)
		close(counts);
	close(program);
}

/* ---- attaching */

static int attach(struct programs *programs, int which, const struct bpf_program *program, char **error)
{
	struct bpf_tc_hook hook = hook_of(programs->ifindex, points[which]);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	bool foreign;
	int old = attached_program(programs->ifindex, which, &foreign);
	if (foreign)
		return error_set(error,
			"another filter has priority %d on the interface; remove it with `tc filter del`",
			FILTER_PRIORITY);
	int result = bpf_tc_hook_create(&hook);
	if (result < 0 && result != -EEXIST)
		return error_set(error, "clsact: %s; the kernel needs CONFIG_NET_CLS_ACT", strerror(-result));
	programs->skeleton->bss->state.own_clsact |= result == 0;
	options.prog_fd = bpf_program__fd(program);
	options.flags = old >= 0 ? BPF_TC_F_REPLACE : 0;
	result = bpf_tc_attach(&hook, &options);
	if (old >= 0)
		close(old);
	if (result < 0)
		return error_set(error, "tc: %s; the kernel needs CONFIG_NET_CLS_BPF", strerror(-result));
	programs->attached[which] = true;
	return 0;
}

static void detach(struct programs *programs)
{
	for (int i = 0; i < 2; i++) {
		struct bpf_tc_hook hook = hook_of(programs->ifindex, points[i]);
		LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
		if (programs->attached[i])
			bpf_tc_detach(&hook, &options);
	}
	/* With the hook would go what others have put there since. */
	if (programs->skeleton->bss->state.own_clsact && rtnl_has_filters(programs->ifindex) == 0) {
		struct bpf_tc_hook hook = hook_of(programs->ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
		bpf_tc_hook_destroy(&hook);
	}
}

/* ---- life */

/* The configuration's ports, and those that the map gives to this server alone. */
static void set_ports(struct programs *programs, const struct lb_map *map)
{
	unsigned self = lb_map_find_dip(map, programs->dip);
	uint64_t ports[65536 / 64];
	memcpy(ports, programs->ports, sizeof ports);
	for (size_t i = 0; i < map->port_count; i++)
		if (map->ports[i].server == self)
			ports[map->ports[i].port / 64] |= 1ULL << (map->ports[i].port % 64);
	memcpy(programs->skeleton->bss->state.ports, ports, sizeof ports);
}

int programs_use(struct programs *programs, const struct lb_map *map, char **error)
{
	struct agent_state *state = &programs->skeleton->bss->state;
	unsigned next = (state->active & 1) ^ 1;
	/* Packets that still read the ring that is written next have ended after a grace period of RCU. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		return error_set(error, "membarrier: %s", strerror(errno));
	agent_ring_fill(&state->rings[next], &state->rings[next ^ 1], state->used, state->trails, map,
		programs->dip, (uint64_t)clock_now_ns());
	set_ports(programs, map);
	__atomic_store_n(&state->active, next, __ATOMIC_RELEASE);
	return 0;
}

static void configure(struct agent_state *state, const struct agent_config *config)
{
	state->layout = AGENT_LAYOUT;
	state->mss = config->mss;
	state->translate = config->translate;
	state->idle_ns = (uint64_t)config->idle_ns;
}

static int load(struct programs *programs, char **error)
{
	programs->skeleton = agent_bpf__open();
	if (!programs->skeleton)
		return error_set(error, "BPF: %s", strerror(errno));
	adopt(programs);
	int result = agent_bpf__load(programs->skeleton);
	return result < 0 ? error_set(error, "BPF: %s; the agent needs CAP_BPF and CAP_NET_ADMIN",
				    strerror(-result))
			  : 0;
}

static void destroy(struct programs *programs)
{
	agent_bpf__destroy(programs->skeleton);
	free(programs);
}

struct programs *programs_start(const struct agent_config *config, const struct lb_map *map, char **error)
{
	struct programs *programs = calloc(1, sizeof *programs);
	libbpf_set_print(NULL); /* errors are values here, not text on standard error */
	if (!programs) {
		error_set(error, "out of memory");
		return NULL;
	}
	programs->ifindex = config->ifindex;
	programs->dip = config->address;
	memcpy(programs->ports, config->ports, sizeof programs->ports);
	if (load(programs, error) < 0) {
		destroy(programs);
		return NULL;
	}
	configure(&programs->skeleton->bss->state, config);
	if (programs_use(programs, map, error) == 0 &&
		attach(programs, 0, programs->skeleton->progs.lqn_agent_in, error) == 0 &&
		attach(programs, 1, programs->skeleton->progs.lqn_agent_out, error) == 0)
		return programs;
	if (!programs->adopted)
		detach(programs);
	destroy(programs);
	return NULL;
}

bool programs_adopted(const struct programs *programs)
{
	return programs->adopted;
}

int programs_read(const struct programs *programs, uint64_t counts[AGENT_COUNTS])
{
	int processors = libbpf_num_possible_cpus();
	if (processors < 1)
		return -1;
	uint64_t values[processors];
	for (uint32_t key = 0; key < AGENT_COUNTS; key++) {
		counts[key] = 0;
		if (bpf_map__lookup_elem(
			    programs->skeleton->maps.counts, &key, sizeof key, values, sizeof values, 0) < 0)
			return -1;
		for (int i = 0; i < processors; i++)
			counts[key] += values[i];
	}
	return 0;
}

void programs_chains(const struct programs *programs, uint32_t *live, uint32_t *expired)
{
	const struct agent_state *state = &programs->skeleton->bss->state;
	const struct agent_ring *ring = &state->rings[state->active & 1];
	uint64_t now = (uint64_t)clock_now_ns();
	*live = *expired = 0;
	for (uint32_t t = 0; t < ring->tokens; t++) {
		if (ring->next[t] == AGENT_END || ring->next[t] == AGENT_ABSENT)
			continue;
		struct agent_trail trail = state->trails[t];
		__u64 used = state->used[t];
		agent_settle(&trail, &used, now);
		if ((int64_t)(now - used) > (int64_t)state->idle_ns)
			++*expired;
		else
			++*live;
	}
}

void programs_stop(struct programs *programs)
{
	if (!programs)
		return;
	detach(programs);
	destroy(programs);
}
