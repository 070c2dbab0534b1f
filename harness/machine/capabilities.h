/* Capabilities: what this machine's kernel and its surroundings can do. Each has a name for programs (system.yaml, an
 * experiment's `requires`) and one for people. Kernel features are tried in namespaces of a child that ends: the
 * machine is left as it was. */
#ifndef LIQUIDNET_CAPABILITIES_H
#define LIQUIDNET_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

enum capability {
	CAN_ROOT,
	CAN_KERNEL, /* its release; always there */
	CAN_MPTCP,
	CAN_PATH_MANAGER,
	CAN_CONGESTION,
	CAN_COUPLED,
	CAN_NAMESPACES,
	CAN_VETH,
	CAN_TUN,
	CAN_HTB,
	CAN_NETEM,
	CAN_USER_NAMESPACES,
	CAN_CLSACT,
	CAN_BPF,
	CAN_NAT,
	CAN_CONNTRACK,
	CAN_CGROUP2,
	CAN_PRESSURE,
	CAN_REALTIME,
	CAN_POLL,
	CAN_MININET,
	CAN_IMPORT_MININET,
	CAN_MPTCPIZE,
	CAN_VIRTUAL,
	CAN_DISK,
	CAPABILITIES
};

struct finding {
	bool there;
	char text[256]; /* what was found; or what to do */
};

/* "netem", "nft-nat": as files name it. */
const char *capability_id(enum capability capability);
/* "nftables with NAT maps": as people read it. */
const char *capability_name(enum capability capability);
/* CAPABILITIES: there is none of that name. */
enum capability capability_named(const char *id);
/* Every experiment needs it. */
bool capability_always(enum capability capability);
/* The kernel has it or not; else root, a program or the disk, which every kernel on this machine shares. */
bool capability_of_kernel(enum capability capability);
/* Looks, once a process: the kernel does not change under us. */
const struct finding *capability_find(enum capability capability);
bool capability_has(enum capability capability);

#endif
