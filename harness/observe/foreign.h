/* Foreign: packets in a trial's network that no program of the trial sent. Somebody on the host who enters a node's
 * namespace takes from a link what the measure then lacks, and the wire shows nothing wrong.
 *
 * The kernel counts what each node sends of its own (IpOutRequests, Ip6OutRequests), and a BPF program at the sandbox's
 * cgroup counts what sockets of that cgroup send. The difference is others'. ICMP and resets, which the kernel itself
 * sends, are left out on both sides; so is a packet per TCP socket in TIME_WAIT, whose acknowledgement of a FIN is the
 * kernel's. Not seen: packets that bypass IP (packet sockets, a device fed by hand). */
#ifndef LIQUIDNET_FOREIGN_H
#define LIQUIDNET_FOREIGN_H

#include "harness/place/network.h"
#include <jansson.h>

struct foreign_bpf;

struct foreign {
	const struct network *network;
	struct foreign_bpf *bpf; /* NULL: nothing is counted, for the reason */
	int64_t before;
	char reason[128];
};

/* Begins to count. Harmless where the machine cannot: then the reason is told. */
void foreign_start(struct foreign *foreign, const struct network *network);
/* Ends it: {"own", "foreign"}, packets; or {"reason"}. */
json_t *foreign_stop(struct foreign *foreign);

#endif
