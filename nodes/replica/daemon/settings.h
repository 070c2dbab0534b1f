/* The configurations of `liquidnet-replica serve` and `load`: YAML, each error named by its line. */
#ifndef LIQUIDNET_REPLICA_SETTINGS_H
#define LIQUIDNET_REPLICA_SETTINGS_H

#include "lib/base/conf.h"
#include "lib/net/address.h"
#include "nodes/replica/chooser.h"
#include "nodes/replica/record.h"

enum service_kind { SERVICE_LMDB, SERVICE_EXPONENTIAL, SERVICE_CONSTANT };

struct serve_settings {
	struct conf *conf; /* owns the texts */
	struct place listen;
	const char *store;
	uint64_t records;
	struct record_shape record;
	enum service_kind service;
	int64_t service_ns; /* mean, at the slow speed; not for SERVICE_LMDB */
	bool by_size;       /* in proportion to the record */
	unsigned concurrency;
	int64_t fluctuation_ns; /* 0: never */
	double ratio;
	uint64_t seed;
};

#define LOAD_SERVERS 64

struct load_settings {
	struct conf *conf;
	struct place servers[LOAD_SERVERS];
	unsigned server_count, replicas, clients, of;
	enum selection select;
	bool control;
	double repair;
	unsigned generators; /* closed loop; 0: open, at `rate` */
	double rate;         /* requests per second */
	double updates;      /* share of the requests */
	uint64_t records;
	double zipf; /* exponent; 0: uniform */
	struct record_shape record;
	int64_t after_ns, warmup_ns, duration_ns, timeout_ns;
	bool mptcp;      /* connections of Multipath TCP */
	const char *log; /* NULL: none */
	uint64_t seed;
};

/* NULL with *error. */
struct serve_settings *serve_settings_load(const char *path, char **error);
struct serve_settings *serve_settings_parse(const char *name, const char *text, char **error);
void serve_settings_free(struct serve_settings *settings);
struct load_settings *load_settings_load(const char *path, char **error);
struct load_settings *load_settings_parse(const char *name, const char *text, char **error);
void load_settings_free(struct load_settings *settings);

#endif
