/* Two nodes and the links between them; see link_network.h. */
#include "tests/bench/link/link_network.h"

#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/run/bench-link"
#define IP_LIMIT_MS 60000

/* ---- the sandbox */

static int inside(int (*body)(void *context), void *context)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("proc", "/proc", "proc", 0, NULL) < 0 || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 ||
		mkdir(FOLDER, 0700) < 0) {
		perror("bench-link: private /proc and /run");
		return 1;
	}
	return body(context);
}

int link_sandbox(int (*body)(void *context), void *context)
{
	int status = 0;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0) {
		perror("bench-link: namespaces of its own (needs root)");
		return 1;
	}
	pid_t child = fork();
	if (child == 0)
		exit(inside(body, context));
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) {
		fprintf(stderr, "bench-link: ended by wait status %#x\n", status);
		return 1;
	}
	return WEXITSTATUS(status);
}

/* ---- nodes and links */

/* A process that holds a network namespace without IPv6, whose own packets would be in every count. */
static pid_t start_node(void)
{
	int ready[2];
	char word = 0;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
		if ((fd >= 0 && write(fd, "1", 1) != 1) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &word, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

static json_t *describe(size_t links)
{
	json_t *a = json_object(), *b = json_object(), *list = json_object();

	for (size_t i = 0; i < links; i++) {
		char name[32], address[2][32];
		snprintf(name, sizeof name, "link%zu", i);
		for (int k = 0; k < 2; k++)
			snprintf(address[k], sizeof address[k], "10.%zu.%zu.%d/24", i / 250, i % 250, k + 1);
		json_object_set_new(a, name, json_pack("{s:s}", "address", address[0]));
		json_object_set_new(b, name, json_pack("{s:s}", "address", address[1]));
		json_object_set_new(list, name,
			json_pack("{s:[{s:s, s:s}, {s:s, s:s}]}", "ends", "node", "a", "interface", name,
				"node", "b", "interface", name));
	}
	return json_pack("{s:s, s:{s:{s:o}, s:{s:o}}, s:o}", "topology", "bench", "nodes", "a", "interfaces",
		a, "b", "interfaces", b, "links", list);
}

static int run(const struct place *place, const char *const *argv, char **error)
{
	return place_feed(place, argv, "", NULL, error) == 0 ? 0 : -1;
}

static int make_links(const struct link_network *n, char **error)
{
	const char *path = FOLDER "/ip.batch";

	for (int node = 0; node < 2; node++) {
		FILE *out = fopen(path, "we");
		if (!out)
			return error_set(error, "%s: %s", path, strerror(errno));
		for (size_t i = 0; i < n->topology->links_count; i++) {
			const char *name = n->topology->links[i].name;
			if (node == 0)
				fprintf(out, "link add dev %s type veth peer name %s netns %d\n", name, name,
					(int)n->network.places[1].pid);
			fprintf(out,
				"link set dev %s gso_max_segs 1\naddr add %s/24 dev %s\nlink set dev %s up\n",
				name, n->topology->links[i].ends[node].address, name, name);
		}
		fclose(out);
		const char *argv[] = {"ip", "-batch", path, NULL};
		if (run(&n->network.places[node], argv, error) < 0)
			return -1;
		for (size_t i = 0; i < n->topology->links_count; i++) {
			const char *offloads[] = {"ethtool", "-K", n->topology->links[i].name, "tso", "off",
				"gso", "off", "gro", "off", NULL};
			if (run(&n->network.places[node], offloads, error) < 0)
				return -1;
		}
	}
	return 0;
}

static int shape_links(
	struct link_network *n, const struct shape_backend *backend, const struct shape *shape, char **error)
{
	size_t count = n->topology->links_count;

	n->links = calloc(count, sizeof *n->links);
	n->chosen = calloc(count, sizeof(const struct shape_backend *));
	for (size_t i = 0; i < count; i++)
		n->links[i] = (struct link_shape){.direction = {*shape, *shape}, .shaped = backend != NULL};
	if (backend && shape_choose(n->topology, n->links, backend->name, NULL, n->chosen, error) < 0)
		return -1;
	n->shaping = (struct shaping){
		.network = &n->network, .links = n->links, .chosen = n->chosen, .folder = FOLDER, .seed = 1};
	return shape_install(&n->shaping, error);
}

int link_network_open(struct link_network *n, size_t links, const struct shape_backend *backend,
	const struct shape *shape, char **error)
{
	*n = (struct link_network){.network.driver = PROCESS_NONE, .shaping.daemon = PROCESS_NONE};
	n->topology = topology_from_json(describe(links), error);
	if (!n->topology)
		return -1;
	n->network.topology = n->topology;
	n->network.places = calloc(2, sizeof *n->network.places);
	for (int i = 0; i < 2; i++)
		if (place_open_namespace(&n->network.places[i], i ? "b" : "a", start_node(), error) < 0)
			return -1;
	return make_links(n, error) < 0 ? -1 : shape_links(n, backend, shape, error);
}

void link_network_close(struct link_network *n)
{
	shape_stop(&n->shaping);
	for (int i = 0; n->network.places && i < 2; i++) {
		pid_t pid = n->network.places[i].pid;
		place_close(&n->network.places[i]);
		if (pid > 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	free(n->network.places);
	free(n->links);
	free(n->chosen);
	topology_free(n->topology);
}

const char *link_network_address(const struct link_network *n, size_t link, int node)
{
	return n->topology->links[link].ends[node].address;
}
