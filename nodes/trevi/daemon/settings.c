#include "nodes/trevi/daemon/settings.h"

#include "lib/base/units.h"
#include <stdlib.h>
#include <string.h>

static struct settings *read_all(struct conf *conf, char **error)
{
	static const char *const keys[] = {"address", "port", "store", "disk", "noise", NULL};
	struct settings *s = calloc(1, sizeof *s);
	const struct conf_node *root = conf ? conf_root(conf) : NULL;
	struct in_addr listen;
	int64_t port, noise_ns;
	uint64_t bits;

	if (!s)
		abort();
	s->conf = conf;
	if (root && conf_expect(root, CONF_MAPPING, error) == 0 && conf_only(root, keys, error) == 0 &&
		conf_need_address(root, "address", &listen, error) == 0 &&
		conf_integer(root, "port", 1, 65535, 7010, &port, error) == 0 &&
		conf_need_string(root, "store", &s->store, error) == 0 &&
		conf_rate(root, "disk", 8000, 1000000000000, 0, &bits, error) == 0 &&
		conf_duration(root, "noise", 1000, NS_PER_S, WINDOW_SETTINGS.noise_ns, &noise_ns, error) ==
			0) {
		s->listen = (struct place){address_of_v4(listen), (uint16_t)port};
		s->disk = bits / 8;
		s->window = window_settings_of(noise_ns);
		return s;
	}
	settings_free(s);
	return NULL;
}

struct settings *settings_load(const char *path, char **error)
{
	return read_all(conf_load(path, error), error);
}

struct settings *settings_parse(const char *name, const char *text, char **error)
{
	return read_all(conf_parse(name, text, strlen(text), error), error);
}

void settings_free(struct settings *s)
{
	if (s)
		conf_free(s->conf);
	free(s);
}
