/* Multipath TCP in a simulated network, by the rules of the kernel whose measurements it is held against: a connection has one data sequence space and one
 * receive window, each subflow is a TCP of its own. (lib/fabric has another TCP, that of the published simulators of data-centre fabrics.)
 *
 *   windows           NewReno (RFC 6582), CUBIC (RFC 9438) with HyStart, or coupled ones; proportional rate reduction (RFC 6937)
 *   losses            RACK and a probe of the tail (RFC 8985); one SACK block per acknowledgement, for which options of Multipath TCP leave room; time-outs
 *   acknowledgements  one per two packets, at once for what is out of order, and for the last of what was asked for; they share queues with data
 *   scheduler         bursts to the subflow that drains first, as far as its send buffer has room
 *
 * Left out: reinjection of data of one subflow on another, growth of the receive window, path managers. Data goes one way: a connection per direction. Packets are
 * counted, not bytes; all have `payload` bytes but the last of what was asked for. */
#ifndef LIQUIDNET_SIM_MPTCP_H
#define LIQUIDNET_SIM_MPTCP_H

#include "lib/sim/network.h"

/* COUPLED: as NewReno, but how fast a window grows beyond slow start depends on all of the connection's. */
enum sim_growth { SIM_RENO, SIM_CUBIC, SIM_COUPLED, SIM_GROWTHS };

/* What a coupled congestion control is to know of a subflow. */
struct sim_mptcp_path {
	uint32_t window; /* packets */
	uint32_t rtt_us;
};
enum { SIM_MPTCP_PATHS = 16 }; /* of a connection that are coupled at most; those beyond grow as NewReno */

struct sim_mptcp_settings {
	enum sim_growth growth;
	/* COUPLED: after how many acknowledged packets the window of the path `own` grows by one; 1 and more. */
	uint32_t (*every)(const struct sim_mptcp_path *paths, uint32_t count, uint32_t own);
	bool hystart;    /* CUBIC leaves slow start by HyStart, too */
	bool slow_start; /* false: windows begin in congestion avoidance */
	/* A sender learns at once that its own first queue is full: it cuts its window, and nothing is lost (Linux's qdiscs). False: the packet is lost. */
	bool told;
	uint32_t payload, headers; /* of a full packet, bytes; headers: all of a frame besides the payload */
	uint32_t control;          /* bytes of a frame that carries no data; 1 and more */
	uint32_t first;            /* window, packets */
	uint32_t window;           /* receive window of a connection, packets */
	uint32_t buffer;           /* packets that a subflow holds at most, sent and unsent */
	uint32_t burst;            /* packets that are given to a subflow at a time, 1 and more */
	uint64_t rto_least_ps, delayed_ps; /* of an acknowledgement */
};
/* What Linux has, in frames of 1514 bytes; CUBIC, a receive window of 4 MB, bursts of 64 KB. */
extern const struct sim_mptcp_settings sim_mptcp_usual;

struct sim_mptcp_counters {
	uint64_t sent, again; /* data packets; of which not for the first time */
	/* Acknowledgements that arrived; of which sooner after the one before, of their subflow, than a full packet takes at the network's rate. */
	uint64_t acks, bunched;
	uint64_t losses, timeouts, probes,
		refusals; /* packets held to be lost; of the tail; packets that the own queue did not take */
};

struct sim_mptcp;

/* Takes the network's `user`, `arrive` and `timer`. `done`: all of what was asked of a connection is there, in order. `timer`: sim_mptcp_timer's. */
struct sim_mptcp *sim_mptcp_new(struct sim_network *network, const struct sim_mptcp_settings *settings,
	void (*done)(void *user, uint32_t connection), void (*timer)(void *user, uint32_t number),
	void *user);
void sim_mptcp_free(struct sim_mptcp *mptcp);

/* A new connection; its number, from 0. `pulled`: the receiver opens it, and asks for data; else the sender opens. */
uint32_t sim_mptcp_connection(struct sim_mptcp *mptcp, bool pulled);
/* A subflow of the newest connection: the paths of data and of acknowledgements, as sim_send numbers them. The first one opens the connection; the others join a round
 * trip later. */
void sim_mptcp_subflow(struct sim_mptcp *mptcp, uint32_t out, uint32_t back);
/* Opens the connection now, once, and sends nothing yet. */
void sim_mptcp_open(struct sim_mptcp *mptcp, uint32_t connection);
/* Asks for so many bytes now, 0: without end; opens the connection where it is not open. What was asked for before has arrived. */
void sim_mptcp_ask(struct sim_mptcp *mptcp, uint32_t connection, uint64_t bytes);
/* Calls `timer` at a time; number below 2^24. */
void sim_mptcp_timer(struct sim_mptcp *mptcp, uint64_t time, uint32_t number);

/* Bytes that the receiver has in order. */
uint64_t sim_mptcp_received(const struct sim_mptcp *mptcp, uint32_t connection);
struct sim_mptcp_counters sim_mptcp_counters(const struct sim_mptcp *mptcp);

#endif
