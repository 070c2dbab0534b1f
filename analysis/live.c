/* Live: an interface is watched, and a table of its busiest connections printed again each second. */
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include "lib/base/error.h"
#include "lib/base/terminal.h"
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { SNAP = 256, BUFFER = 16 << 20, ROWS = 20 };

struct live {
	struct pass *pass;
	pcap_t *pcap;
	uint16_t link_type;
	FILE *out;
	bool draws;       /* in place */
	uint64_t *before; /* bytes delivered when the last table was made, a connection */
	uint32_t before_count;
};

struct row {
	struct pass_connection connection;
	uint32_t index;
	uint64_t delivered, lately;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void take(u_char *context, const struct pcap_pkthdr *header, const u_char *data)
{
	struct live *live = (struct live *)context;
	struct segment segment;
	const struct capture_packet packet = {
		.time_ns = (int64_t)header->ts.tv_sec * 1000000000 + header->ts.tv_usec,
		.data = data,
		.captured = header->caplen,
		.original = header->len,
		.link_type = live->link_type,
	};
	take_segments(live->pass->tracker, &segment, pass_decode(live->pass, &packet, 1, &segment));
}

static int by_lately(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	if (left->lately != right->lately)
		return left->lately < right->lately ? 1 : -1;
	return left->index < right->index ? -1 : left->index > right->index;
}

static void print_row(struct live *live, const struct row *row, double seconds)
{
	struct subject subject = {.pass = live->pass};
	static const struct delays none;
	char client[64], server[64];
	subject_connection(&subject, &row->connection, row->index);
	const struct connection *connection = row->connection.connection;
	unsigned direction = connection && connection->data[1].delivered > connection->data[0].delivered;
	snprintf(client, sizeof client, "%s", field_value(&subject, subflow_fields, "client_address").text);
	snprintf(server, sizeof server, "%s", field_value(&subject, subflow_fields, "server_address").text);
	subject_direction(&subject, direction);
	subject.delays = subject.from->samples ? &subject.from->samples->rtt : &none;
	struct value rtt = field_value(&subject, delay_fields, "p50_s");
	fprintf(live->out, "%6u %-5s %4u %22s:%-5llu %22s:%-5llu %14llu %10.2f %8llu %9.3f %s\n", row->index,
		connection && connection->mptcp ? "mptcp" : "tcp", subject_subflows(&subject), client,
		(unsigned long long)field_value(&subject, subflow_fields, "client_port").count, server,
		(unsigned long long)field_value(&subject, subflow_fields, "server_port").count,
		(unsigned long long)row->delivered, (double)row->lately * 8 / seconds / 1e6,
		(unsigned long long)field_value(&subject, direction_fields, "retransmitted_packets").count,
		rtt.kind == VALUE_REAL ? rtt.real * 1e3 : 0,
		field_value(&subject, subflow_fields, "ended").text);
}

/* The connections with most bytes since the last table. */
static int print_table(struct live *live, double seconds)
{
	struct pass_connection next;
	uint32_t at = 0, count = 0;
	struct row *rows = calloc(live->pass->tracker->flow_count + 1, sizeof *rows);
	uint64_t *before = realloc(live->before, (live->pass->tracker->flow_count + 1) * sizeof *before);
	if (before)
		live->before = before;
	if (!rows || !before) {
		free(rows);
		return -1;
	}
	for (; pass_next_connection(live->pass, &at, &next); count++) {
		const struct connection *connection = next.connection;
		uint64_t bytes =
			connection ? connection->data[0].delivered + connection->data[1].delivered : 0;
		uint64_t old = count < live->before_count ? before[count] : 0;
		rows[count] = (struct row){next, count, bytes, bytes > old ? bytes - old : 0};
		before[count] = bytes;
	}
	live->before_count = count;
	qsort(rows, count, sizeof *rows, by_lately);
	if (live->draws)
		fputs("\033[H\033[2J", live->out);
	fprintf(live->out, "%llu packets, %u connections\n%6s %-5s %4s %28s %28s %14s %10s %8s %9s\n",
		(unsigned long long)live->pass->packets, count, "#", "", "sub", "client", "server",
		"delivered B", "Mbit/s", "again", "rtt ms");
	for (uint32_t i = 0; i < count && i < ROWS; i++)
		print_row(live, &rows[i], seconds);
	free(rows);
	return fflush(live->out) == 0 ? 0 : -1;
}

static int open_interface(struct live *live, const char *interface, char **error)
{
	char problem[PCAP_ERRBUF_SIZE] = "";
	live->pcap = pcap_create(interface, problem);
	if (!live->pcap)
		return error_set(error, "%s: cannot be watched: %s", interface, problem);
	pcap_set_snaplen(live->pcap, SNAP);
	pcap_set_promisc(live->pcap, 1);
	pcap_set_timeout(live->pcap, 100);
	pcap_set_buffer_size(live->pcap, BUFFER);
	pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO);
	int status = pcap_activate(live->pcap);
	if (status < 0)
		return error_set(error,
			"%s: cannot be watched: %s; it takes the right to capture (CAP_NET_RAW)", interface,
			*pcap_geterr(live->pcap) ? pcap_geterr(live->pcap) : pcap_statustostr(status));
	if (pcap_get_tstamp_precision(live->pcap) != PCAP_TSTAMP_PRECISION_NANO)
		return error_set(error, "%s: has no times in nanoseconds", interface);
	live->link_type = (uint16_t)pcap_datalink(live->pcap);
	return pcap_setnonblock(live->pcap, 1, problem) < 0 ? error_set(error, "%s: %s", interface, problem)
							    : 0;
}

static int watch(struct live *live, int signals, double seconds, char **error)
{
	struct pollfd wait[2] = {{.fd = pcap_get_selectable_fd(live->pcap), .events = POLLIN},
		{.fd = signals, .events = POLLIN}};
	int64_t start = now_ns(), shown = start,
		end = seconds > 0 ? start + (int64_t)(seconds * 1e9) : INT64_MAX;
	for (;;) {
		int64_t now = now_ns(), next = shown + 1000000000;
		if (now >= end)
			return 0;
		if (now >= next) {
			if (print_table(live, (double)(now - shown) / 1e9) < 0)
				return error_set(error, "the table cannot be written");
			shown = now;
			continue;
		}
		next = next < end ? next : end;
		if (poll(wait, 2, (int)((next - now + 999999) / 1000000)) > 0 && (wait[1].revents & POLLIN))
			return 0;
		if (pcap_dispatch(live->pcap, 10000, take, (u_char *)live) < 0)
			return error_set(error, "%s: %s", live->pass->path, pcap_geterr(live->pcap));
		if (live->pass->tracker->out_of_memory)
			return error_set(error, "%s: out of memory", live->pass->path);
	}
}

int analysis_live(const char *interface, const struct analysis_options *options, double seconds, FILE *out,
	char **error)
{
	struct live live = {.out = out, .draws = terminal_draws(out)};
	struct emitter emitter;
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	int signals = signalfd(-1, &set, SFD_CLOEXEC), status = -1;
	live.pass = pass_new(interface, NULL, options, error);
	if (live.pass && signals >= 0 && open_interface(&live, interface, error) == 0)
		status = watch(&live, signals, seconds, error);
	if (status == 0) {
		struct pcap_stat counts = {0};
		pcap_stats(live.pcap, &counts);
		status = emit_start(&emitter, out);
		if (status == 0) {
			if (live.draws)
				emit_text(&emitter, "\033[H\033[2J");
			print_file(&emitter, live.pass);
			emit_printf(&emitter, "%u packets dropped by the kernel\n", counts.ps_drop);
			status = emit_end(&emitter, NULL);
		}
	}
	if (live.pcap)
		pcap_close(live.pcap);
	pass_free(live.pass);
	free(live.before);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}
