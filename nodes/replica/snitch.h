/* Cassandra's Dynamic Snitching, with which C3 is compared. Every 100 ms each server gets a score from two values, each relative to the
 * worst of all servers: the median of a sample of its response times that prefers recent ones, and the time since its last answer
 * (Trilogy2 D1.4, 3.7.4; absim, DynamicSnitch). Between two scorings nothing changes; this causes herds. Pure: the caller passes the
 * time. */
#ifndef LIQUIDNET_REPLICA_SNITCH_H
#define LIQUIDNET_REPLICA_SNITCH_H

#include <stdint.h>

#define SNITCH_SAMPLE 100
#define SNITCH_UPDATE_NS 100000000LL
#define SNITCH_RESET_NS 600000000000LL

struct snitch;

/* NULL: no memory. */
struct snitch *snitch_new(unsigned servers, uint64_t seed, int64_t now_ns);
void snitch_free(struct snitch *snitch);
void snitch_answered(struct snitch *snitch, unsigned server, double response_ns, int64_t now_ns);
/* A value that the servers gossip about themselves (in Cassandra: iowait of the last second), from 0 to 1. It counts up to 100 times as much
 * as the rest of the score. */
void snitch_severity(struct snitch *snitch, unsigned server, double severity);
/* Scores anew when it is time; then the score of a server, less is better. */
void snitch_update(struct snitch *snitch, int64_t now_ns);
double snitch_score(const struct snitch *snitch, unsigned server);

#endif
