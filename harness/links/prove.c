/* Prove: see the header. The network of a test is two namespaces in a sandbox and a veth pair a setting, with
 * one bare pair beside them, whose median is what the way takes by itself. */
#include "harness/links/prove.h"

#include "harness/links/kept.h"
#include "harness/links/shape.h"
#include "harness/machine/sandbox.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE_BY_SIDE 8
#define WAYS (SIDE_BY_SIDE + 1) /* with the bare one */
#define LIMIT_NS (60 * NS_PER_S)
#define ATTEMPTS 4 /* at most; one second in which the machine was late proves nothing about a back end */
#define SEED 1     /* a setting is the same test every time */

/* ---- what is to be tried */

static void look_past(struct proofs *proofs, const struct link_shape *shape,
	const struct shape_backend *chosen, const char *link)
{
	for (const struct shape_backend *const *b = shape_backends; *b && *b != chosen; b++) {
		if (!(*b)->on_trial || !(*b)->available())
			continue;
		const char *reason = shape_refusal(*b, shape, NULL);
		if (reason)
			proofs_pass_on(proofs, *b, chosen, link, reason);
	}
}

int proofs_add(struct proofs *proofs, const struct topology *topology, const struct link_shape *links,
	const char *wanted, char **error)
{
	const struct shape_backend **chosen = calloc(topology->links_count + 1, sizeof *chosen);
	int result = shape_choose(topology, links, wanted, proofs, chosen, error);
	for (size_t i = 0; result == 0 && !proofs->elsewhere && i < topology->links_count; i++) {
		for (int k = 0; k < 2 && chosen[i] && chosen[i]->on_trial; k++)
			proofs_setting(proofs, chosen[i], &links[i].direction[k]);
		if (chosen[i] && strcmp(wanted, "auto") == 0)
			look_past(proofs, &links[i], chosen[i], topology->links[i].name);
	}
	free(chosen);
	return result;
}

/* ---- the network of a test */

struct way {
	struct stamp_plan plan;
	char interface[2][16], address[2][16];
	char error[160];
	struct stamp stamps[PROOF_PACKETS_MAX];
};

/* Shared between the harness, the sandbox, and its process a way. */
struct bench {
	struct proof_item *items[SIDE_BY_SIDE]; /* of the harness: its own after the sandbox has ended */
	struct proof proofs[SIDE_BY_SIDE];
	size_t count;
	struct way ways[WAYS]; /* [0] bare, [i + 1] of item i */
	int netns[2];
	/* What a back end is given: */
	struct topology_link links[WAYS];
	struct link_shape shapes[WAYS];
	const struct shape_backend *chosen[WAYS];
	struct topology topology;
	struct network network;
	struct place places[2];
};

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* Without IPv6 and with known neighbours nothing but our packets is on the way. A kernel without IPv6 has
 * none. */
static void quiet(void)
{
	write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

static int open_namespaces(struct bench *bench, char **error)
{
	bench->netns[0] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	quiet();
	if (bench->netns[0] < 0 || unshare(CLONE_NEWNET) < 0)
		return error_set(error, "network namespace: %s", strerror(errno));
	bench->netns[1] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	quiet();
	if (bench->netns[1] < 0 || setns(bench->netns[0], CLONE_NEWNET) < 0)
		return error_set(error, "network namespace: %s", strerror(errno));
	return 0;
}

static int ip_batch(int netns, const char *commands, char **error)
{
	const char *const argv[] = {"ip", "-batch", "-", NULL};
	return process_feed(argv, netns, commands, NULL, error) == 0 ? 0 : -1;
}

/* Both ends of a pair get hardware addresses that the other knows. */
static void name_way(struct way *way, unsigned number)
{
	for (unsigned k = 0; k < 2; k++) {
		snprintf(way->interface[k], sizeof way->interface[k], "p%u%c", number, "ab"[k]);
		snprintf(way->address[k], sizeof way->address[k], "10.255.%u.%u", number, k + 1);
	}
}

static int build_ways(struct bench *bench, char **error)
{
	char *text = NULL;
	size_t size = 0;
	int result = 0;
	for (unsigned k = 0; result == 0 && k < 2; k++) {
		FILE *out = open_memstream(&text, &size);
		for (unsigned i = 0; i <= bench->count; i++) {
			struct way *w = &bench->ways[i];
			if (k == 0) {
				name_way(w, i);
				fprintf(out,
					"link add name %s address 02:00:00:00:%02x:01 type veth peer name %s address 02:00:00:00:%02x:02 netns /proc/%d/fd/%d\n",
					w->interface[0], i, w->interface[1], i, getpid(), bench->netns[1]);
			}
			fprintf(out,
				"addr add %s/30 dev %s\nlink set dev %s up\n"
				"neigh replace %s lladdr 02:00:00:00:%02x:%02x dev %s nud permanent\n",
				w->address[k], w->interface[k], w->interface[k], w->address[1 - k], i, 2 - k,
				w->interface[k]);
		}
		fclose(out);
		result = ip_batch(bench->netns[k], text, error);
		free(text);
		text = NULL;
	}
	return result;
}

static int shape_ways(struct bench *bench, struct shaping *shaping, char **error)
{
	for (size_t i = 0; i <= bench->count; i++) {
		struct way *way = &bench->ways[i];
		bench->links[i].name = way->interface[0];
		for (int k = 0; k < 2; k++)
			bench->links[i].ends[k] =
				(struct topology_end){k, way->interface[k], way->address[k], ""};
		if (i == 0)
			continue;
		bench->chosen[i] = bench->items[i - 1]->backend;
		bench->shapes[i].shaped = true;
		for (int k = 0; k < 2; k++)
			bench->shapes[i].direction[k] = bench->proofs[i - 1].shape;
	}
	bench->topology =
		(struct topology){.name = "proof", .links = bench->links, .links_count = bench->count + 1};
	for (int k = 0; k < 2; k++)
		bench->places[k] = place_of_namespace(k ? "b" : "a", bench->netns[k]);
	bench->network = (struct network){.topology = &bench->topology, .places = bench->places};
	*shaping = (struct shaping){.network = &bench->network,
		.links = bench->shapes,
		.chosen = bench->chosen,
		.folder = "/tmp",
		.seed = SEED,
		.daemon = PROCESS_NONE};
	return shape_install(shaping, error);
}

/* ---- the packets */

static pid_t send_along(struct bench *bench, struct way *way)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char *error = NULL;
	for (int k = 0; k < 2; k++) {
		way->plan.netns[k] = bench->netns[k];
		way->plan.address[k] = way->address[k];
	}
	if (stamp_run(&way->plan, way->stamps, &error) < 0)
		snprintf(way->error, sizeof way->error, "%s", error ? error : "no times");
	_exit(0);
}

static int send_all(struct bench *bench, char **error)
{
	int result = 0, status;
	bench->ways[0].plan = proof_plan(&(struct shape){0});
	for (size_t i = 0; i < bench->count; i++)
		bench->ways[i + 1].plan = proof_plan(&bench->proofs[i].shape);
	pid_t pids[WAYS];
	for (size_t i = 0; i <= bench->count; i++)
		pids[i] = send_along(bench, &bench->ways[i]);
	for (size_t i = 0; i <= bench->count; i++)
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0)
			result = error_set(error, "a sender of the test failed: %s", strerror(errno));
	if (result == 0 && bench->ways[0].error[0])
		result = error_set(error, "the bare way: %s", bench->ways[0].error);
	return result;
}

static void judge(struct bench *bench)
{
	const struct way *bare = &bench->ways[0];
	struct stamp_summary way = stamp_summarise(bare->stamps, bare->plan.count, 0);
	int64_t bare_ns = (int64_t)(way.median_us * 1e3);
	for (size_t i = 0; i < bench->count; i++) {
		struct proof *p = &bench->proofs[i];
		const struct way *w = &bench->ways[i + 1];
		p->attempts++;
		if (w->error[0]) {
			p->kept = false;
			snprintf(p->why, sizeof p->why, "%s", w->error);
		} else {
			proof_judge(p, w->stamps, &w->plan, bare_ns);
		}
	}
}

/* What cannot even be installed is not kept either. */
static void refute_all(struct bench *bench, const char *why)
{
	for (size_t i = 0; i < bench->count; i++) {
		struct proof *p = &bench->proofs[i];
		p->attempts++;
		p->kept = false;
		snprintf(p->why, sizeof p->why, "%s", why ? why : "it cannot be installed");
	}
}

static int body(void *context, int report_fd)
{
	struct bench *bench = context;
	struct shaping shaping = {.daemon = PROCESS_NONE};
	char *error = NULL;
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (open_namespaces(bench, &error) < 0 || build_ways(bench, &error) < 0)
		dprintf(report_fd, "%s", error ? error : "no reason was given");
	else if (shape_ways(bench, &shaping, &error) < 0)
		refute_all(bench, error);
	else if (send_all(bench, &error) < 0)
		dprintf(report_fd, "%s", error ? error : "no reason was given");
	else
		judge(bench);
	shape_stop(&shaping);
	return 0;
}

/* ---- from outside */

/* What the sandbox has to say until it ends: nothing, or why it could not. */
static int await_end(const struct sandbox *sandbox, char **error)
{
	int64_t deadline = clock_now_ns() + LIMIT_NS;
	char text[512];
	size_t size = 0;
	for (;;) {
		struct pollfd p = {.fd = sandbox->report_fd, .events = POLLIN};
		int64_t left = deadline - clock_now_ns();
		if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 0)
			return error_set(error, "it did not end");
		ssize_t n = read(sandbox->report_fd, text + size, sizeof text - 1 - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || size + (size_t)n == sizeof text - 1)
			break;
		size += (size_t)n;
	}
	text[size] = 0;
	return size ? error_set(error, "%s", text) : 0;
}

static int run_bench(struct bench *bench, char **error)
{
	struct sandbox sandbox;
	struct sandbox_options options = {.cgroup_fd = -1};
	if (sandbox_start(&sandbox, &options, body, bench, error) < 0)
		return -1;
	int result = await_end(&sandbox, error);
	sandbox_end(&sandbox);
	for (size_t i = 0; i < bench->count; i++)
		bench->items[i]->proof = bench->proofs[i];
	for (size_t i = 0; result == 0 && i < bench->count; i++)
		if (bench->proofs[i].attempts == 0)
			result = error_set(error, "its sandbox ended early");
	return result < 0 ? error_prefix(error, "trying the links' settings") : 0;
}

static bool needs_attempt(const struct proof *p, unsigned attempt)
{
	return p->attempts == attempt && !p->kept;
}

static int run_attempt(struct proofs *proofs, struct bench *bench, unsigned attempt, char **error)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < proofs->count;) {
		memset(bench, 0, sizeof *bench);
		for (; i < proofs->count && bench->count < SIDE_BY_SIDE; i++)
			if (needs_attempt(&proofs->items[i].proof, attempt)) {
				bench->items[bench->count] = &proofs->items[i];
				bench->proofs[bench->count++] = proofs->items[i].proof;
			}
		if (bench->count)
			result = run_bench(bench, error);
	}
	return result;
}

int proofs_run(struct proofs *proofs, char **error)
{
	struct bench *bench =
		mmap(NULL, sizeof *bench, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int result = 0;
	if (bench == MAP_FAILED)
		return error_set(error, "memory for trying the links' settings: %s", strerror(errno));
	kept_recall(proofs, KEPT_FILE);
	for (unsigned attempt = 0; result == 0 && attempt < ATTEMPTS; attempt++)
		result = run_attempt(proofs, bench, attempt, error);
	munmap(bench, sizeof *bench);
	kept_add(proofs, KEPT_FILE);
	return result;
}
