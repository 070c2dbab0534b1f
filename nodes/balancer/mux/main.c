/* liquidnet-balancer-mux: spreads the packets to a virtual address over servers, without keeping a connection in mind.
 * This file ties the map's source and a data path to the daemon's life, and answers the control socket. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/balancer/current.h"
#include "nodes/balancer/mux/config.h"
#include "nodes/balancer/mux/path.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct mux {
	const struct mux_config *config;
	struct lb_source *source;
	struct lb_current current;
	const struct mux_path *kind;
	void *path;
	const char *path_name;
};

/* ---- the data path */

/* An XDP program is attached and its counters are read; a socket has its route, put in place and taken away by ip. */
#define MUX_RIGHTS_XDP (CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_BPF) | CONFINE(CAP_PERFMON))
#define MUX_RIGHTS_SOCKET (CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_NET_RAW))

static struct confinement rights_of(const struct mux_path *kind)
{
	bool xdp = kind == &mux_path_xdp;
	return (struct confinement){
		.keep = xdp ? MUX_RIGHTS_XDP : MUX_RIGHTS_SOCKET, .executes = !xdp, .uses_bpf = xdp};
}

static void *try_path(
	const struct mux *mux, sd_event *loop, const struct mux_path *kind, bool generic, char **error)
{
	/* As the configuration says it of `path: socket`. */
	if (kind == &mux_path_socket && mux->config->flow_table) {
		error_set(error, "the packet socket has no flow table, which flow_table asks for");
		return NULL;
	}
	return kind->open(loop, mux->config, mux->current.map, generic, error);
}

/* Native XDP, generic XDP, packet socket: the first that can be had, or the one that was asked for. Each that
 * cannot is said aloud. */
static int open_path(struct mux *mux, sd_event *loop, char **error)
{
	static const struct {
		enum mux_path_choice choice;
		const struct mux_path *kind;
		bool generic;
		const char *name;
	} paths[] = {
		{PATH_NATIVE, &mux_path_xdp, false, "native"},
		{PATH_GENERIC, &mux_path_xdp, true, "generic"},
		{PATH_SOCKET, &mux_path_socket, false, "socket"},
	};
	const struct mux_config *config = mux->config;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (config->path != PATH_AUTO && config->path != paths[i].choice)
			continue;
		free(*error);
		*error = NULL;
		mux->path = try_path(mux, loop, paths[i].kind, paths[i].generic, error);
		if (mux->path) {
			mux->kind = paths[i].kind;
			mux->path_name = paths[i].name;
			log_info("path", "path=%s interface=%s", mux->path_name, config->interface);
			return 0;
		}
		log_warning("path", "path=%s problem=\"%s\"", paths[i].name, *error);
	}
	return -1;
}

static int use_map(void *context, const struct lb_map *map, char **error)
{
	struct mux *mux = context;
	if (mux->kind->use(mux->path, map, error) < 0)
		return -1;
	log_info("map", "generation=%u servers=%u", map->generation, lb_map_active(map));
	return 0;
}

/* ---- the control socket */

static json_t *counts_report(const struct mux_counters *counters)
{
	static const char *const names[MUX_COUNTS] = {[LB_OTHER] = "other",
		[LB_MALFORMED] = "malformed",
		[LB_OPTIONS] = "options",
		[LB_FRAGMENT] = "fragments",
		[LB_PROTOCOL] = "protocol",
		[LB_ICMP] = "icmp",
		[LB_SOURCE] = "source",
		[MUX_FORWARDED] = "forwarded",
		[MUX_NO_SERVER] = "no_server",
		[MUX_TOO_BIG] = "too_big",
		[MUX_NO_ROUTE] = "no_route",
		[MUX_FAILED] = "failed"};
	json_t *out = json_object();
	for (int i = 0; i < MUX_COUNTS; i++)
		if (names[i])
			json_object_set_new(out, names[i], json_integer((json_int_t)counters->counts[i]));
	return out;
}

static json_t *servers_report(const struct lb_map *map, const struct mux_counters *counters)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++) {
		const struct lb_server *server = &map->servers[i];
		char dip[INET_ADDRSTRLEN];
		if (!server->name[0])
			continue;
		inet_ntop(AF_INET, &server->dip, dip, sizeof dip);
		json_array_append_new(list,
			json_pack("{s:s s:s s:s s:i s:I s:I}", "name", server->name, "address", dip, "health",
				server->drained ? "drained" : "active", "tokens", lb_map_load(map, i),
				"packets", (json_int_t)counters->servers[i].packets, "bytes",
				(json_int_t)counters->servers[i].bytes));
	}
	return list;
}

static void command_status(void *context, struct control_request *request, int count, char **words)
{
	const struct mux *mux = context;
	char vip[INET_ADDRSTRLEN];
	(void)count, (void)words;
	struct mux_counters *counters = malloc(sizeof *counters);
	if (!counters || mux->kind->read(mux->path, counters) < 0) {
		free(counters);
		control_refuse(request, "the counters cannot be read");
		return;
	}
	inet_ntop(AF_INET, &mux->current.map->vip, vip, sizeof vip);
	control_answer(
		request, json_pack("{s:s s:s s:I s:I s:o s:o}", "path", mux->path_name, "vip", vip,
				 "generation", (json_int_t)mux->current.map->generation, "tokens",
				 (json_int_t)mux->current.map->tokens, "packets", counts_report(counters),
				 "servers", servers_report(mux->current.map, counters)));
	free(counters);
}

static void command_map(void *context, struct control_request *request, int count, char **words)
{
	struct mux *mux = context;
	(void)count;
	lb_current_command(&mux->current, request, words[0]);
}

static const struct control_command commands[] = {
	{"status", "", "path, map, packets by what became of them, packets a server", 0, 0, command_status},
	{"map", "FILE", "takes a map now; the watched one goes on being watched", 1, 1, command_map},
	{0},
};

/* ---- the daemon's life */

static int start(struct mux *mux, sd_event *loop, char **error)
{
	mux->current = (struct lb_current){.use = use_map, .context = mux};
	mux->source = lb_current_watch(&mux->current, loop, mux->config->map, error);
	if (!mux->source)
		return 2;
	if (open_path(mux, loop, error) < 0)
		return 1;
	log_info("map", "generation=%u servers=%u", mux->current.map->generation,
		lb_map_active(mux->current.map));
	return 0;
}

static int serve(struct daemon *daemon, char **error)
{
	struct mux mux = {.config = daemon->config};
	/* Another's program on the interface would be replaced, and ours taken away when we end. */
	if (daemon_alone(daemon, mux.config->ifindex, error) < 0)
		return 1;
	int status = start(&mux, daemon->loop, error);
	daemon->rights = rights_of(mux.kind);
	if (status == 0)
		status = daemon_run(daemon, commands, &mux);
	lb_source_close(mux.source);
	if (mux.path)
		mux.kind->close(mux.path);
	lb_map_free(mux.current.map);
	return status;
}

static void *load(const char *path, char **error)
{
	return mux_config_load(path, error);
}

static void unload(void *config)
{
	mux_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-balancer-mux",
		.summary = "spreads connections to a virtual address over servers, keeping no state",
		.default_config = "/etc/liquidnet/mux.yaml",
		/* What another life left is found by number at the start, which takes CAP_SYS_ADMIN. */
		.rights = {.start = MUX_RIGHTS_XDP | MUX_RIGHTS_SOCKET | CONFINE(CAP_SYS_ADMIN)},
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
