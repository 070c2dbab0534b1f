/* The configuration file of liquidnet-balancer-agent; agent.example.yaml explains every key. */
#ifndef LIQUIDNET_AGENT_CONFIG_H
#define LIQUIDNET_AGENT_CONFIG_H

#include "lib/base/conf.h"
#include <netinet/in.h>
#include <stdint.h>

struct agent_config {
	const char *interface;
	int ifindex;
	struct in_addr address; /* this server's own: its DIP */
	const char *map;
	bool translate;
	int64_t idle_ns;
	unsigned mss;
	uint64_t ports[65536 / 64]; /* a bit a port, host order */
	struct conf *conf;          /* owns the texts */
};

/* Reads a file. NULL on failure, with *error of the form `FILE:LINE: ...`. */
struct agent_config *agent_config_load(const char *path, char **error);
void agent_config_free(struct agent_config *config);
#endif
