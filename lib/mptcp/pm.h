/* The kernel's MPTCP path manager, seen from user space: generic netlink family "mptcp_pm", version 1.
 * Commands (subflows, priorities) are answered at once by the kernel; events arrive as an
 * sd-event source. Acts on the network namespace in which it was opened. The commands need CAP_NET_ADMIN
 * there, and connections that began while net.mptcp.pm_type was 1.
 *
 * A mapped address (::ffff:10.0.1.1, a dual-stack socket's) is the IPv4 one, in events and in commands. Ports are in
 * host order here. (On the wire commands carry host order and events network order; measured on 6.18.) */
#ifndef LIQUIDNET_MPTCP_PM_H
#define LIQUIDNET_MPTCP_PM_H

#include "lib/net/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct mptcp_pm;

/* The local end of a subflow. */
struct mptcp_pm_local {
	struct place address;
	uint8_t id;     /* address identifier (RFC 8684, section 3.4.1); 0 is the initial subflow's */
	int if_index;   /* 0: as routing says */
	uint32_t flags; /* MPTCP_PM_ADDR_FLAG_*; 0 mostly */
};

/* Numbers of linux/mptcp.h; named here because the headers of 6.1 lack the last two. */
enum mptcp_pm_event_type {
	MPTCP_PM_EVENT_CREATED = 1,     /* the SYN was answered; no subflow can be added yet */
	MPTCP_PM_EVENT_ESTABLISHED = 2, /* from here subflows can be added */
	MPTCP_PM_EVENT_CLOSED = 3,      /* the connection: only the token is set */
	MPTCP_PM_EVENT_ANNOUNCED = 6,   /* the peer's address: remote and remote_id */
	MPTCP_PM_EVENT_REMOVED = 7,     /* remote_id */
	MPTCP_PM_EVENT_SUB_ESTABLISHED = 10,
	MPTCP_PM_EVENT_SUB_CLOSED = 11,
	MPTCP_PM_EVENT_SUB_PRIORITY = 13,
	MPTCP_PM_EVENT_LISTENER_CREATED = 15, /* local only, no token */
	MPTCP_PM_EVENT_LISTENER_CLOSED = 16,
};

struct mptcp_pm_event {
	enum mptcp_pm_event_type type;
	uint32_t token;             /* the connection; 0 in LISTENER events */
	struct place local, remote; /* none: not told; a listener at any IPv6 address has none, too */
	uint8_t local_id, remote_id;
	bool server_side; /* the connection was accepted here */
	bool backup;
	int error;    /* errno of a closed subflow; 0: closed in order, or the kernel does not say */
	int if_index; /* 0: not bound to an interface */
	uint16_t flags;
	uint32_t reset_reason; /* RFC 8684, section 3.6 */
};

struct mptcp_pm_handlers {
	void (*event)(void *context, const struct mptcp_pm_event *event);
	/* Events were lost (ENOBUFS): what the caller believes may be wrong, it must look at the kernel's
	 * state again. Called when every older event has been delivered. */
	void (*overrun)(void *context);
	void *context;
};

/* Opens the command channel and finds the family. NULL with *error (no MPTCP in the kernel, no netlink). */
struct mptcp_pm *mptcp_pm_open(char **error);
/* Delivers events from the loop until mptcp_pm_close; *handlers is copied. At most once per mptcp_pm. -1 with
 * *error. */
int mptcp_pm_subscribe(
	struct mptcp_pm *pm, sd_event *loop, const struct mptcp_pm_handlers *handlers, char **error);
void mptcp_pm_close(struct mptcp_pm *pm);
/* Messages of the event channel that were not events as we know them; they are dropped. */
uint64_t mptcp_pm_undecoded(const struct mptcp_pm *pm);

/* Commands. 0, or a negative errno with the kernel's own text in *error where it gives one: most refusals are
 * a bare EINVAL, and only the text tells which. */

/* Sends the SYN of a new subflow: success means no more than that. SUB_ESTABLISHED or SUB_CLOSED follow, or
 * nothing at all when the path swallows packets. -EINVAL: unknown token, another path manager, or an id in
 * use for another address; -ENOTCONN: the connection is not fully established. */
int mptcp_pm_subflow_create(struct mptcp_pm *pm, uint32_t token, const struct mptcp_pm_local *local,
	const struct place *remote, char **error);
/* Closes a subflow; both ports must be exact (-ESRCH otherwise, -EINVAL for 0). */
int mptcp_pm_subflow_destroy(struct mptcp_pm *pm, uint32_t token, const struct place *local,
	const struct place *remote, char **error);
/* Sends the peer an address of ours, with its id, as one to which it may open subflows (ADD_ADDR, RFC 8684, section 3.4.1); the kernel repeats it
 * until the peer has echoed it. A port in `local` makes the kernel listen there. -EINVAL: unknown token, or an id of 0. */
int mptcp_pm_announce(struct mptcp_pm *pm, uint32_t token, const struct mptcp_pm_local *local, char **error);
/* Sends MP_PRIO on one subflow: backup or not (RFC 8684, section 3.3.8). */
int mptcp_pm_set_backup(struct mptcp_pm *pm, uint32_t token, const struct place *local,
	const struct place *remote, bool backup, char **error);

/* Endpoints of this network, for the kernel's own path manager (net.mptcp.pm_type=0); `flags` say what for: MPTCP_PM_ADDR_FLAG_SUBFLOW opens a subflow from
 * it on every connection, living ones too. An id of 0: the kernel chooses. -EEXIST: the address is one. */
int mptcp_pm_endpoint_add(struct mptcp_pm *pm, const struct mptcp_pm_local *local, char **error);
/* Closes its subflows, and tells peers to which it was announced. -EINVAL: there is none of that id (1..255). */
int mptcp_pm_endpoint_remove(struct mptcp_pm *pm, uint8_t id, char **error);

/* Reads one datagram of the event channel: calls event() for each event of family `family_id`. Returns how
 * many messages were not understood (malformed, unknown events, attributes of a wrong size). Any bytes may be
 * given. */
size_t mptcp_pm_decode(const void *bytes, size_t size, uint16_t family_id,
	void (*event)(void *context, const struct mptcp_pm_event *event), void *context);
/* "ESTABLISHED" and the like; "?" for another number. */
const char *mptcp_pm_event_name(enum mptcp_pm_event_type type);
#endif
