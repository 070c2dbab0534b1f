/* liquidnet-kibbutz: the device daemon of the Mobile Kibbutz. Options, configuration, sysctls, beginning and
 * end. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/net/sysctl.h"
#include "nodes/kibbutz/device/device.h"
#include <sodium.h>

static const struct daemon_description description = {
	.program = "liquidnet-kibbutz",
	.summary = "shares the cellular link with neighbours, and uses theirs",
	.default_config = "/etc/liquidnet/kibbutz.yaml",
	/* Routes and rules by ip, tunnels by OpenVPN. */
	.rights = {.keep = CONFINE(CAP_NET_ADMIN), .executes = true},
};

/* What must be 1 in the namespace: connections obey us only if the user-space path manager was chosen when they
 * began, and neighbours' packets pass only when the kernel forwards. */
static const char *const needed[] = {"net.mptcp.pm_type", "net.ipv4.ip_forward"};
enum { NEEDED = sizeof needed / sizeof *needed };

static int set_sysctls(const struct settings *settings, struct sysctl_switch sysctls[NEEDED], char **error)
{
	for (int i = 0; i < NEEDED; i++) {
		sysctls[i].name = needed[i];
		if (sysctl_need(&sysctls[i], '1', settings->manage_sysctl, error) < 0)
			return -1;
	}
	return 0;
}

static int serve(struct daemon *daemon, char **error)
{
	const struct settings *settings = daemon->config;
	struct sysctl_switch sysctls[NEEDED] = {0};
	int status = 1;

	if (sodium_init() < 0)
		return error_set(error, "libsodium does not start"), 1;
	if (set_sysctls(settings, sysctls, error) == 0) {
		struct device *device = device_start(daemon->loop, settings, error);
		if (device)
			status = daemon_run(daemon, device_commands, device);
		device_stop(device);
	}
	for (int i = 0; i < NEEDED; i++)
		sysctl_put_back(&sysctls[i]);
	return status;
}

static void *load(const char *path, char **error)
{
	return device_settings_load(path, error);
}

static void unload(void *config)
{
	device_settings_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
