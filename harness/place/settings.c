/* Settings: files of /proc/sys, as each node sees them. */
#include "harness/place/settings.h"

#include "lib/base/error.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sysctl's value as it is now, without its newline. 0, or -errno. */
static int read_sysctl(const struct place *place, const char *path, char now[512])
{
	char *text;
	int result = place_read(place, path, &text);
	if (result < 0)
		return result;
	snprintf(now, 512, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return 0;
}

static void sysctl_path(const char *key, char path[256])
{
	size_t used = (size_t)snprintf(path, 256, "/proc/sys/");
	snprintf(path + used, 256 - used, "%s", key);
	for (char *at = path + used; *at; at++)
		if (*at == '.')
			*at = '/';
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
	char path[256], now[512];
	sysctl_path(setting->key, path);
	int fault = place_write(&network->places[node], path, setting->value);
	if (fault == 0)
		fault = read_sysctl(&network->places[node], path, now);
	const char *name = network->topology->nodes[node];
	if (fault < 0)
		return conf_error(setting->at, error,
			"node %s does not take `%s: %s` (%s); this kernel may lack it", name, setting->key,
			setting->value, strerror(-fault));
	if (!same(now, setting->value))
		return conf_error(setting->at, error, "node %s was told `%s: %s` and says `%s`", name,
			setting->key, setting->value, now);
	return 0;
}

int settings_apply(const struct network *network, const struct setting *settings, size_t count, char **error)
{
	for (size_t i = 0; i < count; i++)
		for (int node = 0; node < (int)network->topology->nodes_count; node++)
			if ((settings[i].node < 0 || settings[i].node == node) &&
				!place_is_nobodys(&network->places[node]) &&
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
			char path[256], now[512];
			sysctl_path(settings[i].key, path);
			if ((settings[i].node < 0 || settings[i].node == node) &&
				!place_is_nobodys(&network->places[node]) &&
				read_sysctl(&network->places[node], path, now) == 0)
				json_object_set_new(of_node, settings[i].key, json_string(now));
		}
		json_object_set_new(all, network->topology->nodes[node], of_node);
	}
	return all;
}
