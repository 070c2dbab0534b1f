/* The cable between a host and its machine: a TAP device, with the host's address there, and the messages of message.h. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/rtnl.h"
#include "nodes/migration/message.h"
#include "nodes/migration/vmhost/vmhost.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define AGAIN_US 10000u
#define SILENT_NS (10 * NS_PER_S) /* a machine that has no agent is told of */

static int open_device(struct vmhost *host, char **error)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	const struct site *place = &host->config->place;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", host->config->tap);
	host->tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (host->tap < 0 || ioctl(host->tap, TUNSETIFF, &request) < 0)
		return error_set(error, "%s: %s", host->config->tap, strerror(errno));
	int ifindex = (int)if_nametoindex(host->config->tap);
	if (!ifindex || rtnl_set_up(ifindex, true) < 0 ||
		rtnl_set_address(ifindex, place->gateway, place->prefix, true) < 0)
		return error_set(error, "%s: up, with its address: %s", host->config->tap, strerror(errno));
	return 0;
}

static void tell(struct vmhost *host)
{
	char text[MESSAGE_TEXT];
	snprintf(text, sizeof text, "place %s", host->config->place_text);
	message_send(host->cable, text);
}

static int on_again(sd_event_source *source, uint64_t at, void *context)
{
	struct vmhost *host = context;
	(void)at;
	if (host->phase != RUNNING || host->taken_ms > 0)
		return 0;
	tell(host);
	if (!host->silent && clock_now_ns() - host->resumed > SILENT_NS) {
		host->silent = true;
		log_warning("silent",
			"place=%s remedy=\"the machine has not taken its address: is liquidnet-guest running in it?\"",
			host->config->place.name);
	}
	sd_event_source_set_time_relative(source, AGAIN_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

void cable_announce(struct vmhost *host)
{
	host->taken_ms = 0;
	host->silent = false;
	on_again(host->again, 0, host);
}

static int on_heard(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct vmhost *host = context;
	struct message message = message_receive(fd);
	(void)source, (void)events;
	if (message.kind == MESSAGE_WHERE)
		tell(host);
	if (message.kind != MESSAGE_TAKEN || strcmp(message.place.name, host->config->place.name) != 0 ||
		host->taken_ms > 0)
		return 0;
	host->taken_ms = (double)(clock_now_ns() - host->resumed) / NS_PER_MS;
	log_info("taken", "place=%s ms=%.3f", message.place.name, host->taken_ms);
	if (host->phase == STARTING) {
		host->phase = RUNNING;
		vmhost_answer(host, json_pack("{s:f}", "boot_s", host->taken_ms / 1e3));
	}
	return 0;
}

int cable_open(struct vmhost *host, char **error)
{
	sd_event *loop = host->daemon->loop;
	if (open_device(host, error) < 0 || (host->cable = message_socket(host->config->tap, error)) < 0)
		return -1;
	if (sd_event_add_io(loop, &host->heard, host->cable, EPOLLIN, on_heard, host) < 0 ||
		sd_event_add_time(loop, &host->again, CLOCK_MONOTONIC, 0, 1, on_again, host) < 0 ||
		sd_event_source_set_enabled(host->again, SD_EVENT_OFF) < 0)
		return error_set(error, "event loop: out of memory");
	return 0;
}

void cable_close(struct vmhost *host)
{
	sd_event_source_disable_unref(host->heard);
	sd_event_source_disable_unref(host->again);
	if (host->cable >= 0)
		close(host->cable);
	/* The device goes with its descriptor. */
	if (host->tap >= 0)
		close(host->tap);
}
