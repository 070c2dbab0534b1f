/* Connections of the load: a connection per client and server, made again when it breaks. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "nodes/replica/daemon/load_internal.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_NS (100 * NS_PER_MS)

struct link *load_link(struct load *load, unsigned client, unsigned server)
{
	return &load->links[client * load->settings->server_count + server];
}

static ssize_t take(void *owner, const uint8_t *bytes, size_t size)
{
	struct link *link = owner;
	struct wire_answer answer;
	const char *why = "id-that-nobody-asked-for";
	ssize_t length = wire_read_answer(bytes, size, &answer, &why);

	if (length > 0 && load_answered(link, &answer) < 0)
		length = -1;
	if (length < 0) {
		link->load->count.malformed++;
		log_warning("connection-closed", "client=%u server=%u reason=%s", link->client, link->server,
			why);
	}
	return length;
}

static void closed(void *owner)
{
	struct link *link = owner;
	bool was_up = link->up;

	link->up = false;
	link->retry_ns = clock_now_ns() + RETRY_NS;
	chooser_failed(link->load->choosers[link->client], link->server);
	if (was_up) {
		link->load->count.lost_connections++;
		load_link_lost(link);
	}
}

static void connected(void *owner)
{
	struct link *link = owner;
	int64_t now = clock_now_ns();

	sd_event_source_set_io_events(link->stream.source, EPOLLIN);
	link->up = true;
	/* At the start a chooser knows nothing anyway. */
	if (link->was_up || link->load->started)
		chooser_returned(link->load->choosers[link->client], link->server, now);
	link->was_up = true;
	load_parked_again(link->load, now);
}

static int connect_link(struct link *link)
{
	const struct load_settings *s = link->load->settings;
	const struct place *to = &s->servers[link->server];
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr = address_v4(&to->address), .sin_port = htons(to->port)};
	int fd = socket(
		AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, s->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	link->stream = (struct stream){
		.owner = link, .take = take, .closed = closed, .connected = connected, .fd = -1};
	return stream_open(&link->stream, link->load->loop, fd, true);
}

int load_connect_all(struct load *load, char **error)
{
	for (unsigned i = 0; i < load->settings->clients * load->settings->server_count; i++) {
		struct link *link = &load->links[i];
		*link = (struct link){.load = load,
			.client = i / load->settings->server_count,
			.server = i % load->settings->server_count,
			.stream = {.fd = -1}};
		if (connect_link(link) < 0)
			return error_set(error, "server %u: %s", link->server + 1, strerror(errno));
	}
	return 0;
}

void load_reconnect(struct load *load, int64_t now_ns)
{
	for (unsigned i = 0; i < load->settings->clients * load->settings->server_count; i++) {
		struct link *link = &load->links[i];
		if (link->stream.fd < 0 && now_ns >= link->retry_ns && connect_link(link) < 0)
			link->retry_ns = now_ns + RETRY_NS;
	}
}

void load_send(struct load *load, uint32_t number, unsigned server, int64_t now_ns)
{
	struct flight *f = &load->pool[number];
	struct link *link = load_link(load, f->client, server);
	uint8_t head[WIRE_REQUEST_HEAD];
	bool update = f->kind == FLIGHT_UPDATE || f->kind == FLIGHT_COPY;
	uint32_t size = update ? record_size(&load->settings->record, f->key) : 0;
	struct wire_request request = {
		(uint64_t)f->generation << 32 | number, f->key, update ? WIRE_UPDATE : WIRE_READ, NULL, size};

	f->server = server;
	f->sent_ns = now_ns;
	f->state = FLIGHT_PARKED;
	if (!link->up)
		return;
	f->state = FLIGHT_SENT;
	if (update)
		record_fill(load->record, size, f->key);
	wire_write_request(&request, head);
	/* What cannot be sent is lost with the connection, which the loop sees. */
	if (!stream_send(&link->stream, head, sizeof head, load->record, size))
		shutdown(link->stream.fd, SHUT_RDWR);
}
