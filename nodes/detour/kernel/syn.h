/* What the two programs at the SYN (syn.bpf.c) share with the daemons: maps and numbers. */
#ifndef LIQUIDNET_DETOUR_SYN_H
#define LIQUIDNET_DETOUR_SYN_H

#include "lib/detour/destination.h"

/* Says, between tc and the NAT table alone, that the first four bytes of the frame's destination are an address to lead to: they have
 * done their work, and are written anew on the way out. */
#define SYN_MARK 0x4c51444e

#define SYN_WANTS 4096
#define SYN_FLOWS 16384
#define SYN_MEMBERS 65536

/* Of a client: the next SYN from there to there is to have the option. All in network order. */
struct syn_want {
	__u32 local, detour;
	__u16 port, zero;
};

struct syn_flow {
	__u32 local, detour;
	__u16 local_port, port;
};

struct syn_option {
	struct destination_key key;
	__u32 remote; /* network order */
	__u32 zero;
};

/* Of a detour, by the client's address (network order). A key of zeros: two members share that address, and none is served so. */
struct syn_member {
	struct destination_key key;
	__u64 until_ns; /* CLOCK_BOOTTIME */
};

enum syn_count { SYN_WRITTEN, SYN_NO_ROOM, SYN_LED, SYN_STRANGE, SYN_FAILED, SYN_COUNTS };

#endif
