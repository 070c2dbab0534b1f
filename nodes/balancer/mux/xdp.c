/* The data path in the kernel: loads the program, attaches it, swaps its ring, reads its counters. The
 * program stays attached when this process is killed, and forwards by the last map; the next start replaces
 * it between two packets. */
#include "lib/base/error.h"
#include "nodes/balancer/mux/path.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nodes/balancer/mux/mux.skel.h" /* after the types of its globals */

struct xdp {
	struct mux_bpf *skeleton;
	int ifindex;
	uint32_t flags;
	int processors;
	struct mux_traffic before[LB_SERVERS_MAX]; /* of servers that had the number earlier: subtracted */
};

/* ---- attaching */

/* A program of ours from another life of this daemon, or -1; *foreign: there is one, and it is not ours. */
static int own_program(uint32_t id, bool *foreign)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;
	int fd = bpf_prog_get_fd_by_id(id);
	*foreign = true;
	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strcmp(info.name, "liquidnet_mux") == 0) {
		*foreign = false;
		return fd;
	}
	close(fd);
	return -1;
}

/* Replaces ours where it is; takes ours away where it was attached in the other mode. */
static int attach(struct xdp *xdp, char **error)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, was);
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	bool foreign = false;
	uint32_t flags = xdp->flags;
	int result = bpf_xdp_query(xdp->ifindex, 0, &was), old = -1;
	if (result == 0 && was.prog_id)
		old = own_program(was.prog_id, &foreign);
	if (foreign)
		return error_set(error,
			"another XDP program is on the interface; take it off: ip link set dev ... xdp off");
	bool same_mode =
		was.attach_mode == ((flags & XDP_FLAGS_SKB_MODE) ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV);
	if (old >= 0 && !same_mode)
		bpf_xdp_detach(xdp->ifindex, flags ^ (XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE), NULL);
	if (old >= 0 && same_mode) {
		flags |= XDP_FLAGS_REPLACE;
		options.old_prog_fd = old;
	} else {
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	}
	result = bpf_xdp_attach(
		xdp->ifindex, bpf_program__fd(xdp->skeleton->progs.liquidnet_mux), flags, &options);
	if (old >= 0)
		close(old);
	return result < 0 ? error_set(error, "XDP: %s", strerror(-result)) : 0;
}

/* Ours only: another may have taken its place. */
static void detach(struct xdp *xdp)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options,
		.old_prog_fd = bpf_program__fd(xdp->skeleton->progs.liquidnet_mux));
	bpf_xdp_detach(xdp->ifindex, xdp->flags | XDP_FLAGS_REPLACE, &options);
}

/* ---- the ring */

/* Adds up what the processors counted. */
static int sum_counters(const struct xdp *xdp, struct mux_counters *sum)
{
	size_t n = (size_t)xdp->processors;
	uint32_t key = 0;
	struct mux_counters *each = calloc(n, sizeof *each);
	int result = -1;
	memset(sum, 0, sizeof *sum);
	if (each)
		result = bpf_map__lookup_elem(
			xdp->skeleton->maps.counters, &key, sizeof key, each, n * sizeof *each, 0);
	for (size_t i = 0; result == 0 && i < n; i++) {
		for (size_t k = 0; k < MUX_COUNTS; k++)
			sum->counts[k] += each[i].counts[k];
		for (size_t k = 0; k < LB_SERVERS_MAX; k++) {
			sum->servers[k].packets += each[i].servers[k].packets;
			sum->servers[k].bytes += each[i].servers[k].bytes;
		}
	}
	free(each);
	return result;
}

/* A server's number that is another's now starts counting at zero. */
static void forget_traffic(struct xdp *xdp, const struct mux_ring *before, const struct mux_ring *after)
{
	struct mux_counters *now = malloc(sizeof *now);
	if (now && sum_counters(xdp, now) == 0)
		for (uint32_t i = 0; i < LB_SERVERS_MAX; i++)
			if (after->dip[i] && before->dip[i] != after->dip[i])
				xdp->before[i] = now->servers[i];
	free(now);
}

/* The ring that is not read is written, then it is the one that is read. A packet that began with the other
 * may still be reading it: it is not written before all of those have ended, which is what the barrier waits
 * for (it is a grace period of RCU, and XDP programs run inside RCU's read side). */
static int use(void *path, const struct lb_map *map, char **error)
{
	struct xdp *xdp = path;
	struct mux_bpf__bss *data = xdp->skeleton->bss;
	unsigned next = (data->active & 1) ^ 1;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		return error_set(error, "membarrier: %s", strerror(errno));
	mux_ring_fill(&data->rings[next], map);
	forget_traffic(xdp, &data->rings[next ^ 1], &data->rings[next]);
	__atomic_store_n(&data->active, next, __ATOMIC_RELEASE);
	return 0;
}

static int read_counters(void *path, struct mux_counters *counters)
{
	const struct xdp *xdp = path;
	int result = sum_counters(xdp, counters);
	for (size_t k = 0; k < LB_SERVERS_MAX; k++) {
		counters->servers[k].packets -= xdp->before[k].packets;
		counters->servers[k].bytes -= xdp->before[k].bytes;
	}
	return result;
}

/* ---- life */

static void destroy(struct xdp *xdp)
{
	mux_bpf__destroy(xdp->skeleton);
	free(xdp);
}

static void close_xdp(void *path)
{
	detach(path);
	destroy(path);
}

static int load(struct xdp *xdp, const struct mux_config *config, char **error)
{
	struct mux_bpf *skeleton = xdp->skeleton = mux_bpf__open();
	if (!skeleton)
		return error_set(error, "BPF: %s", strerror(errno));
	skeleton->rodata->forward_mode = config->forward;
	skeleton->rodata->flow_entries = config->flow_table;
	bpf_map__set_max_entries(skeleton->maps.flows, config->flow_table ? config->flow_table : 1);
	int result = mux_bpf__load(skeleton);
	xdp->processors = libbpf_num_possible_cpus();
	if (result < 0 || xdp->processors < 1)
		return error_set(error, "BPF: %s", strerror(-result));
	return 0;
}

static void *open_xdp(
	sd_event *loop, const struct mux_config *config, const struct lb_map *map, bool generic, char **error)
{
	struct xdp *xdp = calloc(1, sizeof *xdp);
	(void)loop;
	libbpf_set_print(NULL); /* errors are values here, not text on standard error */
	if (!xdp) {
		error_set(error, "out of memory");
		return NULL;
	}
	xdp->ifindex = config->ifindex;
	xdp->flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	if (load(xdp, config, error) == 0 && use(xdp, map, error) == 0 && attach(xdp, error) == 0)
		return xdp;
	destroy(xdp);
	return NULL;
}

const struct mux_path mux_path_xdp = {open_xdp, use, read_counters, close_xdp};
