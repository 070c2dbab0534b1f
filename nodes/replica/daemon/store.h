/* The store: records in LMDB, one memory-mapped file. */
#ifndef LIQUIDNET_REPLICA_STORE_H
#define LIQUIDNET_REPLICA_STORE_H

#include "nodes/replica/record.h"
#include <stdbool.h>

struct store;

/* Opens the database in a folder that exists and writes the records that it lacks: keys 0 to `records` - 1. NULL with *error. */
struct store *store_open(
	const char *folder, uint64_t records, const struct record_shape *shape, char **error);
void store_close(struct store *store);
/* Copies the record: its size, or -1: there is none (or it does not fit). */
int store_read(struct store *store, uint64_t key, uint8_t *bytes, uint32_t room);
/* False: the disk or the map is full. Not synced to the disk: what a machine loses when it breaks down is not what is studied. */
bool store_write(struct store *store, uint64_t key, const uint8_t *bytes, uint32_t size);

#endif
