/* Pool: each allocation is a malloc of its own on a list, so that sanitizers see its bounds. */
#include "lib/base/pool.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	max_align_t data[];
};

struct pool {
	struct block *blocks;
};

struct pool *pool_new(void)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		abort();
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (struct block *block = pool->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(pool);
}

void *pool_alloc(struct pool *pool, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes) ||
		__builtin_add_overflow(bytes, sizeof(struct block) + 1, &bytes))
		abort();
	struct block *block = calloc(1, bytes);
	if (!block)
		abort();
	block->next = pool->blocks;
	pool->blocks = block;
	return block->data;
}

void *pool_grow(struct pool *pool, const void *old, size_t old_count, size_t new_count, size_t size)
{
	void *grown = pool_alloc(pool, new_count, size);
	if (old_count)
		memcpy(grown, old, old_count * size);
	return grown;
}

char *pool_strdup(struct pool *pool, const char *text)
{
	size_t length = strlen(text);
	char *copy = pool_alloc(pool, length + 1, 1);
	memcpy(copy, text, length);
	return copy;
}

char *pool_printf(struct pool *pool, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	char *text = pool_alloc(pool, (size_t)length + 1, 1);
	va_start(arguments, format);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}
