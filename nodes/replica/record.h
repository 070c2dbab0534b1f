/* The records that stores hold and clients check. The bytes of a record follow from its key, so a client notices a wrong one. */
#ifndef LIQUIDNET_REPLICA_RECORD_H
#define LIQUIDNET_REPLICA_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define RECORD_MAX 60000

struct record_shape {
	uint32_t size; /* bytes; of skewed records the most, about */
	bool skewed; /* ten fields whose lengths follow Zipf's law, short ones favoured (D1.4, 3.7.10, "Skewed record sizes") */
};

/* 8..RECORD_MAX bytes */
uint32_t record_size(const struct record_shape *shape, uint64_t key);
/* The mean over keys. */
double record_mean(const struct record_shape *shape);
void record_fill(uint8_t *bytes, uint32_t size, uint64_t key);
bool record_check(const uint8_t *bytes, uint32_t size, uint64_t key);

#endif
