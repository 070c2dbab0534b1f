/* Bench: the mux's nanoseconds a packet (BPF_PROG_TEST_RUN, net of the wrapper that resets the packet), and
 * packets a second from end to end on one core, beside nftables, plain forwarding and the bare generator in
 * the same run. Runs in namespaces of its own (make bench-mux makes them). Medians of several runs.
 *
 * bench_mux PROGRAMS: the folder of liquidnet-balancer-mux and liquidnet-balancer-ctl. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/net/netns.h"
#include "nodes/balancer/mux/ring.c"
#include "nodes/balancer/mux/xdp_modes.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/balancer/mux_wrapper.skel.h"

enum {
	SIZE = 64,
	SERVERS = 100,
	RUNS = 7,
	REPEAT = 3000000,
	END_RUNS = 3,
	END_MS = 1500,
	END_FLOWS = 1024,
	BATCH = 32768,
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("bench_mux: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

/* Runs a shell script; its failure ends the bench. */
static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char *script, *output = NULL, *error = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&script, format, arguments) < 0)
		abort();
	va_end(arguments);
	const char *const argv[] = {"sh", "-ec", script, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	if (process_run(&options, true, 20000, &output, &error) != 0)
		fail("%s: %s", script, error ? error : output);
	free(output);
	free(error);
	free(script);
}

static int by_size(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, by_size);
	return values[count / 2];
}

/* ---- the packet */

static void make_packet(uint8_t packet[SIZE], uint8_t protocol, const char *to)
{
	static const uint8_t link[14] = {2, 0, 0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0x10, 8, 0};
	struct iphdr *ip = (struct iphdr *)(packet + sizeof link);
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	memset(packet, 0, SIZE);
	memcpy(packet, link, sizeof link);
	*ip = (struct iphdr){.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = protocol,
		.tot_len = htons(SIZE - sizeof link),
		.frag_off = htons(0x4000)};
	if (inet_pton(AF_INET, to, &ip->daddr) != 1)
		abort();
	tcp->dest = htons(80);
	if (protocol == IPPROTO_TCP) {
		tcp->doff = 5;
		tcp->ack = 1;
	} else {
		((struct udphdr *)tcp)->len = htons(SIZE - sizeof link - sizeof *ip);
	}
}

/* ---- nanoseconds a packet */

static double time_program(const struct bpf_program *program, int ifindex)
{
	uint8_t packet[SIZE], out[256];
	struct xdp_md context = {.data_end = SIZE, .ingress_ifindex = (uint32_t)ifindex};
	double values[RUNS];
	make_packet(packet, IPPROTO_TCP, "10.9.100.1");
	for (int i = 0; i < RUNS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = SIZE,
			.data_out = out, .data_size_out = sizeof out, .ctx_in = &context,
			.ctx_size_in = sizeof context, .repeat = REPEAT);
		if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) < 0)
			fail("test run: %s", strerror(errno));
		values[i] = options.duration;
	}
	return median(values, RUNS);
}

static struct lb_map *make_map(uint32_t tokens)
{
	struct lb_map *map = lb_map_new((struct in_addr){inet_addr("10.9.100.1")}, tokens, NULL);
	for (unsigned i = 0; map && i < SERVERS; i++) {
		char name[16];
		snprintf(name, sizeof name, "s%u", i);
		if (lb_map_add(map, name, (struct in_addr){htonl(0x0a080165 + i % 100)}, NULL) < 0)
			fail("map");
	}
	return map;
}

static struct mux_wrapper_bpf *load(
	uint32_t flows, enum mux_forward forward, uint32_t tokens, uint32_t remember)
{
	struct mux_wrapper_bpf *bpf = mux_wrapper_bpf__open();
	if (!bpf)
		fail("BPF: %s", strerror(errno));
	bpf->rodata->flow_mask = flows - 1;
	bpf->rodata->forward_mode = forward;
	bpf->rodata->flow_entries = remember;
	bpf_map__set_max_entries(bpf->maps.flows, remember ? remember : 1);
	make_packet((uint8_t *)(uintptr_t)bpf->rodata->pattern, IPPROTO_TCP, "10.9.100.1");
	if (mux_wrapper_bpf__load(bpf) < 0)
		fail("BPF: %s", strerror(errno));
	struct lb_map *map = make_map(tokens);
	mux_ring_fill(&bpf->bss->rings[0], map);
	lb_map_free(map);
	return bpf;
}

/* A figure means nothing if the packets took another way than it says. */
static void check_forwarded(const struct mux_wrapper_bpf *bpf)
{
	int n = libbpf_num_possible_cpus();
	struct mux_counters *each = calloc((size_t)n, sizeof *each);
	uint64_t sum = 0;
	uint32_t key = 0;
	if (!each || bpf_map__lookup_elem(
			     bpf->maps.counters, &key, sizeof key, each, (size_t)n * sizeof *each, 0) < 0)
		fail("counters: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		sum += each[i].counts[MUX_FORWARDED];
	free(each);
	if (sum != (uint64_t)RUNS * REPEAT)
		fail("%llu of %u packets were forwarded", (unsigned long long)sum, RUNS * REPEAT);
}

static void row(const char *name, enum mux_forward forward, uint32_t tokens, uint32_t remember, int ifindex)
{
	static const uint32_t flows[] = {1, 1024, 65536};
	printf("%-44s", name);
	for (size_t i = 0; i < 3; i++) {
		struct mux_wrapper_bpf *bpf = load(flows[i], forward, tokens, remember);
		double wrapper = time_program(bpf->progs.bench_wrapper, ifindex);
		double gross = time_program(bpf->progs.bench_mux, ifindex);
		check_forwarded(bpf);
		printf("  %4.0f %4.0f %4.0f", gross, wrapper, gross - wrapper);
		fflush(stdout);
		mux_wrapper_bpf__destroy(bpf);
	}
	putchar('\n');
}

static void bench_nanoseconds(void)
{
	int ifindex = (int)if_nametoindex("b0");
	struct mux_wrapper_bpf *bpf = load(1, FORWARD_HAIRPIN, 65536, 0);
	printf("Nanoseconds a packet of 64 bytes, TCP, %d servers; empty program: %.0f; medians of %d runs of %d packets\n",
		SERVERS, time_program(bpf->progs.bench_empty, ifindex), RUNS, REPEAT);
	mux_wrapper_bpf__destroy(bpf);
	printf("%-44s  %-14s  %-14s  %-14s\n", "", "1 flow", "1,024 flows", "65,536 flows");
	printf("%-44s  %-14s  %-14s  %-14s\n", "", "all wrap  net", "all wrap  net", "all wrap  net");
	row("mux, back to the router, 1,000 tokens", FORWARD_HAIRPIN, 1000, 0, ifindex);
	row("mux, back to the router, 65,536 tokens", FORWARD_HAIRPIN, 65536, 0, ifindex);
	row("mux, back to the router, 100,000 tokens", FORWARD_HAIRPIN, 100000, 0, ifindex);
	row("mux, by the kernel's routes, 65,536 tokens", FORWARD_ROUTE, 65536, 0, ifindex);
	row("with a flow table (100,000), 65,536 tokens", FORWARD_HAIRPIN, 65536, 100000, ifindex);
}

/* ---- end to end: generator g0 -- b0 balancer b1 -- s0 sink */

static void make_network(void)
{
	shell("mkdir -p /run/netns\n"
	      "for n in gen sink; do ip netns add $n; done\n"
	      "ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0\n"
	      "ip link add b0 address 02:00:00:00:00:11 type veth peer name g0 address 02:00:00:00:00:10 netns gen\n"
	      "ip link add b1 address 02:00:00:00:00:12 type veth peer name s0 address 02:00:00:00:00:13 netns sink\n"
	      "sysctl -qw net.ipv4.conf.b0.rp_filter=0\n"
	      "ip addr add 10.8.0.1/24 dev b0; ip addr add 10.8.1.1/24 dev b1; ip link set b0 up; ip link set b1 up\n"
	      "ip -n gen link set g0 up; ip -n sink link set s0 up\n"
	      "for i in $(seq 101 200); do ip neigh add 10.8.1.$i lladdr 02:00:00:00:00:13 dev b1 nud permanent; done\n"
	      "ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:10 dev b0 nud permanent\n"
	      "ip route add 10.7.0.0/16 via 10.8.0.2\n"
	      "ethtool -K b0 gro on >/dev/null; ethtool -K b1 gro on >/dev/null\n"
	      "ip netns exec gen ethtool -K g0 gro on >/dev/null; ip netns exec sink ethtool -K s0 gro on >/dev/null\n");
}

struct attach {
	const char *interface;
	const struct bpf_program *program;
	bool tc;
	int ifindex;
};

static int attach_in(void *context)
{
	struct attach *a = context;
	a->ifindex = (int)if_nametoindex(a->interface);
	if (!a->program)
		return 0;
	if (!a->tc)
		return bpf_xdp_attach(a->ifindex, bpf_program__fd(a->program), XDP_FLAGS_DRV_MODE, NULL);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(a->program), .handle = 1, .priority = 1);
	bpf_tc_hook_create(&hook);
	return bpf_tc_attach(&hook, &options);
}

static int detach_in(void *context)
{
	struct attach *a = context;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	return a->tc ? bpf_tc_hook_destroy(&hook) : bpf_xdp_detach(a->ifindex, XDP_FLAGS_DRV_MODE, NULL);
}

/* In the namespace "gen" or "sink", or NULL: here. */
static void in_namespace(const char *name, int (*what)(void *), struct attach *attach)
{
	char path[64];
	if (!name) {
		if (what(attach) < 0)
			fail("%s: %s", attach->interface, strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "/run/netns/%s", name);
	int fd = netns_open(path);
	if (fd < 0 || netns_call(fd, what, attach) < 0)
		fail("%s: %s", attach->interface, strerror(errno));
	close(fd);
}

static uint64_t sunk(const struct mux_wrapper_bpf *bpf)
{
	int n = libbpf_num_possible_cpus();
	uint64_t values[n], sum = 0;
	uint32_t key = 0;
	if (bpf_map__lookup_elem(bpf->maps.sunk, &key, sizeof key, values, sizeof values, 0) < 0)
		fail("counter: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

struct rates {
	double offered, delivered; /* packets a second */
};

struct generation {
	struct mux_wrapper_bpf *bpf;
	struct rates rates;
};

/* In the generator's namespace: frames that the generator's program sends out of g0, as fast as this core
 * makes them. */
static int generate(void *context)
{
	struct generation *g = context;
	uint8_t packet[SIZE] = {0};
	struct xdp_md input = {.data_end = SIZE};
	uint64_t sent = 0, before = sunk(g->bpf);
	int64_t begin = clock_now_ns(), now = begin;
	while (now < begin + END_MS * NS_PER_MS) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = SIZE,
			.ctx_in = &input, .ctx_size_in = sizeof input, .repeat = BATCH,
			.flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
		int result = bpf_prog_test_run_opts(bpf_program__fd(g->bpf->progs.bench_generate), &options);
		if (result < 0 && errno != EINTR)
			return -1;
		sent += BATCH;
		now = clock_now_ns();
	}
	double seconds = (double)(now - begin) / NS_PER_S;
	g->rates = (struct rates){(double)sent / seconds, (double)(sunk(g->bpf) - before) / seconds};
	return 0;
}

struct scenario {
	const char *name, *mux; /* configuration of a mux, or NULL */
	const char *to;         /* where packets go: the VIP, or a server */
	const char *sink_namespace, *sink_interface;
	bool sink_tc;
	const char *prepare, *clean; /* shell */
};

static struct process start_mux(const char *programs, const char *settings)
{
	char program[512], config[] = "/run/mux.yaml", number[16];
	int ready[2];
	char word[8] = {0}, *error = NULL;
	struct process process = PROCESS_NONE;
	struct process_options options = PROCESS_OPTIONS;
	shell("printf 'interface: b0\\nmap: /run/lb.map\\n%s\\n' >%s", settings, config);
	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe: %s", strerror(errno));
	snprintf(program, sizeof program, "%s/liquidnet-balancer-mux", programs);
	snprintf(number, sizeof number, "%d", ready[1]);
	const char *const argv[] = {
		program, "--config", config, "--ready-fd", number, "--log-level", "error", NULL};
	options.argv = argv;
	options.keep_fd = ready[1];
	options.die_with_parent = true;
	if (process_start(&process, &options, &error) < 0)
		fail("%s", error);
	close(ready[1]);
	if (read(ready[0], word, sizeof word - 1) <= 0)
		fail("liquidnet-balancer-mux is not ready with: %s", settings);
	close(ready[0]);
	return process;
}

static struct rates run_scenario(const struct scenario *s, const char *programs)
{
	struct mux_wrapper_bpf *bpf = mux_wrapper_bpf__open();
	struct attach out = {.interface = "g0"};
	if (!bpf)
		fail("BPF: %s", strerror(errno));
	in_namespace("gen", attach_in, &out);
	bpf->rodata->flow_mask = END_FLOWS - 1;
	bpf->rodata->out_ifindex = (uint32_t)out.ifindex;
	make_packet((uint8_t *)(uintptr_t)bpf->rodata->pattern, IPPROTO_UDP, s->to);
	if (mux_wrapper_bpf__load(bpf) < 0)
		fail("BPF: %s", strerror(errno));
	struct attach sink = {s->sink_interface,
		s->sink_tc ? bpf->progs.bench_sink_tc : bpf->progs.bench_sink, s->sink_tc, 0};
	in_namespace(s->sink_namespace, attach_in, &sink);
	if (s->prepare)
		shell("%s", s->prepare);
	struct process mux = s->mux ? start_mux(programs, s->mux) : PROCESS_NONE;
	struct generation g = {.bpf = bpf};
	int fd = netns_open("/run/netns/gen");
	if (fd < 0 || netns_call(fd, generate, &g) < 0)
		fail("generator: %s", strerror(errno));
	close(fd);
	process_stop(&mux, 3000);
	if (s->clean)
		shell("%s", s->clean);
	in_namespace(s->sink_namespace, detach_in, &sink);
	mux_wrapper_bpf__destroy(bpf);
	return g.rates;
}

static const char nft_table[] =
	"nft -f - <<'END'\ntable ip bench {\nchain c {\ntype nat hook prerouting priority -100;\n"
	"ip daddr 10.9.100.1 dnat to jhash ip saddr . udp sport mod 4 map { 0 : 10.8.1.101, 1 : 10.8.1.102, 2 : 10.8.1.103, 3 : 10.8.1.104 }\n}\n}\nEND\n";

static void bench_end_to_end(const char *programs)
{
	static const struct scenario scenarios[] = {
		{"bare generator, dropped at the balancer", NULL, "10.9.100.1", NULL, "b0", false, NULL,
			NULL},
		{"nftables, DNAT by a map", NULL, "10.9.100.1", "sink", "s0", true, nft_table,
			"nft delete table ip bench"},
		{"plain forwarding", NULL, "10.8.1.101", "sink", "s0", true, NULL, NULL},
		{"mux, native, by the kernel's routes", "path: native", "10.9.100.1", "sink", "s0", false,
			NULL, NULL},
		{"mux, native, back to the router", "path: native\\nforward: hairpin", "10.9.100.1", "gen",
			"g0", false, NULL, NULL},
		{"mux, native, through the kernel", "path: native\\nforward: kernel", "10.9.100.1", "sink",
			"s0", true, NULL, NULL},
		{"mux, generic, by the kernel's routes", "path: generic", "10.9.100.1", "sink", "s0", true,
			NULL, NULL},
		{"mux, packet socket", "path: socket", "10.9.100.1", "sink", "s0", true, NULL, NULL},
	};
	double nft = 0;
	printf("\nPackets a second from end to end, 64 bytes of UDP in %d flows, all on one core; medians of %d runs of %.1f s\n",
		END_FLOWS, END_RUNS, END_MS / 1000.0);
	printf("%-44s %10s %10s %14s\n", "", "offered", "delivered", "of nftables'");
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		double offered[END_RUNS], delivered[END_RUNS];
		for (int k = 0; k < END_RUNS; k++) {
			struct rates rates = run_scenario(&scenarios[i], programs);
			offered[k] = rates.offered;
			delivered[k] = rates.delivered;
		}
		double rate = median(delivered, END_RUNS);
		if (i == 1)
			nft = rate;
		printf("%-44s %10.0f %10.0f %13.2fx\n", scenarios[i].name, median(offered, END_RUNS), rate,
			nft > 0 ? rate / nft : 0.0);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (argc != 2 || sched_setaffinity(0, sizeof one, &one) < 0)
		fail("usage: bench_mux PROGRAMS");
	libbpf_set_print(NULL);
	make_network();
	shell("lb='%s/liquidnet-balancer-ctl --map /run/lb.map'; $lb --vip 10.9.100.1 init; for i in $(seq 101 200); do $lb add s$i 10.8.1.$i; done",
		argv[1]);
	bench_nanoseconds();
	bench_end_to_end(argv[1]);
	return 0;
}
