/* Place, a network namespace of this machine: entered for the moment that something is opened or forked there. */
#include "harness/place/place.h"

#include "lib/base/control.h"
#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_BUFFER_BYTES (4 << 20)

static int start(const struct place *place, const struct process_options *options, struct process *process,
	char **error)
{
	struct process_options there = *options;
	there.netns_fd = place->netns_fd;
	return process_start(process, &there, error);
}

static void stop(const struct place *place, struct process *process, int grace_ms)
{
	(void)place;
	process_stop(process, grace_ms);
}

static int run(const struct place *place, const struct process_options *options, bool merge, int limit_ms,
	char **output, char **error)
{
	struct process_options there = *options;
	there.netns_fd = place->netns_fd;
	return process_run(&there, merge, limit_ms, output, error);
}

static int feed(
	const struct place *place, const char *const *argv, const char *input, char **output, char **error)
{
	return process_feed(argv, place->netns_fd, input, output, error);
}

struct access { /* to a file of /proc, which belongs to the namespace of who opens it */
	const char *path, *text;
	int fd;
};

static int open_inside(void *context)
{
	struct access *a = context;
	a->fd = open(a->path, (a->text ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	return a->fd < 0 ? -1 : 0;
}

static int open_file(const struct place *place, struct access *a)
{
	return netns_call(place->netns_fd, open_inside, a) < 0 ? -errno : 0;
}

/* /proc/net is of the reading thread. */
static const char *thread_path(const char *path, char *buffer, size_t size)
{
	static const char prefix[] = "/proc/net/";
	if (strncmp(path, prefix, strlen(prefix)) != 0)
		return path;
	snprintf(buffer, size, "/proc/thread-self/net/%s", path + strlen(prefix));
	return buffer;
}

static int read_file(const struct place *place, const char *path, char **text)
{
	char buffer[256];
	struct access a = {.path = thread_path(path, buffer, sizeof buffer)};
	size_t size = 0, room = 4096;
	int result = open_file(place, &a);
	if (result < 0)
		return result;
	*text = malloc(room);
	for (ssize_t n = 1; *text && n > 0;) {
		if (room - size < 4096 && !(*text = realloc(*text, room *= 2)))
			break;
		n = read(a.fd, *text + size, room - size - 1);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			result = -errno;
		else
			size += (size_t)n;
	}
	close(a.fd);
	if (!*text)
		return -ENOMEM;
	(*text)[size] = 0;
	if (result < 0) {
		free(*text);
		*text = NULL;
	}
	return result;
}

static int write_file(const struct place *place, const char *path, const char *text)
{
	struct access a = {.path = path, .text = text};
	int result = open_file(place, &a);
	if (result < 0)
		return result;
	if (write(a.fd, text, strlen(text)) < 0)
		result = -errno;
	close(a.fd);
	return result;
}

struct tap {
	const char *interface;
	uint32_t snap;
	pcap_t *pcap;
	char *fault;
};

static int open_tap(void *context)
{
	struct tap *tap = context;
	char fault[PCAP_ERRBUF_SIZE] = "";
	tap->pcap = pcap_create(tap->interface, fault);
	if (!tap->pcap) {
		tap->fault = strdup(fault);
		return -1;
	}
	pcap_set_snaplen(tap->pcap, (int)tap->snap);
	pcap_set_promisc(tap->pcap, 0);
	pcap_set_buffer_size(tap->pcap, CAPTURE_BUFFER_BYTES);
	pcap_set_timeout(tap->pcap, PLACE_CAPTURE_WAKE_MS);
	pcap_set_tstamp_precision(tap->pcap, PCAP_TSTAMP_PRECISION_NANO);
	if (pcap_activate(tap->pcap) >= 0 && pcap_setnonblock(tap->pcap, 1, fault) == 0)
		return 0;
	tap->fault = strdup(*fault ? fault : pcap_geterr(tap->pcap));
	pcap_close(tap->pcap);
	tap->pcap = NULL;
	return -1;
}

static struct pcap *capture(const struct place *place, const char *interface, uint32_t snap, char **error)
{
	struct tap tap = {.interface = interface, .snap = snap};
	if (netns_call(place->netns_fd, open_tap, &tap) < 0)
		error_set(error, "%s", tap.fault ? tap.fault : strerror(errno));
	free(tap.fault);
	return tap.pcap;
}

static int call(const struct place *place, int (*fn)(void *context), void *context)
{
	return netns_call(place->netns_fd, fn, context);
}

static int ask(const struct place *place, const char *path, const char *line, int limit_ms, json_t **answer,
	char **error)
{
	(void)place; /* sockets are files, and files are the sandbox's */
	return control_call(path, line, limit_ms, answer, error);
}

static void close_own(struct place *place)
{
	if (place->netns_fd >= 0)
		close(place->netns_fd);
	place->netns_fd = -1;
}

static void leave(struct place *place)
{
	(void)place;
}

static const struct place_kind own = {"namespace", start, stop, run, feed, read_file, write_file, capture,
	call, ask, NULL, NULL, close_own};
static const struct place_kind borrowed = {
	"namespace", start, stop, run, feed, read_file, write_file, capture, call, ask, NULL, NULL, leave};

int place_open_namespace(struct place *place, const char *name, pid_t pid, char **error)
{
	*place = (struct place){.kind = &own, .name = name, .pid = pid};
	place->netns_fd = pid > 0 ? netns_open_pid(pid) : -1;
	return place->netns_fd >= 0 ? 0 : error_set(error, "network: node %s was not built", name);
}

struct place place_of_namespace(const char *name, int netns_fd)
{
	return (struct place){.kind = &borrowed, .name = name, .netns_fd = netns_fd};
}
