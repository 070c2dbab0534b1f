/* The guard's table and ears. */
#include "nodes/detour/client/guard.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "nodes/detour/kernel/ruleset_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "liquidnet-detour-guard"
#define TUNNELS 64

struct guarded {
	struct in_addr from;
	char device[IFNAMSIZ];
};

struct guard {
	struct nft_ctx *nft;
	struct ruleset_watch *watch;
	struct mnl_socket *events;
	sd_event_source *source;
	void (*changed)(void *context);
	void *context;
	struct guarded tunnels[TUNNELS];
	unsigned count;
};

static int install(struct guard *guard, char **error)
{
	char *text = NULL, address[INET_ADDRSTRLEN];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return error_set(error, "out of memory");
	fputs("add table inet " TABLE "\ndelete table inet " TABLE "\ntable inet " TABLE
	      " {\n\tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n",
		out);
	for (unsigned i = 0; i < guard->count; i++)
		fprintf(out,
			"\t\tip saddr %s oifname != \"%s\" ip daddr != 127.0.0.0/8 fib daddr type != local drop\n",
			inet_ntop(AF_INET, &guard->tunnels[i].from, address, sizeof address),
			guard->tunnels[i].device);
	fputs("\t}\n}\n", out);
	int result = fclose(out) == 0 ? ruleset_watch_run(guard->watch, guard->nft, text, error)
				      : error_set(error, "out of memory");
	free(text);
	return result;
}

int guard_set(struct guard *guard, struct in_addr from, const char *device, char **error)
{
	struct guarded *tunnel = guard->tunnels, *end = tunnel + guard->count;

	while (tunnel < end && strcmp(tunnel->device, device) != 0)
		tunnel++;
	if (tunnel < end && tunnel->from.s_addr == from.s_addr)
		return 0;
	if (tunnel == guard->tunnels + TUNNELS)
		return error_set(error, "there are more than %d tunnels", TUNNELS);
	guard->count += tunnel == end;
	tunnel->from = from;
	snprintf(tunnel->device, sizeof tunnel->device, "%s", device);
	return install(guard, error);
}

static void on_ruleset(void *context)
{
	struct guard *guard = context;
	char *error = NULL;

	if (!guard->count)
		return;
	if (install(guard, &error) < 0)
		log_error("guard", "problem=\"%s\"", error);
	else
		log_warning("guard", "problem=\"somebody else changed it\" action=\"put back\"");
	free(error);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct guard *guard = context;
	char bytes[16384];
	(void)source;
	(void)revents;

	/* What they say is not looked at: the tunnels are. */
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	guard->changed(guard->context);
	return 0;
}

struct guard *guard_new(sd_event *loop, void (*changed)(void *context), void *context, char **error)
{
	struct guard *guard = calloc(1, sizeof *guard);

	if (!guard)
		abort();
	guard->changed = changed;
	guard->context = context;
	guard->nft = nft_open(error);
	if (guard->nft)
		guard->watch = ruleset_watch_new(loop, TABLE, NULL, on_ruleset, guard, error);
	if (!guard->watch) {
		guard_free(guard);
		return NULL;
	}
	guard->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int result = guard->events && mnl_socket_bind(guard->events,
					      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
						      RTMGRP_IPV4_RULE,
					      MNL_SOCKET_AUTOPID) == 0
			     ? sd_event_add_io(loop, &guard->source, mnl_socket_get_fd(guard->events),
				       EPOLLIN, on_event, guard)
			     : -errno;
	if (result >= 0)
		return guard;
	error_set(error, "hearing of routes: %s", strerror(-result));
	guard_free(guard);
	return NULL;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	if (guard->count && nft_run(guard->nft, "delete table inet " TABLE, NULL) < 0)
		log_warning("guard", "problem=\"its table cannot be removed\"");
	sd_event_source_disable_unref(guard->source);
	ruleset_watch_free(guard->watch);
	if (guard->events)
		mnl_socket_close(guard->events);
	nft_close(guard->nft);
	free(guard);
}
