/* liquidnet-guest: the agent in a machine that moves. Its host tells it where it is (message.h), at the start and whenever it has moved; it takes the address there and
 * the way out, makes the address an endpoint of Multipath TCP, and removes the old endpoint and the old address. */
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include "lib/net/rtnl.h"
#include "nodes/migration/message.h"
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 100 /* until the host has told where we are */

struct agent {
	int fd, ready_fd;
	enum endpoints endpoints;
	struct mptcp_pm *pm;
	struct site place; /* the present one */
	unsigned number;   /* of it: an odd one has endpoint 1, an even one 2; 0: none yet */
};

static const char usage[] =
	"liquidnet-guest: the agent in a machine that moves, which takes the address of the network where it is\n\n"
	"Usage: liquidnet-guest INTERFACE [--endpoint none|keep|replace|joined|fullmesh] [--ready-fd N]\n\n"
	"  --endpoint what becomes of Multipath TCP's endpoints (default joined; liquidnet-attach --help says more)\n"
	"  --ready-fd READY is said there when it has its first address\n"
	"  --help, --version\n\n"
	"Its host, liquidnet-vmhost, tells it where it is.\n";

static void say_ready(struct agent *agent)
{
	if (agent->ready_fd < 0)
		return;
	if (write(agent->ready_fd, "READY\n", 6) < 0)
		log_warning("ready", "reason=\"nobody hears it\"");
	close(agent->ready_fd);
	agent->ready_fd = -1;
}

static bool is_here(const struct agent *agent, const struct site *place)
{
	const struct site *here = &agent->place;
	return agent->number && here->address.s_addr == place->address.s_addr &&
	       here->gateway.s_addr == place->gateway.s_addr && here->prefix == place->prefix;
}

static uint8_t id_of(unsigned number)
{
	return number % 2 ? 1 : 2;
}

/* Where it is told to be. A place that cannot be taken leaves all as it is, and is told again. */
static bool take(struct agent *agent, const char *interface, struct site *place)
{
	char *error = NULL;
	if (strcmp(place->interface, interface) != 0) {
		log_warning("place", "name=%s reason=\"it is of another interface, %s\"", place->name,
			place->interface);
		return false;
	}
	if (is_here(agent, place))
		return true;
	unsigned next = agent->number + 1;
	if (site_find(place, &error) < 0 ||
		site_renumber(agent->pm, agent->endpoints, agent->number ? &agent->place : NULL,
			id_of(agent->number), place, id_of(next), &error) < 0) {
		log_warning("place", "name=%s reason=\"%s\"", place->name, error);
		free(error);
		return false;
	}
	agent->place = *place;
	agent->number = next;
	log_info("place", "name=%s", place->name);
	return true;
}

static void serve(struct agent *agent, const char *interface)
{
	char text[MESSAGE_TEXT];
	for (;;) {
		struct pollfd p = {.fd = agent->fd, .events = POLLIN};
		if (!agent->number)
			message_send(agent->fd, "where");
		if (poll(&p, 1, agent->number ? -1 : ASK_MS) <= 0)
			continue;
		struct message message = message_receive(agent->fd);
		if (message.kind != MESSAGE_PLACE || !take(agent, interface, &message.place))
			continue;
		snprintf(text, sizeof text, "taken %s", message.place.name);
		message_send(agent->fd, text);
		say_ready(agent);
	}
}

static int take_option(struct agent *agent, int c, char **error)
{
	int64_t number;
	if (c == 'r' && (unit_integer(optarg, &number) < 0 || number < 0 || number > 1 << 20))
		return error_set(error, "--ready-fd: '%s' is no descriptor", optarg);
	if (c == 'r') {
		agent->ready_fd = (int)number;
		return 0;
	}
	for (int i = 0; i < ENDPOINTS; i++)
		if (strcmp(optarg, endpoints_names[i]) == 0) {
			agent->endpoints = (enum endpoints)i;
			return 0;
		}
	return error_set(error, "--endpoint: '%s'; there are none, keep, replace, joined, fullmesh", optarg);
}

/* The exit status, or -1: go on. */
static int read_options(struct agent *agent, int argc, char **argv)
{
	static const struct option options[] = {{"endpoint", required_argument, NULL, 'e'},
		{"ready-fd", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {0}};
	char *error = NULL;
	int c;
	while (!error && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h' || c == 'v') {
			if (c == 'h')
				fputs(usage, stdout);
			else
				printf("liquidnet-guest %s\n", liquidnet_version);
			return 0;
		}
		if (c == '?')
			return 2;
		take_option(agent, c, &error);
	}
	if (!error && (optind + 1 != argc || strlen(argv[optind]) >= IFNAMSIZ))
		error_set(&error, "say the interface; liquidnet-guest --help shows how");
	if (!error)
		return -1;
	fprintf(stderr, "liquidnet-guest: %s\n", error);
	free(error);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct confinement rights = {.keep = CONFINE(CAP_NET_ADMIN)};
	struct agent agent = {.fd = -1, .ready_fd = -1, .endpoints = ENDPOINTS_JOINED};
	char *error = NULL;
	int status = read_options(&agent, argc, argv);
	if (status >= 0)
		return status;
	log_open("liquidnet-guest", LOG_LEVEL_INFO);
	unsigned ifindex = if_nametoindex(argv[optind]);
	if (!ifindex || rtnl_set_up((int)ifindex, true) < 0)
		error_set(&error, "%s: there is no such interface, or it cannot be set up", argv[optind]);
	else if ((agent.fd = message_socket(argv[optind], &error)) >= 0 &&
		 (agent.endpoints == ENDPOINTS_NONE || (agent.pm = mptcp_pm_open(&error))) &&
		 confine(&rights, &error) == 0)
		serve(&agent, argv[optind]);
	log_error("start", "reason=\"%s\"", error);
	mptcp_pm_close(agent.pm);
	free(error);
	return 1;
}
