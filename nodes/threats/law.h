/* Laws: the cost of a blind guess, of a flood of joins and of a half-open join, by the rules of RFC 5961 and of Linux, and by D1.1.
 * Pure. */
#ifndef LIQUIDNET_THREATS_LAW_H
#define LIQUIDNET_THREATS_LAW_H

#include <stdint.h>

/* Slots of the table in which Linux keeps token and nonce of joins that were answered with a cookie, for the whole machine
 * (net/mptcp/syncookies.c). */
enum { LAW_JOIN_SLOTS = 1024 };

/* What a receiver takes of a segment without payload, in numbers of the sequence space. */
struct law_region {
	double sequence;        /* from the next number to the end of the window */
	double acknowledgement; /* from what was acknowledged less the peer's largest window, to what was sent */
};

/* RFC 5961, section 5.2, as Linux has it: acknowledgements as old as the largest window that the peer ever offered are taken, but
 * none older than the connection (`acked` bytes). `window`: what the receiver offers; `flight`: bytes that it has sent and that are
 * not acknowledged. */
struct law_region law_region(double window, double max_window, double acked, double flight);

/* The share of segments that hit when each number that is not known is drawn from all 2^32. */
double law_hit(const struct law_region *region, int knows_sequence, int knows_acknowledgement);

/* Segments until one hits, with a client's port that is one of `ports` unknown ones: on average half of them are tried. */
double law_packets(double hit, double ports);

/* D1.1, p. 31, as published: 2^32 / RCV_WND x 2 x EPH_PORTS / 2 x 1 / MSS. Its example, 16 KB and 4,000 ports, is 699,050 with an
 * MSS of 1,500. A full segment makes the window longer once; it is no 1,500 guesses. And half of all acknowledgements are good by
 * the rules before RFC 5961 only. */
double law_published_packets(double window, double ports, double mss);
/* The same rule without the division: any segment, half of the acknowledgements. */
double law_published_hit(double window);

/* A join that was answered with a cookie finds token and nonce again at its third packet, while `others` came in between. */
double law_join_survival(double others);

/* Half-open states of `joins` forged SYNs at a listener. */
uint64_t law_half_open(uint64_t joins, uint64_t backlog);

/* Wilson's interval of 95 % of a share: k of n. n = 0: all from 0 to 1. */
void law_interval(unsigned k, unsigned n, double *low, double *high);

#endif
