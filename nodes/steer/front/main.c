/* liquidnet-front: shares a server's new connections among several, and leaves their path once clients reach those directly (README.md). The kernel
 * does it, by rules (rules.c); this installs them, changes shares, counts, and takes them away. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/net/nft.h"
#include "lib/net/sysctl.h"
#include "nodes/steer/front/config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct front {
	struct front_config *config;
	struct nft_ctx *nft;
};

static int run_and_free(struct front *front, char *commands, char **error)
{
	int result = nft_run(front->nft, commands, error);
	free(commands);
	return result;
}

static void do_share(void *context, struct control_request *request, int count, char **words)
{
	struct front *front = context;
	char *error = NULL;
	double fraction;
	(void)count;
	if (unit_fraction(words[1], &fraction) < 0) {
		control_refuse(request, "'%s' is no share; write 50%%", words[1]);
		return;
	}
	if (front_share(front->config, words[0], (unsigned)(fraction * 100 + 0.5), &error) < 0 ||
		run_and_free(front, front_choice(front->config), &error) < 0)
		control_refuse(request, "%s", error);
	else
		control_answer(request, json_object());
	log_info("share", "server=%s share=%s%s%s%s", words[0], words[1], error ? " error=\"" : "",
		error ? error : "", error ? "\"" : "");
	free(error);
}

static void put_counter(struct front *front, json_t *out, const char *name)
{
	char command[64], *error = NULL;
	const char *text;
	json_t *answer, *item;
	json_int_t packets = 0, bytes = 0;
	size_t i;
	snprintf(command, sizeof command, "list counter ip liquidnet-front %s", name);
	if (nft_list(front->nft, command, &text, &error) == 0 && (answer = json_loads(text, 0, NULL))) {
		json_array_foreach(json_object_get(answer, "nftables"), i, item) {
			json_unpack(item, "{s:{s:I, s:I}}", "counter", "packets", &packets, "bytes", &bytes);
		}
		json_decref(answer);
	}
	free(error);
	json_object_set_new(out, name, json_pack("{s:I, s:I}", "packets", packets, "bytes", bytes));
}

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	struct front *front = context;
	json_t *servers = json_array(), *counters = json_object();
	(void)count, (void)words;
	for (unsigned i = 0; i < front->config->count; i++) {
		char text[INET_ADDRSTRLEN];
		const struct front_server *server = &front->config->servers[i];
		inet_ntop(AF_INET, &server->address, text, sizeof text);
		json_array_append_new(servers, json_pack("{s:s, s:s, s:i}", "name", server->name, "address",
						       text, "share", (int)server->share));
	}
	put_counter(front, counters, "moved");
	put_counter(front, counters, "resets");
	put_counter(front, counters, "forwarded");
	control_answer(request, json_pack("{s:o, s:o}", "servers", servers, "counters", counters));
}

static int serve(struct daemon *daemon, char **error)
{
	static const struct control_command commands[] = {
		{"share", "SERVER PERCENT", "of new connections, from now on", 2, 2, do_share},
		{"status", "", "servers with their shares, counters", 0, 0, do_status},
		{NULL, NULL, NULL, 0, 0, NULL}};
	struct front front = {.config = daemon->config};
	struct sysctl_switch forwarding = {.name = "net.ipv4.ip_forward"};
	struct sysctl_switch accounting = {.name = "net.netfilter.nf_conntrack_acct"};
	int status = 1;
	/* Another one's table has the same name. */
	if (daemon_alone(daemon, 0, error) < 0)
		return 1;
	front.nft = nft_open(error);
	/* Bytes of connections are counted only if it is asked for. */
	if (front.nft && sysctl_need(&forwarding, '1', true, error) == 0 &&
		sysctl_need(&accounting, '1', true, error) == 0 &&
		run_and_free(&front, front_rules(front.config), error) == 0) {
		status = daemon_run(daemon, commands, &front);
		nft_run(front.nft, "delete table ip liquidnet-front", NULL);
	}
	sysctl_put_back(&accounting);
	sysctl_put_back(&forwarding);
	nft_close(front.nft);
	return status;
}

static void *load(const char *path, char **error)
{
	return front_config_load(path, error);
}

static void unload(void *config)
{
	front_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-front",
		.summary = "shares new connections among servers, and leaves their path",
		.default_config = "/etc/liquidnet/front.yaml",
		.rights = {.keep = CONFINE(CAP_NET_ADMIN)}, /* rules */
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
