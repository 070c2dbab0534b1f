/* Capture: libpcap handles opened inside their namespaces stay there; one poll loop drains them all. */
#include "harness/observe/capture.h"

#include "harness/links/wheel_protocol.h"
#include "lib/base/clock.h"
#include <errno.h>
#include <jansson.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDOVER_MS (PLACE_CAPTURE_WAKE_MS + 20)

struct tap {
	const struct capture_target *target;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
};

static int complain(const struct capture_target *target, const char *what)
{
	fprintf(stderr, "capture at %s (%s): %s\n", target->name, target->interface, what);
	return -1;
}

/* The wheel's primers (wheel.h) pass here on their way to nowhere. */
static int leave_out_others(pcap_t *pcap, const char *only)
{
	char text[4096];
	struct bpf_program filter;
	snprintf(text, sizeof text, "not ether proto 0x%04x%s%s%s", WHEEL_PROTOCOL, only ? " and (" : "",
		only ? only : "", only ? ")" : "");
	if (pcap_compile(pcap, &filter, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return -1;
	int result = pcap_setfilter(pcap, &filter);
	pcap_freecode(&filter);
	return result;
}

static int open_tap(struct tap *tap, const struct capture_target *target)
{
	char *fault = NULL;
	tap->target = target;
	tap->pcap = place_capture(target->place, target->interface, target->snap, &fault);
	if (!tap->pcap) {
		complain(target, fault);
		free(fault);
		return -1;
	}
	if (leave_out_others(tap->pcap, target->filter) < 0)
		return complain(target, pcap_geterr(tap->pcap));
	tap->dumper = pcap_dump_open(tap->pcap, target->path);
	return tap->dumper ? 0 : complain(target, pcap_geterr(tap->pcap));
}

static int drain(struct tap *tap)
{
	int n = pcap_dispatch(tap->pcap, -1, pcap_dump, (unsigned char *)tap->dumper);
	return n < 0 ? complain(tap->target, pcap_geterr(tap->pcap)) : 0;
}

/* Drains all until stop_fd (-1: none) or the deadline, whichever comes first. A set that is not drained stays
 * readable: poll comes back to it, so that one busy interface cannot keep the others, or the end, waiting. */
static int drain_until(struct tap *taps, size_t count, int stop_fd, int64_t deadline_ns)
{
	struct pollfd *p = calloc(count + 1, sizeof *p);
	int result = p ? 0 : -1;
	for (size_t i = 0; p && i < count; i++)
		p[i] = (struct pollfd){.fd = pcap_get_selectable_fd(taps[i].pcap), .events = POLLIN};
	if (p)
		p[count] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
	while (result == 0 && !p[count].revents) {
		int64_t left = deadline_ns - clock_now_ns();
		if (left <= 0)
			break;
		int ready = poll(p, count + 1, deadline_ns == INT64_MAX ? -1 : (int)(left / NS_PER_MS) + 1);
		if (ready < 0 && errno != EINTR)
			result = -1;
		for (size_t i = 0; i < count && result == 0 && ready > 0; i++)
			if (p[i].revents)
				result = drain(&taps[i]);
	}
	free(p);
	return result;
}

/* What the kernel counted, and whether the file is whole: a full disk shows only here. */
static int finish(struct tap *tap, json_t *targets)
{
	struct pcap_stat stat = {0};
	int result = 0;
	if (pcap_stats(tap->pcap, &stat) < 0)
		result = complain(tap->target, pcap_geterr(tap->pcap));
	errno = 0;
	if (pcap_dump_flush(tap->dumper) < 0 || ferror(pcap_dump_file(tap->dumper)))
		result = complain(
			tap->target, errno ? strerror(errno) : "its file could not be written whole");
	json_array_append_new(
		targets, json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", tap->target->name, "received",
				 (json_int_t)stat.ps_recv, "dropped_kernel", (json_int_t)stat.ps_drop,
				 "dropped_interface", (json_int_t)stat.ps_ifdrop, "bytes",
				 (json_int_t)pcap_dump_ftell64(tap->dumper)));
	return result;
}

int capture_run(const struct capture_target *targets, size_t count, int ready_fd, int stop_fd,
	const char *result_path)
{
	struct tap *taps = calloc(count, sizeof *taps);
	json_t *list = json_array();
	int result = taps ? 0 : -1;
	for (size_t i = 0; result == 0 && i < count; i++)
		result = open_tap(&taps[i], &targets[i]);
	if (result == 0 && write(ready_fd, "READY\n", 6) < 0)
		result = -1;
	close(ready_fd);
	if (result == 0)
		result = drain_until(taps, count, stop_fd, INT64_MAX);
	/* The kernel hands over a block when it is full or its time is up: what is on its way now comes
	 * within that time. */
	if (result == 0)
		result = drain_until(taps, count, -1, clock_now_ns() + HANDOVER_MS * NS_PER_MS);
	for (size_t i = 0; taps && i < count && taps[i].dumper; i++)
		if (finish(&taps[i], list) < 0)
			result = -1;
	json_t *report = json_pack("{s:o}", "targets", list);
	if (json_dump_file(report, result_path, JSON_INDENT(1)) < 0)
		result = -1;
	json_decref(report);
	for (size_t i = 0; taps && i < count; i++) {
		if (taps[i].dumper)
			pcap_dump_close(taps[i].dumper);
		if (taps[i].pcap)
			pcap_close(taps[i].pcap);
	}
	free(taps);
	return result < 0 ? 1 : 0;
}
