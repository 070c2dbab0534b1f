/* Forward. A host that forwards is a router, and hears no router advertisements (the kernel's ip-sysctl.rst: accept_ra is 1):
 * the kernel drops the default route that it has by them, and the host is cut off. Besides, the setting is one of all
 * interfaces: what one of them says itself would be lost when it is put back. */
#include "harness/hosts/forward.h"

#include "lib/base/error.h"
#include <fcntl.h>
#include <glob.h>
#include <linux/ipv6_route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUTES "/proc/net/ipv6_route"
#define ROUTES_MAX (8 << 20)
#define CONF "/proc/sys/net/ipv6/conf/"
#define ACCEPTS_ALWAYS 2 /* accept_ra: also where it forwards */

const char *forward_advertised(const char *routes, char interface[IF_NAMESIZE])
{
	while (*routes) {
		size_t length = strcspn(routes, "\n");
		char line[256];
		unsigned flags;
		snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line - 1),
			routes);
		routes += length + (routes[length] == '\n');
		/* destination, its length, source, its length, next hop, metric, references, uses, flags, interface */
		if (sscanf(line, "%*32s %*2s %*32s %*2s %*32s %*8s %*8s %*8s %8x %15s", &flags, interface) ==
				2 &&
			(flags & RTF_DEFAULT))
			return routes;
	}
	return NULL;
}

static int number_in(const char *path)
{
	char text[16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return atoi(text);
}

static char *read_routes(void)
{
	char *text = malloc(ROUTES_MAX + 1);
	int fd = text ? open(ROUTES, O_RDONLY | O_CLOEXEC) : -1;
	size_t size = 0;
	ssize_t n = 1;
	while (fd >= 0 && n > 0 && size < ROUTES_MAX) {
		n = read(fd, text + size, ROUTES_MAX - size);
		size += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	if (text)
		text[size] = 0;
	return text;
}

static int check_routes(char **error)
{
	char interface[IF_NAMESIZE], path[128], *routes = read_routes();
	int result = routes ? 0 : error_set(error, "no memory");
	for (const char *at = routes; result == 0 && at && (at = forward_advertised(at, interface));) {
		snprintf(path, sizeof path, CONF "%s/accept_ra", interface);
		if (number_in(path) != ACCEPTS_ALWAYS)
			result = error_set(error,
				"its default route of IPv6 comes from router advertisements on %s, which a host that forwards does not hear; set net.ipv6.conf.%s.accept_ra to 2 there",
				interface, interface);
	}
	free(routes);
	return result;
}

static int check_interfaces(char **error)
{
	glob_t found;
	int result = 0;
	if (glob(CONF "*/forwarding", 0, NULL, &found) != 0)
		return error_set(error, "it has no IPv6");
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
		const char *name = found.gl_pathv[i] + strlen(CONF);
		if (number_in(found.gl_pathv[i]))
			result = error_set(error,
				"its interface %.*s alone forwards IPv6, which would be lost; set net.ipv6.conf.all.forwarding to 1 there, or leave it to the experiment",
				(int)strcspn(name, "/"), name);
	}
	globfree(&found);
	return result;
}

int forward_check(char **error)
{
	if (number_in(CONF "all/forwarding"))
		return 0; /* nothing is changed */
	return check_routes(error) < 0 || check_interfaces(error) < 0 ? -1 : 0;
}
