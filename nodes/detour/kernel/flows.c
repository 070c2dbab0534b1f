/* Our flows, by libnetfilter_conntrack. Its events do not say what changed, and some states are told of twice: so the flows that
 * live are remembered, a number each. */
#include "nodes/detour/kernel/flows.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <sodium.h>
#include <stdlib.h>

#define EVENTS_BUFFER (4 << 20)

/* A set of numbers: open addressing, 0 is empty, at most half full. */
struct live {
	uint64_t *slots;
	size_t room, count;
};

struct flows {
	struct live live;
	uint32_t mark, mask;
	struct flows_handlers handlers;
	struct nfct_handle *events, *dumps, *changes;
	sd_event_source *source;
	uint64_t losses;
	/* of the dump under way */
	void (*each)(void *context, const struct flow *flow);
	bool (*which)(void *context, const struct flow *flow);
	void *each_context;
	size_t cut;
};

/* --- those that live
 * ---------------------------------------------------------------------------------------------- */

static size_t live_slot(const struct live *live, uint64_t number)
{
	size_t at = number & (live->room - 1);
	while (live->slots[at] && live->slots[at] != number)
		at = (at + 1) & (live->room - 1);
	return at;
}

static bool live_grow(struct live *live)
{
	struct live wider = {.room = live->room ? 2 * live->room : 256, .count = live->count};
	wider.slots = calloc(wider.room, sizeof *wider.slots);
	if (!wider.slots)
		return false;
	for (size_t i = 0; i < live->room; i++)
		if (live->slots[i])
			wider.slots[live_slot(&wider, live->slots[i])] = live->slots[i];
	free(live->slots);
	*live = wider;
	return true;
}

/* False when it was there. */
static bool live_add(struct live *live, uint64_t number)
{
	if (2 * (live->count + 1) > live->room && !live_grow(live))
		return false;
	size_t at = live_slot(live, number);
	if (live->slots[at])
		return false;
	live->slots[at] = number;
	live->count++;
	return true;
}

/* False when it was not there. What follows it without a gap is put in anew, so that it is still found. */
static bool live_remove(struct live *live, uint64_t number)
{
	size_t at = live->room ? live_slot(live, number) : 0;
	if (!live->room || !live->slots[at])
		return false;
	live->slots[at] = 0;
	live->count--;
	for (at = (at + 1) & (live->room - 1); live->slots[at]; at = (at + 1) & (live->room - 1)) {
		uint64_t moved = live->slots[at];
		live->slots[at] = 0;
		live->slots[live_slot(live, moved)] = moved;
	}
	return true;
}

static uint64_t number_of(const struct flow *flow)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES] = {1};
	struct {
		struct address client, detour, remote;
		uint16_t ports[4];
	} all = {flow->client.address, flow->detour.address, flow->remote.address,
		{flow->client.port, flow->detour.port, flow->remote.port, flow->outgoing.port}};
	uint64_t number;
	crypto_shorthash((uint8_t *)&number, (const uint8_t *)&all, sizeof all, key);
	return number ? number : 1;
}

/* --- an entry
 * ---------------------------------------------------------------------------------------------------- */

static struct address address_attr(
	const struct nf_conntrack *entry, enum nf_conntrack_attr v4, enum nf_conntrack_attr v6)
{
	if (nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO) == AF_INET)
		return address_of_v4((struct in_addr){nfct_get_attr_u32(entry, v4)});
	const void *bytes = nfct_get_attr(entry, v6);
	return bytes ? address_of_v6(bytes) : ADDRESS_NONE;
}

static bool read_flow(const struct flows *flows, const struct nf_conntrack *entry, struct flow *flow)
{
	if (nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO) != IPPROTO_TCP ||
		(nfct_get_attr_u32(entry, ATTR_MARK) & flows->mask) != flows->mark)
		return false;
	flow->client = (struct place){address_attr(entry, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC),
		ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_SRC))};
	flow->detour = (struct place){address_attr(entry, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST),
		ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_DST))};
	flow->remote = (struct place){address_attr(entry, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC),
		ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC))};
	flow->outgoing = (struct place){address_attr(entry, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST),
		ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_DST))};
	flow->bytes_up = nfct_get_attr_u64(entry, ATTR_ORIG_COUNTER_BYTES);
	flow->bytes_down = nfct_get_attr_u64(entry, ATTR_REPL_COUNTER_BYTES);
	uint8_t state = nfct_get_attr_u8(entry, ATTR_TCP_STATE);
	flow->live = nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_ASSURED &&
		     state != TCP_CONNTRACK_TIME_WAIT && state != TCP_CONNTRACK_CLOSE;
	return true;
}

/* --- events
 * ------------------------------------------------------------------------------------------------------ */

static void tell(struct flows *flows, enum flow_event event, const struct flow *flow)
{
	flows->handlers.event(flows->handlers.context, event, flow);
}

static int on_entry(enum nf_conntrack_msg_type type, struct nf_conntrack *entry, void *context)
{
	struct flows *flows = context;
	struct flow flow;
	if (!read_flow(flows, entry, &flow))
		return NFCT_CB_CONTINUE;
	uint64_t number = number_of(&flow);
	bool gone = type == NFCT_T_DESTROY;
	if (type == NFCT_T_NEW)
		tell(flows, FLOW_BEGAN, &flow);
	if (!gone && flow.live && live_add(&flows->live, number))
		tell(flows, FLOW_LIVE, &flow);
	if ((gone || !flow.live) && live_remove(&flows->live, number))
		tell(flows, FLOW_OVER, &flow);
	if (gone)
		tell(flows, FLOW_ENDED, &flow);
	return NFCT_CB_CONTINUE;
}

/* Until there is none left, but no longer than a batch: other sources want their turn. */
static int on_events(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct flows *flows = context;
	(void)source, (void)fd, (void)revents;
	if (nfct_catch(flows->events) < 0 && errno == ENOBUFS) {
		flows->losses++;
		flows->handlers.lost(flows->handlers.context);
	}
	return 0;
}

static int open_events(struct flows *flows, sd_event *loop, char **error)
{
	struct nfct_filter *filter = nfct_filter_create();
	struct nfct_filter_dump_mark mark = {.val = flows->mark, .mask = flows->mask};
	flows->events = nfct_open(CONNTRACK,
		NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE | NF_NETLINK_CONNTRACK_DESTROY);
	if (!filter || !flows->events) {
		if (filter)
			nfct_filter_destroy(filter);
		return error_set(error, "conntrack: cannot hear its events: %s", strerror(errno));
	}
	int fd = nfct_fd(flows->events), bytes = EVENTS_BUFFER;
	nfct_filter_add_attr(filter, NFCT_FILTER_MARK, &mark);
	if (nfct_filter_attach(fd, filter) < 0) {
		nfct_filter_destroy(filter);
		return error_set(error, "conntrack: cannot filter its events: %s", strerror(errno));
	}
	nfct_filter_destroy(filter);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return error_set(error, "conntrack: %s", strerror(errno));
	nfct_callback_register(flows->events, NFCT_T_NEW | NFCT_T_UPDATE | NFCT_T_DESTROY, on_entry, flows);
	int result = sd_event_add_io(loop, &flows->source, fd, EPOLLIN, on_events, flows);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

/* --- all of them
 * ------------------------------------------------------------------------------------------------- */

static int on_dumped(enum nf_conntrack_msg_type type, struct nf_conntrack *entry, void *context)
{
	struct flows *flows = context;
	struct flow flow;
	(void)type;
	if (!read_flow(flows, entry, &flow))
		return NFCT_CB_CONTINUE;
	if (flows->each) {
		if (flow.live)
			live_add(&flows->live, number_of(&flow));
		flows->each(flows->each_context, &flow);
	} else if (flows->which(flows->each_context, &flow) &&
		   nfct_query(flows->changes, NFCT_Q_DESTROY, entry) == 0) {
		flows->cut++;
	}
	return NFCT_CB_CONTINUE;
}

static int dump(struct flows *flows)
{
	struct nfct_filter_dump *filter = nfct_filter_dump_create();
	struct nfct_filter_dump_mark mark = {.val = flows->mark, .mask = flows->mask};
	if (!filter)
		return -1;
	nfct_filter_dump_set_attr(filter, NFCT_FILTER_DUMP_MARK, &mark);
	nfct_filter_dump_set_attr_u8(filter, NFCT_FILTER_DUMP_L3NUM, AF_UNSPEC);
	int result = nfct_query(flows->dumps, NFCT_Q_DUMP_FILTER, filter);
	nfct_filter_dump_destroy(filter);
	return result;
}

int flows_each(struct flows *flows, void (*each)(void *context, const struct flow *flow), void *context,
	char **error)
{
	flows->each = each;
	flows->each_context = context;
	free(flows->live.slots);
	flows->live = (struct live){0};
	return dump(flows) < 0 ? error_set(error, "conntrack: cannot read the flows: %s", strerror(errno))
			       : 0;
}

size_t flows_cut(struct flows *flows, bool (*which)(void *context, const struct flow *flow), void *context)
{
	flows->each = NULL;
	flows->which = which;
	flows->each_context = context;
	flows->cut = 0;
	(void)dump(flows);
	return flows->cut;
}

uint64_t flows_losses(const struct flows *flows)
{
	return flows->losses;
}

/* --- beginning and end
 * ------------------------------------------------------------------------------------------- */

struct flows *flows_open(
	sd_event *loop, uint32_t mark, uint32_t mask, const struct flows_handlers *handlers, char **error)
{
	struct flows *flows = calloc(1, sizeof *flows);
	if (!flows) {
		error_set(error, "conntrack: out of memory");
		return NULL;
	}
	flows->mark = mark;
	flows->mask = mask;
	flows->handlers = *handlers;
	flows->dumps = nfct_open(CONNTRACK, 0);
	flows->changes = nfct_open(CONNTRACK, 0);
	if (!flows->dumps || !flows->changes) {
		error_set(error, "conntrack: cannot open it: %s; the kernel needs CONFIG_NF_CT_NETLINK",
			strerror(errno));
		flows_close(flows);
		return NULL;
	}
	nfct_callback_register(flows->dumps, NFCT_T_ALL, on_dumped, flows);
	if (open_events(flows, loop, error) < 0) {
		flows_close(flows);
		return NULL;
	}
	return flows;
}

void flows_close(struct flows *flows)
{
	if (!flows)
		return;
	sd_event_source_disable_unref(flows->source);
	if (flows->events)
		nfct_close(flows->events);
	if (flows->dumps)
		nfct_close(flows->dumps);
	if (flows->changes)
		nfct_close(flows->changes);
	free(flows->live.slots);
	free(flows);
}
