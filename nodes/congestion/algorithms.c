/* Algorithms: see the header. libbpf 1.1 knows no link of struct_ops: the map's flag and the link are made by
 * hand, with the kernel's numbers. */
#include "nodes/congestion/algorithms.h"

#include "lib/base/error.h"
#include "nodes/congestion/balia.skel.h"
#include "nodes/congestion/lia.skel.h"
#include "nodes/congestion/olia.skel.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STRUCT_OPS_LINK (1U << 13) /* BPF_F_LINK */
#define STRUCT_OPS_ATTACH 44       /* BPF_STRUCT_OPS */
#define AVAILABLE "/proc/sys/net/ipv4/tcp_available_congestion_control"

static const struct algorithm {
	const char *name;    /* of its struct_ops map as well */
	const char *counter; /* the map of its global variables */
	const void *(*object)(size_t *size);
} algorithms[] = {
	{"lia", "lia_bpf.bss", lia_bpf__elf_bytes},
	{"olia", "olia_bpf.bss", olia_bpf__elf_bytes},
	{"balia", "balia_bp.bss", balia_bpf__elf_bytes},
};
#define ALGORITHMS ((int)(sizeof algorithms / sizeof *algorithms))

int algorithm_find(const char *name)
{
	for (int i = 0; i < ALGORITHMS; i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return i;
	return -1;
}

const char *algorithm_name(int i)
{
	return i >= 0 && i < ALGORITHMS ? algorithms[i].name : NULL;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

/* Loads the programs and the map; NULL with *error. The caller closes it. */
static struct bpf_object *load(const struct algorithm *a, char **error)
{
	size_t size;
	const void *bytes = a->object(&size);
	char name[32];
	snprintf(name, sizeof name, "%s_bpf", a->name);
	libbpf_set_print(quiet);
	struct bpf_object *object = bpf_object__open_mem(bytes, size,
		&(struct bpf_object_open_opts){
			.sz = sizeof(struct bpf_object_open_opts), .object_name = name});
	struct bpf_map *map = object ? bpf_object__find_map_by_name(object, a->name) : NULL;
	if (!map || bpf_map__set_map_flags(map, bpf_map__map_flags(map) | STRUCT_OPS_LINK) < 0 ||
		bpf_object__load(object) < 0) {
		error_set(error,
			"%s: this kernel does not take it (%s); it needs root, Linux 6.4 or later with CONFIG_MPTCP, CONFIG_BPF_JIT and CONFIG_DEBUG_INFO_BTF",
			a->name, strerror(errno));
		bpf_object__close(object);
		return NULL;
	}
	return object;
}

static bool offered(const char *name)
{
	char word[64];
	bool found = false;
	FILE *in = fopen(AVAILABLE, "re");
	while (in && !found && fscanf(in, "%63s", word) == 1)
		found = strcmp(word, name) == 0;
	if (in)
		fclose(in);
	return found;
}

/* A BPF program brought it: there is a map of its operations. */
static bool brought(const char *name)
{
	bool found = false;
	for (uint32_t id = 0; !found && bpf_map_get_next_id(id, &id) == 0;) {
		struct bpf_map_info map = {0};
		uint32_t length = sizeof map;
		int fd = bpf_map_get_fd_by_id(id);
		found = fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &length) == 0 &&
			map.type == BPF_MAP_TYPE_STRUCT_OPS && strcmp(map.name, name) == 0;
		if (fd >= 0)
			close(fd);
	}
	return found;
}

bool algorithm_builtin(int i)
{
	return offered(algorithms[i].name) && !brought(algorithms[i].name);
}

int algorithm_check(int i, char **error)
{
	struct bpf_object *object = load(&algorithms[i], error);
	bpf_object__close(object);
	return object ? 0 : -1;
}

/* The name of the map that a link's registration comes from; false: another kind of link, or gone. */
static bool link_map(int link_fd, struct bpf_map_info *map)
{
	/* The kernel's own structure is longer than the headers': struct_ops.map_id follows type, id,
	 * prog_id. */
	uint32_t link[64] = {0}, length = sizeof link, map_length = sizeof *map;
	if (bpf_obj_get_info_by_fd(link_fd, link, &length) < 0 || link[0] != BPF_LINK_TYPE_STRUCT_OPS)
		return false;
	int fd = bpf_map_get_fd_by_id(link[4]);
	memset(map, 0, sizeof *map);
	bool known = fd >= 0 && bpf_obj_get_info_by_fd(fd, map, &map_length) == 0;
	if (fd >= 0)
		close(fd);
	return known;
}

/* A descriptor of the link by which the algorithm is registered, or -1. */
static int find_link(const struct algorithm *a, uint32_t *id)
{
	for (*id = 0; bpf_link_get_next_id(*id, id) == 0;) {
		struct bpf_map_info map;
		int fd = bpf_link_get_fd_by_id(*id);
		if (fd >= 0 && link_map(fd, &map) && strcmp(map.name, a->name) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	*id = 0;
	return -1;
}

static int make_link(struct bpf_object *object, const struct algorithm *a)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, a->name);
	/* Fills the map in; with the flag of a link it registers nothing. */
	struct bpf_link *filled = bpf_map__attach_struct_ops(map);
	if (!filled)
		return -1;
	bpf_link__disconnect(filled);
	bpf_link__destroy(filled);
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.link_create.prog_fd = (uint32_t)bpf_map__fd(map);
	attribute.link_create.attach_type = (enum bpf_attach_type)STRUCT_OPS_ATTACH;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attribute, sizeof attribute);
}

int algorithm_register(int i, bool *shared, char **error)
{
	const struct algorithm *a = &algorithms[i];
	uint32_t id;
	/* Asked first: of a name that it has already the kernel complains in its log. */
	int fd = find_link(a, &id);
	*shared = fd >= 0;
	if (*shared)
		return fd;
	struct bpf_object *object = load(a, error);
	if (!object)
		return -1;
	fd = make_link(object, a);
	int fault = errno;
	bpf_object__close(object);
	*shared = fd < 0 && fault == EEXIST;
	if (*shared)
		fd = find_link(a, &id);
	if (fd < 0)
		error_set(error, "%s: not registered: %s%s", a->name, strerror(fault),
			fault == EEXIST
				? "; another program brought one without a link, or the kernel has its own"
				: "");
	return fd;
}

/* Copies that were unregistered live on in their sockets, each with counters of its own. */
static void count(const struct algorithm *a, struct algorithm_state *state)
{
	state->sockets = state->repaired = 0;
	for (uint32_t id = 0; bpf_map_get_next_id(id, &id) == 0;) {
		struct bpf_map_info map = {0};
		struct {
			int64_t sockets, repaired;
		} value = {0};
		uint32_t length = sizeof map, key = 0;
		int fd = bpf_map_get_fd_by_id(id);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &length) == 0 &&
			strcmp(map.name, a->counter) == 0 && map.value_size == sizeof value &&
			bpf_map_lookup_elem(fd, &key, &value) == 0) {
			state->sockets += value.sockets;
			state->repaired += value.repaired;
		}
		if (fd >= 0)
			close(fd);
	}
}

int algorithm_state(int i, struct algorithm_state *state, char **error)
{
	uint32_t none = 0;
	if (bpf_link_get_next_id(none, &none) < 0 && errno != ENOENT)
		return error_set(error, "BPF links cannot be listed: %s; be root", strerror(errno));
	int fd = find_link(&algorithms[i], &state->link);
	if (fd >= 0)
		close(fd);
	state->available = offered(algorithms[i].name);
	count(&algorithms[i], state);
	return 0;
}

int algorithm_unregister(int i, char **error)
{
	uint32_t id;
	int fd = find_link(&algorithms[i], &id);
	if (fd < 0)
		return error_set(error, "%s: no link of it; see liquidnet-cc status", algorithms[i].name);
	int result = bpf_link_detach(fd), fault = errno;
	close(fd);
	return result == 0 ? 0
			   : error_set(error,
				     "%s: link %u cannot be detached (%s); end the process that holds it",
				     algorithms[i].name, id, strerror(fault));
}
