/* The configuration file of liquidnet-balancer-mux; mux.example.yaml explains every key. */
#ifndef LIQUIDNET_MUX_CONFIG_H
#define LIQUIDNET_MUX_CONFIG_H

#include "lib/base/conf.h"
#include "nodes/balancer/mux/xdp_modes.h"

enum mux_path_choice { PATH_AUTO, PATH_NATIVE, PATH_GENERIC, PATH_SOCKET };

struct mux_config {
	const char *interface;
	int ifindex;
	const char *map;
	enum mux_path_choice path;
	enum mux_forward forward;
	unsigned flow_table; /* entries; 0: none, which is the design */
	struct conf *conf;   /* owns the texts */
};

/* Reads a file. NULL on failure, with *error of the form `FILE:LINE: ...`. */
struct mux_config *mux_config_load(const char *path, char **error);
void mux_config_free(struct mux_config *config);
#endif
