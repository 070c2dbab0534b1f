/* liquidnet-detour-client: options, configuration, what must be true of the namespace, and the order of beginning
 * and end. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "nodes/detour/client/client.h"
#include "nodes/detour/kernel/sysctls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 0: the kernel's own path manager, 1: ours. Newer kernels add net.mptcp.path_manager, which follows. */
#define PM_TYPE "net/mptcp/pm_type"

static const struct daemon_description description = {
	.program = "liquidnet-detour-client",
	.summary = "opens Multipath TCP subflows across NAT and VPN detours",
	.default_config = "/etc/liquidnet/client.yaml",
	.rights = {.start = CONFINE(CAP_BPF), .keep = CONFINE(CAP_NET_ADMIN)},
};

/* Connections obey us only if the user-space path manager was chosen when they began. */
static int choose_path_manager(const struct settings *settings, struct sysctls *sysctls, char **error)
{
	char value[64];

	if (!sysctls_get(PM_TYPE, value))
		return error_set(error,
			"/proc/sys/" PM_TYPE ": %s; a kernel with CONFIG_MPTCP (5.19 or later) is needed",
			strerror(errno));
	if (strcmp(value, "1") == 0)
		return 0;
	if (!settings->manage_sysctl)
		return error_set(error,
			"net.mptcp.pm_type is %s in this network namespace; run `sysctl -w net.mptcp.pm_type=1` in it, or write `manage_sysctl: true` in the configuration",
			value);
	return sysctls_set(sysctls, PM_TYPE, "1", error);
}

static bool has_tunnels(const struct settings *settings)
{
	for (unsigned i = 0; i < settings->count; i++)
		if (settings->detours[i].kind == DETOUR_VPN)
			return true;
	return false;
}

/* A path that drops what is too long and does not say so (tunnels have them): TCP finds out by itself when it may. */
static void probe_mtu(const struct settings *settings, struct sysctls *sysctls)
{
	char *error = NULL;

	if (has_tunnels(settings) && settings->manage_sysctl &&
		sysctls_set(sysctls, "net/ipv4/tcp_mtu_probing", "1", &error) < 0)
		log_warning("settings", "problem=\"%s\"", error);
	free(error);
}

static int serve(struct daemon *daemon, char **error)
{
	struct settings *settings = daemon->config;
	int status = 1;

	if (seal_init(error) < 0)
		return 1;

	/* Two would both add subflows to each connection. */
	if (daemon_alone(daemon, 0, error) < 0)
		return 1;
	struct sysctls *sysctls = sysctls_open("detour-client");
	if (!sysctls)
		return 1;
	daemon->rights.executes = has_tunnels(settings);
	daemon->rights.uses_bpf = settings->syn_count > 0;
	sd_event_set_watchdog(daemon->loop, true); /* where systemd asks for it */
	if (choose_path_manager(settings, sysctls, error) == 0 &&
		folders_make(settings->directory, 0700, error) == 0) {
		probe_mtu(settings, sysctls);
		struct client *client = client_new(daemon->loop, settings, error);
		if (client)
			status = daemon_run(daemon, client_commands, client);
		client_free(client);
	}
	sysctls_close(sysctls);
	return status;
}

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
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
