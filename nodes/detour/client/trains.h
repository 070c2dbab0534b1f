/* Trains of probes: what a route without a subflow would carry. A detour says how many of a train's datagrams came, and in which time
 * (nodes/detour/README.md, probe); from that and from what was lost of the trains of late comes what a TCP subflow would deliver there.
 * A pure library: request.h sends trains, the policy (routing.h) has their worth.
 *
 * - Rate: a train leaves back to back, so it arrives as fast as the narrowest link before the detour lets it: (arrived - 1) datagrams in
 *   the time from the first to the last. What is lost before the narrowest link takes no time of it.
 * - Loss: of the trains of late, also of those of small datagrams. Each one's weight is KEPT of that of the one after it, and PRIOR datagrams
 *   that came are added: one datagram lost of eight is no proof of a bad route. Another rate begins anew.
 * - Worth: what loss allows to one TCP with segments of MSS bytes, 0.6 MSS / (RTT sqrt(loss)), and the rate, whichever is less. Reno's rate is
 *   1.22 MSS / (RTT sqrt(loss)) (RFC 9438, section 4.3); subflows with CUBIC, beside others, were measured at half of it: 4.0 to 5.5 Mbit/s with
 *   0.5 % and 20 ms, 2.1 to 2.7 with 2 % (experiment routes). */
#ifndef LIQUIDNET_CLIENT_TRAINS_H
#define LIQUIDNET_CLIENT_TRAINS_H

#include <stdbool.h>
#include <stdint.h>

#define TRAINS_SILENT 4 /* so many in a row without an answer: nothing passes */

struct trains {
	double rate;       /* bytes a second, of the last train with two arrivals or more; 0: none yet */
	double sent, lost; /* datagrams, weighted */
	unsigned silent;   /* trains in a row that nothing was heard of */
};

/* A train of `sent` datagrams of `size` bytes (on the wire) was answered. `loaded`: a subflow of ours fills the route, so what is lost may be lost
 * because of it, and says nothing. */
void trains_answered(
	struct trains *trains, unsigned sent, unsigned arrived, int64_t span_ns, unsigned size, bool loaded);
/* A train of small datagrams was: it says what is lost, and nothing of the rate. */
void trains_counted(struct trains *trains, unsigned sent, unsigned arrived, bool loaded);
/* A train was not answered. */
void trains_missed(struct trains *trains, bool loaded);
bool trains_are_silent(const struct trains *trains);
double trains_loss(const struct trains *trains);
/* Bytes a second; 0: not known. `rtt_ns`: of a subflow there, as far as it is known; 0: loss counts for nothing. */
double trains_worth(const struct trains *trains, int64_t rtt_ns);

#endif
