/* liquidnet-kibbutz: the device daemon of the Mobile Kibbutz. Options, configuration, sysctls, beginning and
 * end. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/kibbutz/device/device.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct daemon_description description = {
	.program = "liquidnet-kibbutz",
	.summary = "shares the cellular link with neighbours, and uses theirs",
	.default_config = "/etc/liquidnet/kibbutz.yaml",
};

/* What must be true of the namespace: connections obey us only if the user-space path manager was chosen when
 * they began, and neighbours' packets pass only when the kernel forwards. */
static const struct {
	const char *name, *path;
} needed[] = {
	{"net.mptcp.pm_type", "/proc/sys/net/mptcp/pm_type"},
	{"net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"},
};
enum { NEEDED = sizeof needed / sizeof *needed };

static char read_digit(const char *path)
{
	char value = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &value, 1) != 1)
		value = 0;
	if (fd >= 0)
		close(fd);
	return value;
}

static int write_digit(const char *path, char value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, &value, 1) == 1;

	if (fd >= 0)
		close(fd);
	return written ? 0 : -1;
}

/* before[i]: what to put back; 0: nothing. */
static int set_sysctls(const struct settings *settings, char before[NEEDED], char **error)
{
	for (int i = 0; i < NEEDED; i++) {
		char value = read_digit(needed[i].path);
		if (value == '1')
			continue;
		if (!settings->manage_sysctl)
			return error_set(error,
				"%s is not 1 in this network namespace; run `sysctl -w %s=1` in it, or write `manage_sysctl: true` in the configuration",
				needed[i].name, needed[i].name);
		if (write_digit(needed[i].path, '1') < 0)
			return error_set(error, "%s: setting it to 1: %s", needed[i].name, strerror(errno));
		before[i] = value;
		log_info("sysctl", "name=%s value=1 before=%c", needed[i].name, value);
	}
	return 0;
}

static void restore_sysctls(const char before[NEEDED])
{
	for (int i = 0; i < NEEDED; i++)
		if (before[i] && write_digit(needed[i].path, before[i]) < 0)
			log_warning("sysctl-not-restored", "name=%s", needed[i].name);
}

static int serve(struct daemon *daemon, char **error)
{
	const struct settings *settings = daemon->config;
	char before[NEEDED] = {0};
	int status = 1;

	if (sodium_init() < 0)
		return error_set(error, "libsodium does not start"), 1;
	if (set_sysctls(settings, before, error) == 0) {
		struct device *device = device_start(daemon->loop, settings, error);
		if (device)
			status = daemon_run(daemon, device_commands, device);
		device_stop(device);
	}
	restore_sysctls(before);
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
