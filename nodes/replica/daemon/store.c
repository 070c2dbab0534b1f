#include "nodes/replica/daemon/store.h"

#include "lib/base/error.h"
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

struct store {
	MDB_env *env;
	MDB_dbi records;
	MDB_txn *reading; /* reset between reads: cheaper than a new one */
};

#define PAGE 4096

static int fail(char **error, const char *folder, int code)
{
	return error_set(error, "store %s: %s; name a folder that can be written, with room for the records",
		folder, mdb_strerror(code));
}

/* All that are missing at once; in the order of keys they need no search. */
static int fill(struct store *s, uint64_t records, const struct record_shape *shape)
{
	uint8_t bytes[RECORD_MAX];
	MDB_txn *txn;
	MDB_stat stat;
	int code = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (code)
		return code;
	code = mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &s->records);
	if (code == 0)
		code = mdb_stat(txn, s->records, &stat);
	for (uint64_t key = code ? records : stat.ms_entries; code == 0 && key < records; key++) {
		uint32_t size = record_size(shape, key);
		record_fill(bytes, size, key);
		MDB_val k = {sizeof key, &key}, v = {size, bytes};
		code = mdb_put(txn, s->records, &k, &v, 0);
	}
	if (code) {
		mdb_txn_abort(txn);
		return code;
	}
	return mdb_txn_commit(txn);
}

struct store *store_open(const char *folder, uint64_t records, const struct record_shape *shape, char **error)
{
	struct store *s = calloc(1, sizeof *s);
	uint32_t most = shape->size < 64 ? 64 : shape->size;
	/* A leaf page holds at least half of what fits; twice that for pages that a writer replaces while readers look. */
	size_t map = (records * (most + 64) * 4 / PAGE + 1024) * PAGE;

	if (!s)
		return error_set(error, "store: no memory"), NULL;
	int code = mdb_env_create(&s->env);
	if (code == 0)
		code = mdb_env_set_mapsize(s->env, map);
	if (code == 0)
		code = mdb_env_open(s->env, folder, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS, 0600);
	if (code == 0)
		code = fill(s, records, shape);
	if (code == 0)
		code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->reading);
	if (code) {
		fail(error, folder, code);
		store_close(s);
		return NULL;
	}
	mdb_txn_reset(s->reading);
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->reading)
		mdb_txn_abort(s->reading);
	if (s->env)
		mdb_env_close(s->env);
	free(s);
}

int store_read(struct store *s, uint64_t key, uint8_t *bytes, uint32_t room)
{
	MDB_val k = {sizeof key, &key}, v;
	int size = -1;

	if (mdb_txn_renew(s->reading) != 0)
		return -1;
	if (mdb_get(s->reading, s->records, &k, &v) == 0 && v.mv_size <= room) {
		memcpy(bytes, v.mv_data, v.mv_size);
		size = (int)v.mv_size;
	}
	mdb_txn_reset(s->reading);
	return size;
}

bool store_write(struct store *s, uint64_t key, const uint8_t *bytes, uint32_t size)
{
	MDB_val k = {sizeof key, &key}, v = {size, (void *)(uintptr_t)bytes};
	MDB_txn *txn;

	if (mdb_txn_begin(s->env, NULL, 0, &txn) != 0)
		return false;
	if (mdb_put(txn, s->records, &k, &v, 0) != 0) {
		mdb_txn_abort(txn);
		return false;
	}
	return mdb_txn_commit(txn) == 0;
}
