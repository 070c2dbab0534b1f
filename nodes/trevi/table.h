/* The tract locator table: which servers have a tract (Trilogy2 D1.1, 4.2.2; Flat Datacenter Storage). A tract's row is (hash(GUID) +
 * tract) mod rows. A row has servers, and a multicast group of its own if tracts are written to several of them. Clients keep the table;
 * README.md shows the file. */
#ifndef LIQUIDNET_TREVI_TABLE_H
#define LIQUIDNET_TREVI_TABLE_H

#include "lib/net/address.h"
#include "nodes/trevi/wire.h"

#define TABLE_REPLICAS 16

struct table_row {
	struct place servers[TABLE_REPLICAS];
	unsigned count;
	struct in_addr group; /* 0: none */
	uint32_t spread;      /* number of the row; for tests */
};

struct table {
	struct table_row *rows;
	unsigned count;
};

/* NULL with *error "FILE:LINE: ...". */
struct table *table_load(const char *path, char **error);
struct table *table_parse(const char *name, const char *text, char **error);
void table_free(struct table *table);
const struct table_row *table_locate(
	const struct table *table, const uint8_t guid[WIRE_GUID], uint32_t tract);
/* 32 hexadecimal digits. False: it is none. */
bool table_guid(const char *text, uint8_t guid[WIRE_GUID]);

#endif
