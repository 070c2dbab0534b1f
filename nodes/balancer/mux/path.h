/* A data path takes packets to the VIP from an interface and sends them to servers. There are two kinds with one interface: a program in
 * the kernel (XDP), or a packet socket where the kernel refuses programs. */
#ifndef LIQUIDNET_MUX_PATH_H
#define LIQUIDNET_MUX_PATH_H

#include "nodes/balancer/map.h"
#include "nodes/balancer/mux/config.h"
#include "nodes/balancer/mux/ring.h"
#include <systemd/sd-event.h>

struct mux_path {
	/* NULL and *error when this path cannot be had here. Packets flow from the return on.
	 * What another life of this daemon left is replaced without a gap. */
	void *(*open)(sd_event *loop, const struct mux_config *config, const struct lb_map *map, bool generic,
		char **error);
	/* From one map to the next between two packets: none is lost, none sees half of each. -1 and *error:
	 * the old one stays. */
	int (*use)(void *path, const struct lb_map *map, char **error);
	int (*read)(void *path, struct mux_counters *counters);
	void (*close)(void *path);
};

extern const struct mux_path mux_path_xdp, mux_path_socket;
#endif
