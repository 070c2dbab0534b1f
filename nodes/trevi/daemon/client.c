#include "nodes/trevi/daemon/client.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "nodes/trevi/daemon/client_internal.h"
#include <stdlib.h>
#include <string.h>

const char *const client_by_names[] = {"trevi", "unicast", "tcp", "mptcp", NULL};

/* What is asked of more servers at once finds no room in the queue of a link, and waits for TCP to say it again, 200 ms. */
#define ASKED_MAX 16
#define TICK_NS (20 * NS_PER_MS)
#define CONNECT_NS                                                                                           \
	(1500 * NS_PER_MS) /* so long all are waited for before the first round: a lost SYN is repeated after a second */

/* ---- datagrams ---- */

static bool give_request(struct job *job, const struct wire_datagram *d, struct place from, int64_t now_ns)
{
	if (job->sender && sender_session(job->sender) == d->session)
		return sender_ask(job->sender, d, from, now_ns);
	for (unsigned i = 0; i < job->part_count; i++)
		if (job->parts[i].sender && sender_session(job->parts[i].sender) == d->session)
			return sender_ask(job->parts[i].sender, d, from, now_ns);
	return false;
}

static void take_datagram(void *context, const struct wire_datagram *d, struct place from)
{
	struct client *client = context;
	int64_t now = clock_now_ns();

	for (uint32_t i = client->done; i < client->job_count; i++) {
		struct job *job = &client->jobs[i];
		if (!job->active || !((job->receiver ? receiver_take(job->receiver, d, from, now)
						     : give_request(job, d, from, now)) ||
					    job_early(job, d, from, now)))
			continue;
		job->progress_ns = now;
		return;
	}
	client->count.strange++;
}

/* ---- rounds ---- */

void job_end(struct job *job, bool good)
{
	struct client *client = job->client;

	if (job->ended)
		return;
	job->ended = true;
	job->active = false;
	job->good = good;
	client->running--;
	if (good) {
		client->bytes += job->length;
		client->rounds[client->round].bytes += job->length;
		uint64_t end = (uint64_t)job->tract * client->settings->tract_size + job->length;
		client->settings->read = end > client->settings->read ? end : client->settings->read;
	} else
		client->failed = true;
	for (unsigned i = 0; i < job->part_count; i++) {
		struct part *part = &job->parts[i];
		char server[PLACE_TEXT];
		if (part->sender)
			client->count.sent += sender_symbols(part->sender);
		if (part->state == PART_FAILED && !client->error[0])
			error_set(client->error, "tract %u: server %s %s", job->tract,
				place_text(&part->connection->at, server), part->why);
		client->per_server[i] += part->symbols;
	}
	if (job->sender) {
		client->count.sent += sender_symbols(job->sender);
		client->count.needed += sender_fragments(job->sender);
	}
	if (!good && !*client->error)
		error_set(client->error, "tract %u: its bytes were wrong %d times", job->tract, TRIES);
}

static void free_job(struct job *job)
{
	receiver_free(job->receiver);
	sender_free(job->sender);
	for (unsigned k = 0; k < job->part_count; k++) {
		sender_free(job->parts[k].sender);
		part_forget_early(&job->parts[k]);
	}
}

static void free_jobs(struct client *client)
{
	for (uint32_t i = client->done; i < client->job_count; i++)
		free_job(&client->jobs[i]);
	free(client->jobs);
	client->jobs = NULL;
	client->job_count = client->done = 0;
}

/* Servers that have not answered yet. */
static unsigned unanswered(const struct client *client)
{
	unsigned count = 0;

	for (uint32_t i = client->done; i < client->job_count; i++)
		for (unsigned k = 0; client->jobs[i].active && k < client->jobs[i].part_count; k++)
			count += client->jobs[i].parts[k].state == PART_ASKED;
	return count;
}

/* A read that lacks a tract is over. A write goes on: who has not all is named, the others shall. */
static bool may_begin(const struct client *client)
{
	return client->running < client->settings->parallel && client->job_count < client->settings->tracts &&
	       (client->settings->put || !client->failed) && unanswered(client) < ASKED_MAX;
}

/* Tracts begin one after another, so many at once; a job stays where it is for its round. */
static void begin_more(struct client *client)
{
	const struct client_settings *s = client->settings;

	for (; client->done < client->job_count && client->jobs[client->done].ended; client->done++)
		free_job(&client->jobs[client->done]);
	while (may_begin(client)) {
		uint32_t i = client->job_count++;
		uint64_t from = (uint64_t)i * s->tract_size;
		client->running++;
		client->jobs[i] = (struct job){.client = client,
			.tract = i,
			.row = table_locate(s->table, s->guid, i),
			.bytes = s->bytes + from};
		if (s->put)
			client->jobs[i].length =
				(uint32_t)(s->length - from < s->tract_size ? s->length - from
									    : s->tract_size);
		job_begin(&client->jobs[i]);
	}
}

uint32_t client_servers(const struct client *client)
{
	const struct client_settings *s = client->settings;
	uint64_t most = (uint64_t)(s->parallel < s->tracts ? s->parallel : s->tracts) * s->sources,
		 servers = 0;

	for (const struct connection *c = client->connections; c; c = c->next)
		servers += !c->lost;
	return (uint32_t)(servers == 0 ? 1 : servers < most ? servers : most);
}

void client_share(struct client *client)
{
	uint32_t servers = 0;

	for (struct connection *c = client->connections; c; c = c->next) {
		c->reads = 0;
		for (uint32_t i = client->done; i < client->job_count; i++)
			for (unsigned k = 0; client->jobs[i].active && k < client->jobs[i].part_count; k++)
				c->reads += client->jobs[i].parts[k].connection == c &&
					    client->jobs[i].parts[k].state <= PART_RUNNING;
		servers += c->reads > 0;
	}
	for (uint32_t i = client->done; i < client->job_count; i++)
		if (client->jobs[i].active && client->jobs[i].receiver)
			receiver_share(client->jobs[i].receiver, servers ? servers : 1);
}

void client_lend(struct client *client, double symbols)
{
	unsigned active = 0;

	if (client->job_count < client->settings->tracts)
		return; /* another begins */
	for (uint32_t i = client->done; i < client->job_count; i++)
		if (client->jobs[i].active && client->jobs[i].receiver)
			active += receiver_active(client->jobs[i].receiver);
	for (uint32_t i = client->done; active && i < client->job_count; i++)
		if (client->jobs[i].active && client->jobs[i].receiver)
			receiver_lend(client->jobs[i].receiver, symbols / active);
}

void client_pass(struct client *client, double symbols)
{
	struct receiver *best = NULL;
	double most = 0;

	if (client->job_count < client->settings->tracts)
		return;
	for (uint32_t i = client->done; i < client->job_count; i++) {
		struct job *job = &client->jobs[i];
		double need = job->active && job->receiver ? receiver_need(job->receiver) : 0;
		if (need > most) {
			most = need;
			best = job->receiver;
		}
	}
	if (!best)
		return;
	receiver_lend(best, symbols);
	client->passed = true;
}

static void begin_round(struct client *client)
{
	free_jobs(client);
	client->jobs = calloc(client->settings->tracts, sizeof *client->jobs);
	if (!client->jobs)
		abort();
	client->round_began_ns = clock_now_ns();
	client->rounds[client->round].at_s =
		(double)(client->round_began_ns - client->began_ns) / (double)NS_PER_S;
	begin_more(client);
}

/* True: there is nothing more to do. */
static bool next_round(struct client *client)
{
	client->rounds[client->round].seconds =
		(double)(clock_now_ns() - client->round_began_ns) / (double)NS_PER_S;
	client->round++;
	if (client->round == client->round_count || client->failed)
		return true;
	begin_round(client);
	return false;
}

void client_work(struct client *client)
{
	int64_t now = clock_now_ns(), next = now + TICK_NS;

	do {
		client->passed = false;
		for (uint32_t i = client->done; i < client->job_count; i++)
			if (client->jobs[i].active) {
				int64_t when = job_work(&client->jobs[i], now);
				next = when < next ? when : next;
			}
	} while (client->passed);
	for (struct connection *c = client->connections; c; c = c->next) {
		int64_t when = connection_work(c, now);
		next = when < next ? when : next;
	}
	sd_event_source_set_time(client->timer, (uint64_t)(next / NS_PER_US + 1));
	sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

static void after_batch(void *context)
{
	client_work(context);
}

/* A round ends here, not where its last tract ended: what is being looked at there goes with it. */
static int on_timer(sd_event_source *source, uint64_t time, void *context)
{
	struct client *client = context;

	(void)source;
	(void)time;
	client_work(client);
	return 0;
}

/* Connections first: what a first round floods would delay the others' beginning by a second (SYNs that are lost). */
static bool connected(const struct client *client)
{
	for (const struct connection *c = client->connections; c; c = c->next)
		if (!c->lost && c->stream.connecting)
			return false;
	return true;
}

static void begin(struct client *client)
{
	client->started = true;
	begin_round(client);
	client_work(client);
}

static int after_event(sd_event_source *source, void *context)
{
	struct client *client = context;

	(void)source;
	if (!client->started) {
		if (connected(client) || clock_now_ns() - client->began_ns > CONNECT_NS)
			begin(client);
		return 0;
	}
	if (may_begin(client)) {
		begin_more(client);
		client_work(client);
		return 0;
	}
	if (client->running > 0)
		return 0;
	if (next_round(client))
		return sd_event_exit(client->loop, 0);
	client_work(client);
	return 0;
}

/* ---- what it measured ---- */

static void print(const struct client *client, FILE *out)
{
	const struct client_counters *c = &client->count;
	const struct client_settings *s = client->settings;
	double seconds = 0;

	for (uint32_t i = 0; i < client->round; i++)
		seconds += client->rounds[i].seconds;
	fprintf(out,
		"{\"by\": \"%s\", \"bytes\": %llu, \"seconds\": %.6f, \"goodput_mbps\": %.4f, \"failed\": %s,\n",
		client_by_names[s->by], (unsigned long long)client->bytes, seconds,
		seconds > 0 ? (double)client->bytes * 8e-6 / seconds : 0, client->failed ? "true" : "false");
	fprintf(out,
		"\"symbols\": %llu, \"needed\": %llu, \"sent\": %llu, \"asked\": %llu, \"given_up\": %llu, \"late\": %llu,\n",
		(unsigned long long)c->symbols, (unsigned long long)c->needed, (unsigned long long)c->sent,
		(unsigned long long)c->asked, (unsigned long long)c->lost,
		(unsigned long long)c->received.late);
	fprintf(out,
		"\"duplicates\": %llu, \"unasked\": %llu, \"foreign\": %llu, \"wrong_size\": %llu, \"strange\": %llu, \"malformed\": %llu, \"unsent\": %llu,\n",
		(unsigned long long)c->received.duplicates, (unsigned long long)c->received.unasked,
		(unsigned long long)c->received.foreign, (unsigned long long)c->received.wrong_size,
		(unsigned long long)c->strange,
		(unsigned long long)(c->malformed + datagrams_malformed(client->datagrams)),
		(unsigned long long)datagrams_unsent(client->datagrams));
	fprintf(out,
		"\"wrong_hash\": %llu, \"asked_again\": %llu, \"early\": %llu, \"overhead\": %.5f,\n\"sources\": [",
		(unsigned long long)c->wrong_hash, (unsigned long long)c->again, (unsigned long long)c->early,
		c->needed ? (double)(s->put ? c->sent : c->symbols) / (double)c->needed - 1 : 0);
	unsigned most = 1; /* over TCP: none of it by symbols */
	for (unsigned i = 0; i < 256; i++)
		most = client->per_server[i] ? i + 1 : most;
	for (unsigned i = 0; i < most; i++)
		fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)client->per_server[i]);
	fputs("],\n\"rounds\": [", out);
	for (uint32_t i = 0; i < client->round; i++)
		fprintf(out, "%s{\"at\": %.6f, \"ms\": %.4f, \"goodput_mbps\": %.4f}", i ? ",\n" : "",
			client->rounds[i].at_s, 1e3 * client->rounds[i].seconds,
			client->rounds[i].seconds > 0
				? (double)client->rounds[i].bytes * 8e-6 / client->rounds[i].seconds
				: 0);
	fputs("]}\n", out);
}

static int set_up(struct client *client, char **error)
{
	const struct client_settings *s = client->settings;
	sd_event_source *post;

	client->window = window_settings_of(s->noise_ns);
	client->round_count = s->repeat;
	client->rounds = calloc(client->round_count, sizeof *client->rounds);
	if (!client->rounds || sd_event_new(&client->loop) < 0)
		return error_set(error, "no memory");
	client->datagrams = datagrams_open(client->loop,
		(struct place){.address = address_of_v4((struct in_addr){INADDR_ANY})}, s->ttl, take_datagram,
		after_batch, client, error);
	if (!client->datagrams)
		return -1;
	if (sd_event_add_time(client->loop, &client->timer, CLOCK_MONOTONIC, 0, 1, on_timer, client) < 0 ||
		sd_event_add_post(client->loop, &post, after_event, client) < 0)
		return error_set(error, "event loop does not start");
	sd_event_source_set_floating(post, true);
	sd_event_source_unref(post);
	return 0;
}

static void connect_all(struct client *client)
{
	const struct client_settings *s = client->settings;

	for (uint32_t t = 0; t < s->tracts && t < s->table->count; t++) {
		const struct table_row *row = table_locate(s->table, s->guid, t);
		unsigned count = s->put || row->count < s->sources ? row->count : s->sources;
		for (unsigned i = 0; i < count; i++)
			client_connect(client, row->servers[i]);
	}
}

int client_run(struct client_settings *settings, FILE *out, char **error)
{
	struct client client = {.settings = settings, .error = error, .began_ns = clock_now_ns()};
	int status = 1;

	if (set_up(&client, error) == 0) {
		connect_all(&client);
		client_work(&client); /* sets the timer, whatever the connections do */
		sd_event_loop(client.loop);
		print(&client, out);
		status = client.failed;
		free_jobs(&client);
		client_disconnect(&client);
	}
	sd_event_source_disable_unref(client.timer);
	datagrams_close(client.datagrams);
	free(client.rounds);
	sd_event_unref(client.loop);
	return status;
}
