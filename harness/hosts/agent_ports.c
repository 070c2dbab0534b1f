/* Agent, ports: whether what is sent to one here arrives, for doctor: one host hears, the other knocks. */
#include "harness/hosts/agent_internal.h"

#include "lib/base/clock.h"
#include "lib/net/address.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAR_MS 4000
#define KNOCK_MS 2000
#define KNOCKS 3 /* of datagrams, which may be lost */

static int open_socket(
	const struct address *address, const json_t *what, struct sockaddr_storage *to, socklen_t *size)
{
	bool udp = strcmp(message_text(what, "protocol"), "udp") == 0;
	struct place place = {*address, (uint16_t)message_number(what, "port")};
	*size = place_sockaddr(&place, to);
	return socket(to->ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static json_t *refusal(const char *what)
{
	return json_pack("{s:o}", "error", json_sprintf("%s: %s", what, strerror(errno)));
}

json_t *agent_hear(const struct agent *a, const json_t *what, int channel_fd)
{
	struct address own;
	struct sockaddr_storage here;
	socklen_t size;
	bool udp = strcmp(message_text(what, "protocol"), "udp") == 0;
	address_parse(a->address, &own);
	int fd = open_socket(&own, what, &here, &size), on = 1;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, size) < 0 || (!udp && listen(fd, 1) < 0))
		return refusal("its port cannot be listened at");
	message_say(channel_fd, json_pack("{s:b}", "ok", 1));
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = channel_fd, .events = POLLIN}};
	poll(p, 2, HEAR_MS);
	close(fd);
	return json_pack("{s:b}", "heard", (p[0].revents & POLLIN) != 0);
}

json_t *agent_knock(const struct agent *a, const json_t *what)
{
	struct address address;
	struct sockaddr_storage to;
	socklen_t size;
	bool udp = strcmp(message_text(what, "protocol"), "udp") == 0;
	if (!agent_knows(a, message_text(what, "address"), &address))
		return json_pack("{s:s}", "error", "that address is not in the inventory");
	int fd = open_socket(&address, what, &to, &size);
	if (fd < 0)
		return refusal("socket");
	for (int i = 0; udp && i < KNOCKS; i++)
		sendto(fd, "liquidnet", 9, 0, (struct sockaddr *)&to, size);
	if (!udp && connect(fd, (struct sockaddr *)&to, size) < 0 && errno == EINPROGRESS)
		poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, KNOCK_MS);
	close(fd);
	return json_pack("{s:b}", "ok", 1);
}
