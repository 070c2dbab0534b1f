/* liquidnet-detour-client: options, configuration, what must be true of the namespace, and the order of beginning
 * and end. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "nodes/detour/client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 0: the kernel's own path manager, 1: ours. Newer kernels add net.mptcp.path_manager, which follows. */
#define PM_TYPE "/proc/sys/net/mptcp/pm_type"

static const struct daemon_description description = {
	.program = "liquidnet-detour-client",
	.summary = "opens Multipath TCP subflows across NAT and VPN detours",
	.default_config = "/etc/liquidnet/client.yaml",
};

static int read_pm_type(char *value, char **error)
{
	int fd = open(PM_TYPE, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, value, 1);

	if (size != 1)
		error_set(error, PM_TYPE ": %s; a kernel with CONFIG_MPTCP (5.19 or later) is needed",
			size < 0 ? strerror(errno) : "empty");
	if (fd >= 0)
		close(fd);
	return size == 1 ? 0 : -1;
}

static int write_pm_type(char value, char **error)
{
	int fd = open(PM_TYPE, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, &value, 1) == 1;

	if (!written)
		error_set(error, PM_TYPE ": setting it to %c: %s", value, strerror(errno));
	if (fd >= 0)
		close(fd);
	return written ? 0 : -1;
}

/* Connections obey us only if the user-space path manager was chosen when they began. *changed: we chose it.
 */
static int choose_path_manager(const struct settings *settings, bool *changed, char **error)
{
	char value;

	*changed = false;
	if (read_pm_type(&value, error) < 0)
		return -1;
	if (value == '1')
		return 0;
	if (!settings->manage_sysctl)
		return error_set(error,
			"net.mptcp.pm_type is %c in this network namespace; run `sysctl -w net.mptcp.pm_type=1` in it, or write `manage_sysctl: true` in the configuration",
			value);
	if (write_pm_type('1', error) < 0)
		return -1;
	*changed = true;
	log_info("path-manager", "pm_type=1 before=%c", value);
	return 0;
}

static int serve(struct daemon *daemon, char **error)
{
	struct settings *settings = daemon->config;
	bool changed = false;
	int status = 1;

	if (seal_init(error) < 0)
		return 1;

	/* Two would both add subflows to each connection. */
	if (daemon_alone(daemon, 0, error) < 0)
		return 1;
	if (choose_path_manager(settings, &changed, error) == 0 &&
		folders_make(settings->directory, 0700, error) == 0) {
		struct client *client = client_new(daemon->loop, settings, error);
		if (client)
			status = daemon_run(daemon, client_commands, client);
		client_free(client);
	}
	if (changed && write_pm_type('0', error) < 0)
		status = 1;
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
