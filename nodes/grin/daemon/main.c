/* liquidnet-grin: a server's idle ports as extra paths (Trilogy2 D1.2, section 3.3). A daemon per server; `assign` is a tool besides. */
#include "lib/base/daemon.h"
#include "nodes/grin/daemon/assign.h"
#include "nodes/grin/daemon/daemon.h"
#include "nodes/grin/daemon/settings.h"
#include <string.h>

static void *load(const char *path, char **error)
{
	return settings_load(path, error);
}

static void unload(void *config)
{
	settings_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-grin",
		.summary =
			"idle ports of servers as extra paths; `liquidnet-grin assign --help`: who is joined to whom",
		.default_config = "/etc/liquidnet/grin.yaml",
		/* Addresses, routes and rules are set, and at the end removed, by ip, which gets no more than this. */
		.rights = {.keep = CONFINE(CAP_NET_ADMIN),
			.start = CONFINE(CAP_BPF) | CONFINE(CAP_PERFMON),
			.executes = true},
	};
	static const struct daemon_parts parts = {load, unload, grin_serve};

	if (argc > 1 && !strcmp(argv[1], "assign"))
		return assign(argc - 1, argv + 1);
	return daemon_main(&description, &parts, argc, argv);
}
