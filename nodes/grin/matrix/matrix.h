/* The parts of liquidnet-matrix: options; the server's side of every connection; flows of a traffic matrix, and fetches. */
#ifndef LIQUIDNET_GRIN_MATRIX_H
#define LIQUIDNET_GRIN_MATRIX_H

#include "nodes/grin/traffic.h"
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum matrix_mode { MATRIX_RUN, MATRIX_SERVE, MATRIX_FETCH };

struct options {
	enum matrix_mode mode;
	/* RUN */
	struct traffic_request traffic;
	struct traffic_flow *list; /* --flows, instead of a pattern */
	unsigned list_count;
	unsigned node; /* from 0 */
	int64_t from_ns, until_ns, duration_ns;
	const char *meet;
	uint32_t meeting;
	/* FETCH */
	struct in_addr servers[256];
	unsigned server_count, connections, rounds;
	uint64_t size;
	int64_t pause_ns;
	bool persistent;
	/* all */
	struct in_addr base; /* of server 0; the others follow */
	uint16_t port;
	bool tcp;
	int ready_fd;
};

extern volatile sig_atomic_t stopped;

/* -1: go on; else the exit status. (options.c) */
int options_read(int argc, char **argv, struct options *options);
void options_free(struct options *options);

/* What a client says first, 16 bytes in network byte order: "GRNM", four bytes 0, and how many bytes it wants; 0: it sends itself, until it closes. It may say so
 * again when it has them. False: that is no such thing. (wire.c) */
enum { MATRIX_HEADER = 16 };
bool matrix_read_header(const unsigned char header[MATRIX_HEADER], uint64_t *wanted);
void matrix_write_header(unsigned char header[MATRIX_HEADER], uint64_t wanted);

/* Sockets; -1 with *error. (server.c) */
int matrix_socket(bool tcp, char **error);
int matrix_listen(const struct options *options, char **error);
int matrix_say_ready(int ready_fd, char **error);

/* The server's side. */
struct server;
struct server *server_new(int listener);
void server_free(struct server *server);
/* Waits for at most so long (less than 0: for ever) and serves; `also` is one more descriptor to be watched, -1: none. */
void server_step(struct server *server, int64_t wait_ns, int also);
/* Bytes that came before and after a moment are counted apart: begins a new count, and says the one before, per connection. */
struct server_count {
	uint64_t bytes;
	struct in_addr peer;
};
/* The counts of all sinks since the last call; *counts is the caller's. */
size_t server_take(struct server *server, struct server_count **counts);
size_t server_sinks(const struct server *server);
size_t server_sinks_open(const struct server *server);
uint64_t server_strangers(const struct server *server);

/* Each prints its result as JSON and returns the exit status; -1 with *error. (run.c, fetch.c) */
int matrix_run(const struct options *options, char **error);
int matrix_serve(const struct options *options, char **error);
int matrix_fetch(const struct options *options, char **error);
/* Prints an object, and lets it go: 0, or 1 where standard output takes it not. */
int matrix_print(json_t *object);

#endif
