/* The configuration file of liquidnet-front (front.example.yaml explains it), and the shares of servers. */
#ifndef LIQUIDNET_STEER_FRONT_CONFIG_H
#define LIQUIDNET_STEER_FRONT_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVERS_MOST = 16 };

struct front_server {
	const char *name;
	struct in_addr address;
	unsigned share; /* per cent of new connections */
};

struct front_config {
	struct conf *conf;      /* what the names are part of */
	struct in_addr address; /* that clients know */
	uint16_t port;
	struct front_server servers[SERVERS_MOST];
	unsigned count;
	bool release;
	uint64_t release_after; /* bytes of a connection, both directions */
};

/* NULL with *error: one line, with file and line. Connections beyond the servers' shares stay on this host. */
struct front_config *front_config_load(const char *path, char **error);
void front_config_free(struct front_config *config);

/* Gives a server its share of new connections, in per cent. -1 with *error: no such server, or more than 100 together. */
int front_share(struct front_config *config, const char *name, unsigned share, char **error);

/* All rules, as nft commands in one transaction; the caller frees the text. Pure. */
char *front_rules(const struct front_config *config);
/* Only the rules that choose servers, for a changed share. */
char *front_choice(const struct front_config *config);

#endif
