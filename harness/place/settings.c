/* Settings: /proc/sys of a namespace is seen by entering it. */
#include "harness/place/settings.h"

#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct access {
	const char *key, *value; /* value NULL: only read */
	char now[512];
};

static int access_sysctl(void *context)
{
	struct access *access = context;
	char path[256] = "/proc/sys/";
	size_t used = strlen(path);
	snprintf(path + used, sizeof path - used, "%s", access->key);
	for (char *at = path + used; *at; at++)
		if (*at == '.')
			*at = '/';
	int fd = open(path, (access->value ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = 0;
	if (access->value && write(fd, access->value, strlen(access->value)) < 0)
		n = -errno;
	if (n == 0) {
		n = pread(fd, access->now, sizeof access->now - 1, 0);
		access->now[n > 0 ? n : 0] = 0;
		access->now[strcspn(access->now, "\n")] = 0;
		n = n < 0 ? -errno : 0;
	}
	close(fd);
	return (int)n;
}

/* The kernel prints lists with tabs; people write blanks. */
static bool same(const char *a, const char *b)
{
	for (;;) {
		bool gap = isspace((unsigned char)*a) && isspace((unsigned char)*b);
		while (gap && isspace((unsigned char)*a))
			a++;
		while (gap && isspace((unsigned char)*b))
			b++;
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static int apply(const struct network *network, int node, const struct setting *setting, char **error)
{
	struct access access = {.key = setting->key, .value = setting->value};
	int fault = netns_call(network->netns[node], access_sysctl, &access);
	const char *name = network->topology->nodes[node];
	if (fault < 0)
		return conf_error(setting->at, error,
			"node %s does not take `%s: %s` (%s); this kernel may lack it", name, setting->key,
			setting->value, strerror(-fault));
	if (!same(access.now, setting->value))
		return conf_error(setting->at, error, "node %s was told `%s: %s` and says `%s`", name,
			setting->key, setting->value, access.now);
	return 0;
}

int settings_apply(const struct network *network, const struct setting *settings, size_t count, char **error)
{
	for (size_t i = 0; i < count; i++)
		for (int node = 0; node < (int)network->topology->nodes_count; node++)
			if ((settings[i].node < 0 || settings[i].node == node) &&
				apply(network, node, &settings[i], error) < 0)
				return -1;
	return 0;
}

json_t *settings_read(const struct network *network, const struct setting *settings, size_t count)
{
	json_t *all = json_object();
	for (int node = 0; node < (int)network->topology->nodes_count; node++) {
		json_t *of_node = json_object();
		for (size_t i = 0; i < count; i++) {
			struct access access = {.key = settings[i].key};
			if ((settings[i].node < 0 || settings[i].node == node) &&
				netns_call(network->netns[node], access_sysctl, &access) == 0)
				json_object_set_new(of_node, settings[i].key, json_string(access.now));
		}
		json_object_set_new(all, network->topology->nodes[node], of_node);
	}
	return all;
}
