/* liquidnet-balancer-agent: on a server behind the muxes. It makes the tunnel and the virtual address invisible to the
 * server's programs, and lets connections stay where they are when their token moves. This file ties the
 * map's source and the programs in the kernel to the daemon's life, and answers the control socket. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/balancer/agent/config.h"
#include "nodes/balancer/agent/programs.h"
#include "nodes/balancer/current.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct agent {
	const struct agent_config *config;
	struct lb_source *source;
	struct lb_current current;
	struct programs *programs;
};

static void check_map(const struct agent *agent, const struct lb_map *map)
{
	char text[INET_ADDRSTRLEN];
	unsigned self = lb_map_find_dip(map, agent->config->address);
	inet_ntop(AF_INET, &agent->config->address, text, sizeof text);
	if (self == LB_NO_SERVER)
		log_warning("map",
			"generation=%u problem=\"%s is no server of the map: all packets are passed on\"",
			map->generation, text);
	else
		log_info("map", "generation=%u server=%s tokens=%u", map->generation, map->servers[self].name,
			lb_map_load(map, self));
}

static int use_map(void *context, const struct lb_map *map, char **error)
{
	struct agent *agent = context;
	if (programs_use(agent->programs, map, error) < 0)
		return -1;
	check_map(agent, map);
	return 0;
}

/* ---- the control socket */

static json_t *counts_report(const uint64_t counts[AGENT_COUNTS])
{
	static const char *const names[AGENT_COUNTS] = {[LB_OTHER] = "not_the_vip",
		[LB_MALFORMED] = "malformed",
		[LB_OPTIONS] = "options",
		[LB_FRAGMENT] = "fragments",
		[LB_PROTOCOL] = "protocol",
		[LB_ICMP] = "icmp",
		[LB_SOURCE] = "source",
		[AGENT_DELIVERED] = "delivered",
		[AGENT_ORPHANED] = "orphaned",
		[AGENT_EXPIRED] = "expired",
		[AGENT_COOKIE] = "cookies",
		[AGENT_HANDED_ON] = "handed_on",
		[AGENT_REFUSED] = "refused",
		[AGENT_BEHIND] = "behind",
		[AGENT_LOOPED] = "looped",
		[AGENT_RETURNED] = "returned",
		[AGENT_CLAMPED] = "clamped",
		[AGENT_FAILED] = "failed"};
	json_t *out = json_object();
	for (int i = 0; i < AGENT_COUNTS; i++)
		if (names[i])
			json_object_set_new(out, names[i], json_integer((json_int_t)counts[i]));
	return out;
}

static void command_status(void *context, struct control_request *request, int count, char **words)
{
	const struct agent *agent = context;
	uint64_t counts[AGENT_COUNTS];
	uint32_t live, expired;
	unsigned self = lb_map_find_dip(agent->current.map, agent->config->address);
	(void)count, (void)words;
	if (programs_read(agent->programs, counts) < 0) {
		control_refuse(request, "the counters cannot be read");
		return;
	}
	programs_chains(agent->programs, &live, &expired);
	control_answer(
		request, json_pack("{s:I s:s s:I s:b s:o s:{s:I s:I}}", "generation",
				 (json_int_t)agent->current.map->generation, "server",
				 self == LB_NO_SERVER ? "" : agent->current.map->servers[self].name, "tokens",
				 (json_int_t)lb_map_load(agent->current.map, self), "adopted",
				 programs_adopted(agent->programs), "packets", counts_report(counts),
				 "former_owners", "live", (json_int_t)live, "expired", (json_int_t)expired));
}

static void command_map(void *context, struct control_request *request, int count, char **words)
{
	struct agent *agent = context;
	(void)count;
	lb_current_command(&agent->current, request, words[0]);
}

static const struct control_command commands[] = {
	{"status", "", "map, packets by what became of them, former owners", 0, 0, command_status},
	{"map", "FILE", "takes a map now; the watched one goes on being watched", 1, 1, command_map},
	{0},
};

/* ---- the daemon's life */

static int start(struct agent *agent, sd_event *loop, char **error)
{
	agent->current = (struct lb_current){.use = use_map, .context = agent};
	agent->source = lb_current_watch(&agent->current, loop, agent->config->map, error);
	if (!agent->source)
		return 2;
	agent->programs = programs_start(agent->config, agent->current.map, error);
	if (!agent->programs)
		return 1;
	check_map(agent, agent->current.map);
	log_info("serving", "interface=%s adopted=%s", agent->config->interface,
		programs_adopted(agent->programs) ? "yes" : "no");
	return 0;
}

static int serve(struct daemon *daemon, char **error)
{
	struct agent agent = {.config = daemon->config};
	/* Another's programs would be replaced, and ours taken away when we end. */
	if (daemon_alone(daemon, agent.config->ifindex, error) < 0)
		return 1;
	int status = start(&agent, daemon->loop, error);
	if (status == 0)
		status = daemon_run(daemon, commands, &agent);
	lb_source_close(agent.source);
	programs_stop(agent.programs);
	lb_map_free(agent.current.map);
	return status;
}

static void *load(const char *path, char **error)
{
	return agent_config_load(path, error);
}

static void unload(void *config)
{
	agent_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-balancer-agent",
		.summary = "a server's part of the load balancer: tunnel, address, connections that stay",
		.default_config = "/etc/liquidnet/agent.yaml",
		/* Counters lie in BPF maps; its hooks are taken away at the end. What another life left is found by number at the start. */
		.rights = {.keep = CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_BPF) | CONFINE(CAP_PERFMON),
			.start = CONFINE(CAP_SYS_ADMIN),
			.uses_bpf = true},
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
