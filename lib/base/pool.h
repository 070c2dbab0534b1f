/* Pool: memory with one owner, which one call frees. A module takes everything that it needs for one purpose (an
 * experiment, a trial) from one pool. If memory runs out, the program aborts: nothing here can go on without the few
 * kilobytes that it asks for. */
#ifndef LIQUIDNET_POOL_H
#define LIQUIDNET_POOL_H
#include <stddef.h>

struct pool;

struct pool *pool_new(void);
void pool_free(struct pool *pool);
/* Zeroed memory for count * size bytes (1 byte at least), aligned for any type. */
void *pool_alloc(struct pool *pool, size_t count, size_t size);
/* A larger copy of an array: `old_count` items are copied, the rest is zero. The old one stays until pool_free. */
void *pool_grow(struct pool *pool, const void *old, size_t old_count, size_t new_count, size_t size);
char *pool_strdup(struct pool *pool, const char *text);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif
