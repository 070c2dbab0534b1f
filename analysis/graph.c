/* Graph: every packet of one connection over time, as tcptrace and Wireshark draw it: sequence numbers with
 * acknowledgements, outstanding bytes and window, round trips. The first pass finds the connection's flows, the
 * second looks at their packets. */
#include "analysis/output/gnuplot.h"
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 20000, PANELS = 3, PANEL_HEIGHT = 300 };

struct graph {
	struct watcher watcher; /* first: it is what the tracker knows */
	FILE *out;
	uint32_t *flows, flow_count;
	bool *flipped;
	unsigned direction; /* the busier one of the connection: the one drawn */
	enum analysis_graph kind;
	uint64_t stride, seen; /* of what is drawn: every stride-th packet */
	/* What is drawn, a block each. */
	FILE *blocks[6];
	char *texts[6];
	size_t sizes[6];
};

enum block { SENT, AGAIN, ACKNOWLEDGED, OUTSTANDING, WINDOW, RTT };

static int find_flow(const struct graph *graph, const struct flow *flow)
{
	for (uint32_t i = 0; i < graph->flow_count; i++)
		if (graph->flows[i] == flow->index)
			return (int)i;
	return -1;
}

static int64_t relative(uint64_t position)
{
	return (int64_t)(position - ORIGIN);
}

struct moment {
	double time_s, rtt_s; /* rtt_s < 0: none measured */
	int64_t start, acked, outstanding;
	uint64_t window;
	bool again, window_known;
};

static void write_csv(const struct graph *graph, const struct flow *flow, unsigned direction,
	const struct segment *segment, const struct moment *m)
{
	char window[24] = "", rtt[24] = "", ack[24] = "";
	if (m->window_known)
		snprintf(window, sizeof window, "%llu", (unsigned long long)m->window);
	if (m->rtt_s >= 0)
		snprintf(rtt, sizeof rtt, "%.9f", m->rtt_s);
	if (segment->flags & TCP_ACK)
		snprintf(ack, sizeof ack, "%lld", (long long)m->acked);
	fprintf(graph->out, "%.9f,%u,%s,%lld,%u,%s,%s,%lld,%s,%s\n", m->time_s, flow->index,
		direction == FORWARD ? "forward" : "reverse", (long long)m->start, segment->payload, ack,
		window, (long long)m->outstanding, rtt, m->again ? "true" : "false");
}

/* Points of the drawn direction: its data, and what comes back for it. */
static void write_points(
	struct graph *graph, unsigned direction, const struct segment *segment, const struct moment *m)
{
	bool thin = graph->seen++ % graph->stride != 0;
	if (direction == graph->direction) {
		if (segment->payload && (!thin || m->again))
			fprintf(graph->blocks[m->again ? AGAIN : SENT], "%.9f %.6f\n", m->time_s,
				((double)m->start + segment->payload) / 1e6);
		if (!thin)
			fprintf(graph->blocks[OUTSTANDING], "%.9f %.3f\n", m->time_s,
				(double)m->outstanding / 1e3);
		return;
	}
	if (thin || !(segment->flags & TCP_ACK))
		return;
	fprintf(graph->blocks[ACKNOWLEDGED], "%.9f %.6f\n", m->time_s, (double)m->acked / 1e6);
	if (m->window_known)
		fprintf(graph->blocks[WINDOW], "%.9f %.3f\n", m->time_s, (double)m->window / 1e3);
	if (m->rtt_s >= 0)
		fprintf(graph->blocks[RTT], "%.9f %.6f\n", m->time_s, m->rtt_s * 1e3);
}

static void look(
	struct watcher *watcher, struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	struct graph *graph = (struct graph *)watcher;
	int at = find_flow(graph, flow);
	if (at < 0) {
		tcp_segment(tracker, flow, segment);
		return;
	}
	unsigned side = segment->from_second != flow->client_is_second;
	struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	uint64_t samples = peer->samples ? peer->samples->rtt.count : 0;
	double sum = peer->samples ? peer->samples->rtt.sum_ns : 0;
	uint64_t again = from->cold ? from->cold->retransmitted_bytes : 0;
	tcp_segment(tracker, flow, segment);
	uint64_t high = ranges_high(&from->seen);
	uint32_t sequence = segment->sequence + ((segment->flags & TCP_SYN) != 0);
	unsigned scale = from->window_scale != NO_SCALE && peer->window_scale != NO_SCALE &&
					 !(segment->flags & TCP_SYN)
				 ? from->window_scale
				 : 0;
	struct moment moment = {.time_s = (double)segment->time_ns / 1e9,
		.rtt_s = -1,
		.start = relative(unwrap(from->base, sequence, high)),
		.acked = relative(peer->acked),
		.outstanding = high > from->acked ? (int64_t)(high - from->acked) : 0,
		.window = (uint64_t)segment->window << scale,
		.window_known = from->syn && peer->syn,
		.again = from->cold && from->cold->retransmitted_bytes > again};
	if (peer->samples && peer->samples->rtt.count > samples)
		moment.rtt_s = (peer->samples->rtt.sum_ns - sum) / 1e9;
	unsigned direction = side ^ graph->flipped[at];
	if (graph->kind == ANALYSIS_GRAPH_CSV)
		write_csv(graph, flow, direction, segment, &moment);
	else
		write_points(graph, direction, segment, &moment);
}

/* The connection asked for, or the one with most data; its flows go into the graph. 0, or -1 and *error. */
static int choose(
	struct graph *graph, const struct pass *pass, const struct analysis_options *options, char **error)
{
	struct pass_connection next, chosen = {0};
	uint32_t at = 0, index = 0;
	uint64_t most = 0, packets = 0;
	for (; pass_next_connection(pass, &at, &next); index++) {
		const struct connection *connection = next.connection;
		uint64_t bytes =
			connection ? connection->data[0].delivered + connection->data[1].delivered : 0;
		if (options->only_connection ? index == options->connection_index
					     : !chosen.flow || bytes > most) {
			chosen = next;
			most = bytes;
		}
	}
	if (!chosen.flow)
		return error_set(error, "%s: has no connection %u; the table names them", pass->path,
			options->connection_index);
	const struct connection *connection = chosen.connection;
	graph->flow_count = connection ? connection->flow_count : 1;
	graph->flows = calloc(graph->flow_count, sizeof *graph->flows);
	graph->flipped = calloc(graph->flow_count, sizeof *graph->flipped);
	if (!graph->flows || !graph->flipped)
		return error_set(error, "%s: out of memory", pass->path);
	for (uint32_t i = 0; i < graph->flow_count; i++) {
		const struct flow *flow = connection ? connection_flow(connection, i) : chosen.flow;
		graph->flows[i] = flow->index;
		graph->flipped[i] = flow->flipped;
		packets += flow->direction[0].packets + flow->direction[1].packets;
	}
	graph->direction =
		connection && connection->data[REVERSE].delivered > connection->data[FORWARD].delivered;
	graph->stride = packets / POINTS + 1;
	return 0;
}

static const char *const block_names[] = {"$sent", "$again", "$acked", "$outstanding", "$window", "$rtt"};

static int open_blocks(struct graph *graph)
{
	for (unsigned i = 0; i < 6; i++) {
		graph->blocks[i] = open_memstream(&graph->texts[i], &graph->sizes[i]);
		if (!graph->blocks[i])
			return -1;
	}
	return 0;
}

static int draw(struct graph *graph, const char *path, char **error)
{
	struct gnuplot gnuplot;
	for (unsigned i = 0; i < 6; i++) {
		fclose(graph->blocks[i]);
		graph->blocks[i] = NULL;
	}
	if (gnuplot_start(&gnuplot, path, PANELS, PANEL_HEIGHT, error) < 0)
		return -1;
	for (unsigned i = 0; i < 6; i++)
		/* A block must not be empty: a point that is none. */
		fprintf(gnuplot.script, "%s << EOD\n%sEOD\n", block_names[i],
			graph->sizes[i] ? graph->texts[i] : "NaN NaN\n");
	gnuplot_panels(&gnuplot, PANELS);
	fprintf(gnuplot.script,
		"set title 'sequence numbers, %s'\nset ylabel 'MB'\n"
		"plot $acked with points pointtype 7 pointsize 0.15 linecolor rgb 'gray50' title 'acknowledged', "
		"$sent with points pointtype 7 pointsize 0.25 linecolor rgb 'blue' title 'sent', "
		"$again with points pointtype 7 pointsize 0.5 linecolor rgb 'red' title 'sent again'\n"
		"set title 'outstanding bytes and window'\nset ylabel 'kB'\nset yrange [0:*]\n"
		"plot $window with steps linecolor rgb 'gray50' title 'window', $outstanding with points pointtype 7 pointsize 0.2 linecolor rgb 'blue' title 'outstanding'\n"
		"set title 'round trips'\nset ylabel 'ms'\n"
		"plot $rtt with points pointtype 7 pointsize 0.3 linecolor rgb 'dark-green' title 'RTT'\n",
		graph->direction ? "reverse" : "forward");
	return gnuplot_draw(&gnuplot, path, error);
}

static int start_output(struct graph *graph, const char *path, char **error)
{
	if (graph->kind == ANALYSIS_GRAPH_SVG)
		return open_blocks(graph) == 0 ? 0 : error_set(error, "%s: out of memory", path);
	graph->out = fopen(path, "we");
	if (!graph->out)
		return error_set(error, "%s: cannot be written: %s", path, strerror(errno));
	fputs("time_s,subflow,direction,sequence,length,acknowledged,window_bytes,outstanding_bytes,rtt_s,again\n",
		graph->out);
	return 0;
}

static int end_output(struct graph *graph, const char *path, char **error)
{
	if (graph->kind == ANALYSIS_GRAPH_SVG)
		return draw(graph, path, error);
	bool good = fflush(graph->out) == 0 && !ferror(graph->out);
	return good ? 0 : error_set(error, "%s: cannot be written: %s", path, strerror(errno));
}

static void free_graph(struct graph *graph)
{
	for (unsigned i = 0; i < 6; i++) {
		if (graph->blocks[i])
			fclose(graph->blocks[i]);
		free(graph->texts[i]);
	}
	if (graph->out)
		fclose(graph->out);
	free(graph->flows);
	free(graph->flipped);
}

/* One pass over the file; the graph's watcher looks at it when it has flows already. */
static struct pass *pass_over(
	struct graph *graph, const char *capture, const struct analysis_options *options, char **error)
{
	struct capture *opened = capture_open(capture, error);
	struct pass *pass = opened ? pass_new(capture, opened, options, error) : NULL;
	if (pass && graph->flow_count)
		pass->tracker->watcher = &graph->watcher;
	if (pass && pass_run(pass, error) < 0) {
		pass_free(pass);
		return NULL;
	}
	return pass;
}

int analysis_graph(const char *capture, const struct analysis_options *options, enum analysis_graph kind,
	const char *path, char **error)
{
	struct graph graph = {.watcher.segment = look, .kind = kind, .stride = 1};
	if (strcmp(capture, "-") == 0)
		return error_set(error, "a graph reads its capture twice; give a file, not standard input");
	struct pass *pass = pass_over(&graph, capture, options, error);
	int status = pass ? choose(&graph, pass, options, error) : -1;
	pass_free(pass);
	if (status == 0)
		status = start_output(&graph, path, error);
	if (status == 0) {
		pass = pass_over(&graph, capture, options, error);
		status = pass ? end_output(&graph, path, error) : -1;
		pass_free(pass);
	}
	free_graph(&graph);
	return status;
}
